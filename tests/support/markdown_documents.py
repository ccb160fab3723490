"""Strategies for Markdown, well and badly formed, and for ways to cut it into pieces."""

import os

from hypothesis import settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("CHATREPL_EXAMPLES", "0"))

INLINE = [
    *("word", "two words", " ", "  ", "*", "**", "***", "_", "__", "~~", "~", "`", "``", "a`b"),
    *("[", "]", "](", ")", "[a](b)", '[x](https://e.x/y "t")', "![i](j.png)", "[r]", "[r][r]"),
    *("<", ">", "<b>", "</b>", "<!-- c -->", "<https://a.b>", "<a@b.c>", "List<T>", "<think>"),
    *("&", "&amp;", "&#8238;", "&#27;", "&nosuch;", "\\", "\\*", "\\\\", "$", "$x^2$", "$5", "$$"),
    *("\\(", "\\)", "\\[", "\\]", r"\frac{a}{b}", "https://a.b/c_d", "http", "!", "|", "\\|", ":"),
    *(
        "中文",
        "。",
        "日本語**",
        "é",
        "e\u0301",
        "👩\u200d👧",
        "⚠\ufe0f",
        "🇩🇪",
        "क\u094dष",
        "한국어",
    ),
    *("\x1b[2J", "\x9b", "\u202e", "\u200b", "\x00", "\r", "\u2028", "\t", "\ud800", "\U000e0041"),
    *("x" * 30, "中" * 40, "*a " * 10, "w" * 220, "long words " * 25, "x_y_z", "0<foo or foo>10"),
]
STARTS = [
    *("", "", "", "# ", "## ", "####### ", "#", "> ", ">", "> > ", "- ", "* ", "+ ", "-", "1. "),
    *("2. ", "10) ", "1.", "  - ", "    ", "   ", "      ", "\t", "- [ ] ", "- [x] ", "1. - > "),
    *("```", "```python\n", "~~~", "~~~~ js x\n", "    code", "---", "***", "===", "- - -", "| "),
    *("| a | b |\n|---|---|\n", "|:-:|-:|", "a | b\n-|-\n", "| x | y | z |", "|-"),
    *("[r]: http://r.x", "$$", "$$\n", "\\[\n", "<div>", "</div>", "<!--", "-->", "<script>"),
    *("</script>", "<x>", "<p "),
]
ENDS = ["\n", "\n", "\n", "\n\n", "\r\n", "\n\n\n", "  \n", "\\\n", " #\n", "|\n", "\r", ""]

inlines = st.lists(st.sampled_from(INLINE) | st.text(max_size=4), max_size=6).map("".join)
lines = st.tuples(st.sampled_from(STARTS), inlines, st.sampled_from(ENDS)).map("".join)
documents = st.lists(lines, max_size=14).map("".join)
widths = st.integers(1, 120) | st.sampled_from([1, 2, 10, 24, 25, 60, 80])


def examples(count: int) -> settings:
    """Return settings for so many examples, or for as many as CHATREPL_EXAMPLES says."""
    return settings(max_examples=EXAMPLES or count, deadline=None)


@st.composite
def cut_documents(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Draw a document and a way to cut it into pieces."""
    text = draw(documents)
    size = draw(st.sampled_from([1, 1, 2, 3, 5, 8, 20, 100]))
    if draw(st.booleans()):
        return text, [text[at : at + size] for at in range(0, len(text), size)]
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    return text, [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
