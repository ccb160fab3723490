"""Transcripts as Markdown: no text changes the structure around it."""

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from chatrepl.core.messages import Message, State
from chatrepl.core.transcript import Transcript, to_markdown
from chatrepl.core.transcript.markdown_blocks import as_block, fenced, quoted
from tests.support.transcript_strategies import CONTENTS, NOW, conversation

LINES = st.one_of(
    st.sampled_from(
        [
            *("", "text", "- a", "  - b", "1. x", "2) y", "10. z", "   more", "    code", "\tcode"),
            *(
                "```",
                "```py",
                "````",
                "~~~",
                "~~~~ x",
                " ```",
                "  ```",
                "   ```",
                "    ```",
                "\t```",
            ),
            *("- ```py", "1. ```", "2) ```", "2. ```", "- - ```", "> ```", "> - ```", "- > ```"),
            *("  ```  ", "``` `x`", "`````", "     ```", "      ```", "       ```", "-\t```"),
            *("<!--", "-->", "<div>", "</div>", "<script>", "<?", "<![CDATA[", "- <!--", "<x>"),
            *("   <!--", "    <!--", "     <!--", "> <!--", "<https://a.b> c", "<b>bold</b>"),
            *("\u00a0", "\x0b", "\x0c", "---", "===", "# head", "| a | b |", "|---|---|", "[a]: <"),
            *("[a]: /u 'title", "\\", "`` ", "*", "&lt;!--", "\x00", "\ud800", "a\rb", "\r\n"),
        ]
    ),
    st.text("`~ -\t<!>1.\n\rx", max_size=8),
)
DOCUMENTS = st.lists(LINES, max_size=12).map("\n".join)
MARKER = "marker-7f3a"


def parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def headings(markdown: str) -> list[str]:
    """Return the second-level headings that stand at the top level, outside of all else."""
    tokens = parser().parse(markdown)
    return [
        tokens[number + 1].content
        for number, token in enumerate(tokens)
        if token.type == "heading_open" and token.level == 0 and token.tag == "h2"
    ]


def assert_nothing_stays_open(block: str) -> None:
    tokens = parser().parse(f"{block}\n\n## {MARKER}\n")
    assert [token.type for token in tokens[-3:]] == ["heading_open", "inline", "heading_close"]
    assert (tokens[-3].level, tokens[-2].content) == (0, MARKER)


@settings(max_examples=1500)
@given(DOCUMENTS)
@example("- ```\n\u00a0\n  ```")
@example("para\n2) ```\n   <!--\n   ```")
@example("<div>\n```\n</div>\n```\n<!--")
@example("- a\n  ```\n  x\ny\n```\nz")
@example("```\nunfinished")
@example("a\n ```\n    ```")
@example("a\r```")
def test_no_text_leaves_markdown_open_behind_it(text: str) -> None:
    assert_nothing_stays_open(as_block(text))
    assert_nothing_stays_open(as_block(text, keep_lines=True))
    assert_nothing_stays_open(quoted(text))
    assert_nothing_stays_open(fenced(text, "python"))


@given(DOCUMENTS | CONTENTS)
def test_a_fence_holds_its_text_to_the_letter(text: str) -> None:
    text = text.replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n")
    [token] = parser().parse(fenced(text, "python"))
    assert (token.type, token.info, token.content) == ("fence", "python", text + "\n")


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(["user", "assistant", "tool", "x\n# y"]), DOCUMENTS)))
def test_every_message_has_its_heading_whatever_the_others_say(said: list[tuple[str, str]]) -> None:
    transcript = conversation(*said, system="```\n<!--", title="# t\n```")
    named = tuple(
        replace(message, name=f"{MARKER}-{number}", reasoning=message.content)
        for number, message in enumerate(transcript.messages)
    )
    text = to_markdown(replace(transcript, messages=named))
    text.encode()
    found = [heading for heading in headings(text) if MARKER in heading]
    assert [heading.split(MARKER)[1].rstrip(")") for heading in found] == [
        f"-{number}" for number in range(len(said))
    ]


@pytest.mark.parametrize(
    "answer",
    [
        "# Title\n\ntext *with* `code`\n\n```html\n<!DOCTYPE html>\n<script>\n```\n\n| a |\n|---|",
        "1. First:\n   ```sh\n   ls\n   ```\n2. Then\n   - `x`\n     ~~~\n     y\n     ~~~",
        "- ```py\n  x = 1\n  ```\n- done",
        "````markdown\n```\ninside\n```\n````",
        "> quoted\n> ```\n> x",
        "a < b and <https://example.com>",
    ],
    ids=["fences", "fences in lists", "item", "nested", "quote", "angles"],
)
def test_an_answer_that_closes_what_it_opens_stands_as_it_is(answer: str) -> None:
    assert answer in to_markdown(conversation(("user", "hi"), ("assistant", answer)))
    assert as_block(answer) == answer


def test_an_answer_that_was_cut_in_its_code_is_closed() -> None:
    assert as_block("look:\n\n~~~~py\nx = ```") == "look:\n\n~~~~py\nx = ```\n~~~~"


def test_a_question_keeps_its_lines() -> None:
    text = "def f(x):\n    return x*x*x"
    assert f"```\n{text}\n```" in to_markdown(conversation(("user", text)))
    assert "\n\njust a line\n" in to_markdown(conversation(("user", "just a line")))


def with_state(state: State, finish_reason: str | None = None) -> Transcript:
    message = Message("a", None, "assistant", "half", NOW, state=state, finish_reason=finish_reason)
    return replace(conversation(head="a"), messages=(message,))


@pytest.mark.parametrize(
    ("transcript", "words"),
    [
        (with_state(State.STOPPED), "*Stopped by the user"),
        (with_state(State.CUT), "*Cut: the connection"),
        (with_state(State.STREAMING), "*Cut: the answer was still arriving"),
        (with_state(State.FAILED), "*Failed: "),
        (with_state(State.COMPLETE, finish_reason="length"), "*Cut: the limit"),
    ],
)
def test_an_answer_that_did_not_end_well_is_marked(transcript: Transcript, words: str) -> None:
    assert words in to_markdown(transcript)


def test_a_complete_answer_carries_no_mark() -> None:
    assert "*" not in to_markdown(with_state(State.COMPLETE))


def test_other_branches_are_mentioned() -> None:
    transcript = conversation(("user", "hi"), ("assistant", "ho"), head="m0")
    assert "1 message on other branches" in to_markdown(transcript)


def test_escape_sequences_are_shown_and_not_obeyed() -> None:
    text = to_markdown(conversation(("assistant", "a\x1b[31mb\x9b\x07"), title="\x1b]0;x\x07"))
    assert not {"\x1b", "\x9b", "\x07"} & set(text)
    assert "a␛[31mb" in text
