"""HTML as values: every text is escaped where it is put in, so no page can forget it.

`el("p", {"class": "note"}, "<b>")` gives `<p class="note">&lt;b&gt;</p>`. What is a `Markup` goes
in as it is, all else as text; attributes that are None or False are left out.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ui.markdown import nodes

ALONE = frozenset(("meta", "link", "img", "br", "hr", "input", "circle", "path"))  # never closed
DARK = "(prefers-color-scheme: dark)"  # where a page takes the rules of `static/dark.css`
Content = Any  # a Markup, a text, or None and False, which are nothing


class Markup(str):
    """HTML that is ready."""

    __slots__ = ()


def el(tag: str, attributes: Mapping[str, Any] | None = None, *children: Content) -> Markup:
    """An element of HTML or SVG."""
    written = "".join(_attribute(name, value) for name, value in (attributes or {}).items())
    if tag in ALONE:
        assert not children, tag
        return Markup(
            f"<{tag}{written}>" if tag not in ("path", "circle") else f"<{tag}{written}/>"
        )
    return Markup(f"<{tag}{written}>{joined(children)}</{tag}>")


def joined(children: Sequence[Content]) -> Markup:
    """One after the other."""
    return Markup("".join(_ready(child) for child in children if child not in (None, False)))


def prose(text: str) -> Markup:
    """Markdown that a person wrote."""
    return joined([_node(node) for node in nodes(text)])


def document(head: Sequence[Markup], body: Sequence[Markup]) -> str:
    """A whole page without the app."""
    page = el(
        "html", {"lang": "en", "class": "dark"}, el("head", None, *head), el("body", None, *body)
    )
    return f"<!doctype html>\n{page}\n"


def _ready(child: Content) -> str:
    return child if isinstance(child, Markup) else escape(str(child))


def _attribute(name: str, value: Any) -> str:
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'


def _node(node: Any) -> Markup:
    """A node of `ui.markdown`, whose tags and attributes are few and known."""
    if isinstance(node, str):
        return Markup(escape(node))
    tag, attributes, *children = node
    link = {"rel": "noopener noreferrer nofollow"} if tag == "a" else {}
    return el(tag, {**attributes, **link}, *[_node(child) for child in children])
