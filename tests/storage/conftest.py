"""A fresh data folder, and runs to queue in it."""

import pytest
from sample_rows import add_assets, make_run

from storage.database import Database


@pytest.fixture
def database(tmp_path):
    database = Database.open(tmp_path)
    add_assets(database)
    yield database
    database.close()


@pytest.fixture
def new_run():
    return make_run
