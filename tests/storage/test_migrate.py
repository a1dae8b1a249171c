"""A database is made, migrated after a backup, or refused; never changed half."""

import shutil
import sqlite3
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

import storage.migrate as migration
from storage.database import Database, connect
from storage.errors import DamagedDatabaseError, NewerDatabaseError
from storage.files import DataFolder
from storage.migrate import HEAD, SCRIPTS, backup, revision
from storage.tables import Base

NEXT = '''"""One more column."""
import sqlalchemy as sa
from alembic import op
revision = "9002"
down_revision = "{head}"
def upgrade():
    with op.batch_alter_table("runs") as runs:
        runs.add_column(sa.Column("extra", sa.String(), nullable=False, server_default="none"))
        {more}
'''


@pytest.fixture
def newer_program(tmp_path, monkeypatch):
    def install(more="pass"):
        scripts = tmp_path / "scripts"
        shutil.copytree(SCRIPTS, scripts, dirs_exist_ok=True)
        (scripts / "versions" / "9002_more.py").write_text(NEXT.format(more=more, head=HEAD))
        monkeypatch.setattr(migration, "SCRIPTS", scripts)
        monkeypatch.setattr(migration, "HEAD", "9002")

    return install


def not_the_search(name, kind, parents):
    return not (kind == "table" and name.startswith("run_words"))


def test_the_head_named_in_the_code_is_the_newest_script():
    assert ScriptDirectory(str(SCRIPTS)).get_current_head() == HEAD


def test_a_fresh_database_has_the_tables_of_the_classes(database):
    engine = create_engine(f"sqlite:///{database.folder.database}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": not_the_search})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_pragmas_are_set_on_every_connection(database):
    with database.read() as session:
        values = {
            name: session.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert values == {
        "journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "busy_timeout": 5000
    }  # fmt: skip


def test_a_database_of_a_newer_program_is_refused_and_left_alone(tmp_path):
    Database.open(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "app.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(NewerDatabaseError, match=r"newer Wanderbook .*9999"):
        Database.open(tmp_path)
    assert revision(tmp_path / "app.db") == "9999"
    assert not (tmp_path / "backups").exists()


def test_a_file_that_is_no_database_is_named_and_left_alone(tmp_path):
    (tmp_path / "app.db").write_text("This is a letter, and a long one. " * 100)
    with pytest.raises(DamagedDatabaseError, match="python -m studio rescan"):
        Database.open(tmp_path)
    assert (tmp_path / "app.db").read_text().startswith("This is a letter")


def test_an_older_database_is_backed_up_and_migrated_with_its_rows(
    database, new_run, newer_program
):
    with database.write() as session:
        session.add(new_run(number=1, rev=1, state="done", created_at=1.0))
    newer_program()
    Database.open(database.folder.root).close()
    with closing(sqlite3.connect(database.folder.database)) as connection:
        assert connection.execute("SELECT prompt, extra FROM runs").fetchall() == [
            ("a lamp", "none")
        ]
    [copy] = database.folder.backups.iterdir()
    assert revision(copy) == HEAD
    assert revision(database.folder.database) == "9002"


def test_a_migration_that_fails_changes_nothing(database, newer_program):
    newer_program(more='op.execute("SELECT * FROM no_such_table")')
    with pytest.raises(Exception, match="no_such_table"):
        Database.open(database.folder.root)
    with closing(sqlite3.connect(database.folder.database)) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(runs)")]
    assert "extra" not in columns
    assert revision(database.folder.database) == HEAD


def test_a_backup_of_a_database_in_use_holds_its_rows(database):
    with database.write():
        copy = backup(database.folder, "by-hand")
    engine = connect(copy)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM assets")) == 2
    engine.dispose()


def test_a_current_database_opens_without_alembic(database, monkeypatch):
    monkeypatch.setattr(migration, "_upgrade", None)
    migration.migrate(DataFolder(database.folder.root))
