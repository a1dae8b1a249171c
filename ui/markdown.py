"""Markdown that a person wrote, as a tree of plain lists the browser can draw without parsing HTML.

A node is a string, or a list `[tag, attributes, *children]`. Tags are those of `TAGS`; the only
attributes are `href` of a link and `start` of a numbered list. Markup that is none of ours (HTML,
pictures, links of other schemes) stays in the text as it was written: nothing a person typed is
lost, and nothing of it is ever run. `static/markdown.js` draws the nodes.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

BLOCKS = ("p", "h2", "h3", "h4", "ul", "ol", "li", "pre", "blockquote", "hr")
TAGS = frozenset((*BLOCKS, "em", "strong", "code", "a", "br"))
LINK = re.compile(r"https?://|mailto:|#", re.IGNORECASE)
# A page has an h1 of its own.
HEADINGS = {"h1": "h2", "h2": "h3", "h3": "h4", "h4": "h4", "h5": "h4", "h6": "h4"}
DEEPEST = 20  # lists and quotes inside each other; what is deeper is shown as it was written

Node = Any  # str, or [tag, attributes, *nodes]


class _Dialect(MarkdownIt):
    """CommonMark without HTML, pictures and definitions of links, and with links of our schemes."""

    def __init__(self) -> None:
        super().__init__("commonmark", {"html": False, "maxNesting": DEEPEST})
        self.disable(["image", "reference", "html_block", "html_inline"])

    def validateLink(self, url: str) -> bool:
        return LINK.match(url) is not None


_dialect = _Dialect()


@lru_cache(maxsize=1024)
def nodes(text: str) -> list[Node]:
    """The nodes of a text. The same list for the same text: it is for reading only."""
    tokens = _dialect.parse(text)
    if any(token.level >= DEEPEST - 1 for token in tokens):
        return [["p", {}, text]]
    return _children(iter(tokens))


def _children(tokens: Iterator[Token]) -> list[Node]:
    """The nodes up to the end of the element whose opening tag was read last."""
    found: list[Node] = []
    for token in tokens:
        if token.nesting < 0:
            break
        if token.nesting > 0:
            inner = _children(tokens)
            found.extend(inner if token.hidden else [_element(token, inner)])
        else:
            found.extend(_leaf(token))
    return found


def _element(token: Token, inner: list[Node]) -> Node:
    tag = HEADINGS.get(token.tag, token.tag)
    assert tag in TAGS, tag
    attributes = {name: token.attrs[name] for name in ("href", "start") if name in token.attrs}
    return [tag, attributes, *inner]


def _leaf(token: Token) -> list[Node]:
    """The nodes of a token that encloses none; a line a person began is begun here too."""
    if token.type == "inline":
        return _children(iter(token.children or []))
    if token.type in ("softbreak", "hardbreak"):
        return [["br", {}]]
    if token.type == "hr":
        return [["hr", {}]]
    if token.type == "code_inline":
        return [["code", {}, token.content]]
    if token.type in ("fence", "code_block"):
        return [["pre", {}, ["code", {}, token.content]]]
    return [token.content] if token.content else []
