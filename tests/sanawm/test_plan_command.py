"""`python -m sanawm plan`, and that the page for people with a card says what it prints."""

import json
import re
from pathlib import Path

import pytest

from sanawm.cli.main import main
from sanawm.memory_plan import GIB

PAGE = Path(__file__).parents[2] / "docs" / "gpu.md"


@pytest.mark.parametrize("name", ["sana-wm", "sana-wm-streaming"])
def test_the_page_has_the_table_that_the_command_prints(capsys, name):
    assert main(["plan", "--model", name]) == 0
    [table] = re.findall(rf"<!-- plan {name} -->\n(.*?)<!-- end -->", PAGE.read_text(), re.DOTALL)
    assert table == capsys.readouterr().out


def test_one_card_and_one_length_as_json(capsys):
    assert main(["plan", "--memory", "16", "--frames", "961", "--json"]) == 0
    *table, last = capsys.readouterr().out.splitlines()
    [found] = json.loads(last)["plans"]
    assert (found["gigabytes"], found["num_frames"]) == (16, 961)
    assert found["plan"]["peak_bytes"] < 16 * GIB
    assert len(table) == 3


def test_a_model_folder_has_a_plan_too(capsys):
    assert main(["plan", "--model", "tiny", "--memory", "8", "--frames", "17"]) == 0
    assert "all at once" in capsys.readouterr().out


def test_a_card_without_memory_is_a_sentence(capsys):
    assert main(["plan", "--memory", "0"]) == 2
    assert "--memory must be 1 or more" in capsys.readouterr().err
