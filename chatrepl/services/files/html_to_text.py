"""Converter of HTML to plain text with headings, lists, tables and code, without menus.

No library is used: html2text is under the GPL and takes three times as long for 5 MB, markdownify
raises ``RecursionError`` for 20,000 nested elements, and inscriptis loses their text and requires
lxml and requests.
"""

import re
from html.parser import HTMLParser

_SKIPPED = frozenset(
    {"script", "style", "template", "noscript", "svg", "nav", "iframe", "object", "select", "title"}
)
_BLOCKS = frozenset(
    (
        *("address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "fieldset"),
        *("figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header"),
        *("hr", "li", "main", "ol", "p", "pre", "section", "table", "tbody", "thead", "tr", "ul"),
    )
)
_MARKS = {f"h{level}": "#" * level + " " for level in range(1, 7)} | {"li": "- "}
_BLANKS = re.compile(r"[ \t\r\n\f]+")
_EMPTY_LINES = re.compile(r"\n{3,}")
_TRAILING = re.compile(r"(?<![ \t])[ \t]+\n")


class _TextCollector(HTMLParser):
    """Collects text; tolerates tags that are never closed, or closed without being open."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title: list[str] = []
        self.parts: list[str] = []
        self._skipped: list[str] = []
        self._pre = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag in _SKIPPED:
            self._skipped.append(tag)
        elif tag in _BLOCKS:
            # Headings and paragraphs get a blank line before them; headings and items a mark.
            self.parts.append("\n\n" if (tag in _MARKS and tag != "li") or tag == "p" else "\n")
            self.parts.append(_MARKS.get(tag, ""))
            self._pre += tag == "pre"
        elif tag in ("td", "th"):
            self.parts.append(" | ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _SKIPPED:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._skipped:
            # Tags that were left open inside end with it.
            del self._skipped[self._skipped.index(tag) :]
        elif tag in _BLOCKS and not self._skipped:
            self.parts.append("\n")
            self._pre = max(0, self._pre - (tag == "pre"))

    def handle_data(self, data: str) -> None:
        if self._skipped:
            if self._skipped == ["title"]:
                self.title.append(data)
        elif self._pre:
            self.parts.append(data)
        else:
            self.parts.append(_BLANKS.sub(" ", data))


def html_to_text(page: str) -> str:
    """Return a page's title and text, however broken its markup is."""
    collector = _TextCollector()
    collector.feed(page)
    collector.close()
    lines = "".join(collector.parts).split("\n")
    text = "\n".join(line if line.startswith(" " * 2) else line.strip(" ") for line in lines)
    text = _EMPTY_LINES.sub("\n\n", _TRAILING.sub("\n", text + "\n")).strip("\n")
    title = " ".join("".join(collector.title).split())
    return f"{title}\n\n{text}" if title and not text.startswith(f"# {title}") else text
