"""Conversion of Markdown to HTML that is safe in a page: nothing runs, nothing is fetched."""

from functools import cache
from html import escape
from typing import Any
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

_SCHEMES = frozenset({"http", "https", "mailto"})
_LINK_RELATION = "noopener noreferrer nofollow"
_MAX_HIGHLIGHTED_CHARS = 50_000
"""Longer code stays plain: some lexers need minutes for what is not their language."""
_FORMATTER: Any = HtmlFormatter(nowrap=True)


def markdown_to_html(text: str) -> str:
    """Convert Markdown, with raw HTML shown as text and code highlighted by CSS classes.

    Links lead to http, https and mailto only; an image becomes a link to it. The classes are those
    of Pygments' HTML formatter.
    """
    return str(_parser().render(text))


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "highlight": _highlight})
    parser.enable(["table", "strikethrough"])
    parser.validateLink = _is_safe_link  # type: ignore[method-assign]
    parser.core.ruler.push("safe_tokens", _make_tokens_safe)
    return parser


def _highlight(code: str, language: str, _attributes: str) -> str:
    if not language or len(code) > _MAX_HIGHLIGHTED_CHARS:
        return ""
    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return ""
    return str(highlight(code, lexer, _FORMATTER))


def _is_safe_link(url: str) -> bool:
    """Return whether a link may stay one; relative ones would lead nowhere from a saved page."""
    try:
        return urlsplit(url).scheme.lower() in _SCHEMES
    except ValueError:
        return False


def _make_tokens_safe(state: StateCore) -> None:
    """Change parsed tokens in place: alignment by classes, links without referrer, no images."""
    for token in state.tokens:
        # A page's policy stops style attributes; its style sheet knows these classes.
        style = token.attrs.pop("style", None)
        if isinstance(style, str):
            token.attrSet("class", style.removeprefix("text-align:"))
        links_open = 0
        for child in token.children or ():
            if child.tag == "a":
                links_open += child.nesting
            if child.type == "link_open":
                child.attrSet("rel", _LINK_RELATION)
            elif child.type == "image":
                # Already rendered; the type keeps the renderer from escaping it again.
                child.content = _image_link(state, child, is_in_link=links_open > 0)
                child.type = "html_inline"


def _image_link(state: StateCore, image: Token, *, is_in_link: bool) -> str:
    """Return the HTML of a link to an image, or of its label where a link is open already.

    A picture would be fetched when the page is opened, and so tell its server that it is read.
    """
    label = RendererHTML().renderInlineAsText(image.children, state.md.options, state.env)
    address = escape(str(image.attrGet("src") or ""))
    if is_in_link:
        return escape(label or address)
    return f'<a href="{address}" rel="{_LINK_RELATION}">{escape(label) or address}</a>'
