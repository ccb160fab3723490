"""Transcripts as HTML: nothing runs, nothing is fetched."""

import base64
import hashlib
import re
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrepl.core.messages import Message, State
from chatrepl.core.transcript import Transcript, to_html
from chatrepl.core.transcript.fields import printable
from tests.support.transcript_strategies import CONTENTS, NOW, conversation, transcripts

if TYPE_CHECKING:
    from chatrepl.core.json_value import Json

HOSTILE = st.one_of(
    CONTENTS,
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            '"><img src=x onerror=alert(1)>',
            "</title></style></div><script src=//x>",
            "<!--",
            "]]>",
            "&lt;script&gt;",
            "javascript:alert(1)",
            "' onload='x",
            "\u202e\x1b[2J",
        ]
    ),
)


class Page(HTMLParser):
    """The elements of a page, and the texts of its messages."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.plain: list[str] = []
        self._depth = 0
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "div" and dict(attrs).get("class") in ("plain", "answer"):
            self.plain.append("")
            self._depth += 1

    def handle_endtag(self, tag: str) -> None:
        if tag == "div":
            self._depth -= 1

    def handle_data(self, data: str) -> None:
        if self._depth:
            self.plain[-1] += data


def page_of(transcript: Transcript) -> str:
    return to_html(transcript, escape)


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant", "tool", '"x']), HOSTILE)), HOSTILE)
def test_every_text_is_shown_to_the_letter(said: list[tuple[str, str]], system: str) -> None:
    page = page_of(conversation(*said, system=system, title=system))
    shown = [printable(system)] if system else []
    assert Page(page).plain == shown + [printable(content) for _, content in said]
    page.encode()


@given(transcripts())
def test_nothing_in_a_page_runs_or_is_fetched(transcript: Transcript) -> None:
    page = page_of(transcript)
    elements = Page(page).elements
    assert {tag for tag, _ in elements} <= {
        *("html", "head", "meta", "title", "style", "body", "main", "header", "h1", "h2", "p"),
        *("article", "div", "time", "details", "summary", "footer", "img"),
    }
    names = {name for _, attributes in elements for name in attributes}
    assert names <= {
        *("lang", "charset", "http-equiv", "content", "name", "class", "dir", "datetime"),
        *("src", "alt"),
    }


@pytest.mark.parametrize("place", ["title", "name", "role", "model", "speaker", "reasoning"])
def test_markup_is_escaped_wherever_it_comes_from(place: str) -> None:
    evil = '</title></p></time></h2><script>alert("1")</script>'
    message = Message("a", None, "assistant", "x", NOW)
    transcript = conversation(("user", "hi"))
    changed = {
        "title": replace(transcript, record=replace(transcript.record, title=evil)),
        "name": replace(transcript, record=replace(transcript.record, name=evil)),
        "role": with_message(replace(message, role=evil)),
        "model": with_message(replace(message, model=evil)),
        "speaker": with_message(replace(message, name=evil)),
        "reasoning": with_message(replace(message, reasoning=evil)),
    }[place]
    page = page_of(changed)
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def with_message(message: Message) -> Transcript:
    return replace(conversation(head=message.id), messages=(message,))


def test_the_policy_allows_the_style_sheet_and_nothing_else() -> None:
    page = page_of(conversation(("user", "hi")))
    [style] = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    [policy] = re.findall(r'Content-Security-Policy" content="(.*?)"', page)
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    assert "url(" not in style
    assert "@import" not in style
    assert "prefers-color-scheme: dark" in style
    assert "@media print" in style


def test_answers_are_rendered_and_all_else_is_not() -> None:
    page = to_html(
        conversation(("user", "*a*"), ("assistant", "*b*"), system="*c*"),
        lambda text: f"<em>{text.strip('*')}</em>",
    )
    assert "<em>b</em>" in page
    assert ">*a*<" in page
    assert ">*c*<" in page


@pytest.mark.parametrize(
    ("url", "is_shown"),
    [
        ("data:image/png;base64,iVBORw0=", True),
        ("https://example.com/x.png", False),
        ("data:image/svg+xml;base64,AAAA", False),
        ('data:image/png;base64,AAAA" onerror="x', False),
        ("javascript:x", False),
    ],
)
def test_only_embedded_pictures_are_shown(url: str, is_shown: bool) -> None:
    attachment: dict[str, Json] = {"type": "image_url", "image_url": {"url": url}}
    page = page_of(with_message(Message("a", None, "user", "x", NOW, attachments=(attachment,))))
    assert (f'<img src="{url}"' in page) is is_shown
    assert ("1 attachment" in page) is not is_shown
    assert "onerror" not in page


def test_an_answer_that_was_stopped_is_marked() -> None:
    page = page_of(with_message(Message("a", None, "assistant", "x", NOW, state=State.STOPPED)))
    assert '<p class="note">Stopped by the user' in page
