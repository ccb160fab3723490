"""Turns Markdown into HTML that is safe in a page: nothing runs, nothing is fetched."""

from collections.abc import MutableMapping, Sequence
from functools import cache
from html import escape
from typing import Any
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

__all__ = ["markdown_to_html"]

_SCHEMES = frozenset({"http", "https", "mailto"})
_HIGHLIGHTED_CHARACTERS = 50_000
"""Longer code stays plain: some lexers need minutes for what is not their language."""


def markdown_to_html(text: str) -> str:
    """Render Markdown with raw HTML shown as text and code highlighted by CSS classes.

    Links lead to http, https and mailto only; an image becomes a link to it. Classes are those of
    Pygments' HTML formatter.
    """
    return str(_parser().render(text))


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "highlight": _highlight})
    parser.enable(["table", "strikethrough"])
    parser.validateLink = _is_safe_link  # type: ignore[method-assign]
    parser.add_render_rule("link_open", _link_open)
    parser.add_render_rule("image", _image)
    parser.add_render_rule("th_open", _cell_open)
    parser.add_render_rule("td_open", _cell_open)
    return parser


def _highlight(code: str, language: str, _attributes: str) -> str:
    if not language or len(code) > _HIGHLIGHTED_CHARACTERS:
        return ""
    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return ""
    return str(highlight(code, lexer, _formatter()))


@cache
def _formatter() -> Any:  # noqa: ANN401 - Pygments tells no types
    return HtmlFormatter(nowrap=True)


def _is_safe_link(url: str) -> bool:
    """Tell whether a link may stay one; relative ones would lead nowhere from a saved page."""
    try:
        return urlsplit(url).scheme.lower() in _SCHEMES
    except ValueError:
        return False


def _link_open(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    environment: MutableMapping[str, Any],
) -> str:
    tokens[index].attrSet("rel", "noopener noreferrer nofollow")
    return renderer.renderToken(tokens, index, options, environment)


def _cell_open(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    environment: MutableMapping[str, Any],
) -> str:
    # A page's policy stops style attributes; its style sheet knows these classes.
    style = tokens[index].attrs.pop("style", None)
    if isinstance(style, str):
        tokens[index].attrSet("class", style.removeprefix("text-align:"))
    return renderer.renderToken(tokens, index, options, environment)


def _image(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    environment: MutableMapping[str, Any],
) -> str:
    token = tokens[index]
    label = renderer.renderInlineAsText(token.children, options, environment)
    address = escape(str(token.attrGet("src") or ""))
    # A picture would be fetched when the page is opened, and tell its server so; and a link may
    # not stand inside another.
    if sum(one.nesting for one in tokens[:index] if one.tag == "a") > 0:
        return escape(label or address)
    return f'<a href="{address}" rel="noopener noreferrer nofollow">{escape(label) or address}</a>'
