from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatrepl.terminal.draw.html_export import markdown_to_html

TAGS = {
    *("p", "h1", "h2", "h3", "h4", "h5", "h6", "em", "strong", "s", "code", "pre", "span", "a"),
    *("ul", "ol", "li", "blockquote", "hr", "br", "table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {"href", "rel", "title", "class", "start"}
PIECES = st.one_of(
    st.sampled_from(
        [
            *("<script>alert(1)</script>", "<img src=x onerror=y>", "<!--"),
            *("<a href='javascript:x'>", "[a](javascript:alert(1))", "[a](JaVaScRiPt:x)"),
            *("[a](data:text/html,x)", "[a](file:///x)", "[a](&#106;avascript:x)"),
            *("[a](java\tscript:x)", "[a]( javascript:x)", "[a](//evil.test)"),
            *("[a](https://ok.test)", '[a](https://x "t\\"onclick=z")', "<javascript:x>"),
            *("<https://e>", "![a](https://x/p.png)", "![](data:image/png;base64,AA==)"),
            *("[![a](http://x)](http://y)", "[a]: javascript:x\n\n[a]", "```py\n<script>\n```"),
            *("```<script>\nx\n```", "`<b>`", "~~x~~", '```py" onload="x\ny\n```'),
            *("| a |\n|:-:|\n| <b> |", "&lt;script&gt;", "\n\n", "\n", "- ", "> ", "# ", "**", "_"),
            *("\x00", "\ud800", "\u202e", "&#8238;", "[a](http://[x)", "1. "),
        ]
    ),
    st.text(max_size=12),
)


class Elements(HTMLParser):
    """The elements and the text of a fragment, as a browser would parse it."""

    def __init__(self, fragment: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(fragment)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.extend(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.tags.add("<!--")


@settings(max_examples=500)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_hostile_markdown_makes_no_element_that_runs_or_fetches(text: str) -> None:
    seen = Elements(markdown_to_html(text))
    assert seen.tags <= TAGS
    for name, value in seen.attributes:
        assert name in ATTRIBUTES
        if name == "href":
            assert value is not None
            assert value.lower().startswith(("http:", "https:", "mailto:"))


@pytest.mark.parametrize(
    "text", ["<script>x</script>", "a <b>b</b> c", "List<T>", "<div>\n\n</div>", "<!-- note -->"]
)
def test_raw_html_is_shown_as_it_was_written(text: str) -> None:
    shown = Elements(markdown_to_html(text)).text
    assert "".join(shown.split()) == "".join(text.split())


def test_code_is_highlighted_by_classes_and_keeps_every_character() -> None:
    code = "\n\ndef f(x):\n    return '<&>'\n\n"
    page = markdown_to_html(f"```python\n{code}```")
    assert '<span class="k">def</span>' in page
    assert Elements(page).text == code + "\n"


def test_code_of_an_unknown_language_stays_plain() -> None:
    assert markdown_to_html("```nonsense\na < b\n```") == (
        '<pre><code class="language-nonsense">a &lt; b\n</code></pre>\n'
    )


def test_a_picture_becomes_a_link_and_is_not_fetched() -> None:
    assert markdown_to_html("![a *cat*](https://x.test/c.png)") == (
        '<p><a href="https://x.test/c.png" rel="noopener noreferrer nofollow">a cat</a></p>\n'
    )


def test_a_picture_inside_a_link_is_its_text() -> None:
    assert markdown_to_html("[![cat](http://x/c.png)](http://y) ![dog](http://z)") == (
        '<p><a href="http://y" rel="noopener noreferrer nofollow">cat</a> '
        '<a href="http://z" rel="noopener noreferrer nofollow">dog</a></p>\n'
    )


def test_tables_keep_their_alignment_without_styles_of_their_own() -> None:
    page = markdown_to_html("| a | b |\n|--:|:-:|\n| 1 | 2 |")
    assert '<th class="right">a</th>' in page
    assert '<td class="center">2</td>' in page
    assert "style=" not in page
