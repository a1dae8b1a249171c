"""Every `python -m sanawm …` that a page tells people to type is one the program takes."""

import re
import shlex
from pathlib import Path

import pytest

from sanawm.cli.main import _parser_for

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("models/*/README.md")]
COMMAND = re.compile(r"python -m sanawm ([^\n`#]+)")


def commands_of(page):
    return COMMAND.findall(page.read_text(encoding="utf-8").replace("\\\n", " "))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_tells_to_type_is_understood(page):
    for command in commands_of(page):
        words = shlex.split(command.rstrip("., "))
        if "…" in command or len(words) == 1:
            continue  # named in passing
        parser, _ = _parser_for(words)
        parser.parse_args(words)


def test_commands_are_found_where_they_stand():
    assert sum(len(commands_of(page)) for page in PAGES) > 20
