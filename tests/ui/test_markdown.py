import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.markdown import DEEPEST, TAGS, nodes

WORD = st.text(alphabet="abcxyz", min_size=1, max_size=6)
AROUND = ["{}", "# {}", "> {}", "- *{}*", "2. **{}**", "`{}`", "[{}](#/n/x)"]
HOSTILE = [
    "<script>document.title='owned'</script>",
    "<img src=x onerror=alert(1)>",
    "[press](javascript:alert(1))",
    "[press](JaVaScRiPt:alert(1))",
    "[press](java\nscript:alert(1))",
    "[press](&#106;avascript:alert(1))",
    "[press](data:text/html,<script>alert(1)</script>)",
    "[press](vbscript:x)",
    "[press](//elsewhere.example/x)",
    "<javascript:alert(1)>",
    "![a](http://elsewhere.example/pixel.png)",
    "[a]: javascript:alert(1)\n\n[a]",
]


def elements(tree):
    for node in tree:
        if not isinstance(node, str):
            yield node
            yield from elements(node[2:])


def words(tree):
    return "".join(node if isinstance(node, str) else words(node[2:]) for node in tree)


def letters(text):
    return re.findall("[a-z]", text)


def is_safe(tree):
    for tag, attributes, *_ in elements(tree):
        assert tag in TAGS
        assert set(attributes) <= {"a": {"href"}, "ol": {"start"}}.get(tag, set())
        assert re.match("https?://|mailto:|#", attributes.get("href", "#"), re.IGNORECASE)
        assert isinstance(attributes.get("start", 1), int)
    return json.loads(json.dumps(tree)) == tree


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("plain", [["p", {}, "plain"]]),
        ("# Inside", [["h2", {}, "Inside"]]),
        ("## Walls\n\ntext", [["h3", {}, "Walls"], ["p", {}, "text"]]),
        ("###### small", [["h4", {}, "small"]]),
        ("one\ntwo", [["p", {}, "one", ["br", {}], "two"]]),
        ("*a* **b**", [["p", {}, ["em", {}, "a"], " ", ["strong", {}, "b"]]]),
        ("`a`", [["p", {}, ["code", {}, "a"]]]),
        ("- a\n- b", [["ul", {}, ["li", {}, "a"], ["li", {}, "b"]]]),
        ("3. a", [["ol", {"start": 3}, ["li", {}, "a"]]]),
        ("> a", [["blockquote", {}, ["p", {}, "a"]]]),
        ("---", [["hr", {}]]),
        ("```\n<b>\n```", [["pre", {}, ["code", {}, "<b>\n"]]]),
        ("[run 11](#/run/01J)", [["p", {}, ["a", {"href": "#/run/01J"}, "run 11"]]]),
        ("<http://a.example>", [["p", {}, ["a", {"href": "http://a.example"}, "http://a.example"]]]),
        ("<b>bold</b>", [["p", {}, "<b>bold</b>"]]),
    ],
)  # fmt: skip
def test_markdown_becomes_nodes(text, expected):
    assert nodes(text) == expected


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_markup_stays_text(text):
    tree = nodes(text)

    assert is_safe(tree)
    assert not any("owned" in str(attributes) for _, attributes, *_ in elements(tree))
    assert not any(tag == "a" and "elsewhere" not in str(node) for tag, *node in elements(tree))


@given(st.lists(st.sampled_from(HOSTILE) | st.text(max_size=40), max_size=6).map("".join))
def test_nothing_but_the_known_tags_attributes_and_schemes_survives(text):
    assert is_safe(nodes(text))


@given(st.text(alphabet="ab*_#>-+1. \n<\\()", max_size=80))
def test_no_letter_is_lost_whatever_stands_around_it(text):
    assert letters(words(nodes(text))) == letters(text)


@given(st.lists(st.tuples(st.sampled_from(AROUND), WORD), max_size=8))
def test_words_come_out_in_the_order_in_which_they_were_written(pieces):
    text = "\n\n".join(pattern.format(word) for pattern, word in pieces)

    assert letters(words(nodes(text))) == letters("".join(word for _, word in pieces))


def test_what_is_nested_too_deep_is_shown_as_it_was_written():
    text = ">" * (DEEPEST + 30) + " far in"

    assert nodes(text) == [["p", {}, text]]
