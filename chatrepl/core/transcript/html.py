"""Writes a transcript as one HTML file that needs nothing else, and runs nothing."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from html import escape

from chatrepl.core.conversation.outcomes import visible_text
from chatrepl.core.messages import Json, Message
from chatrepl.core.transcript.fields import one_line, visible
from chatrepl.core.transcript.html_style import STYLE
from chatrepl.core.transcript.markdown import facts_of, hidden_note, speaker_of, state_note
from chatrepl.core.transcript.transcript import Transcript, format_time

__all__ = ["to_html"]

_IMAGE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}")
_ROLES = frozenset({"system", "user", "assistant", "tool"})


def to_html(transcript: Transcript, render: Callable[[str], str]) -> str:
    """Write the current path as a page for light and dark screens and for paper.

    ``render`` turns an answer's Markdown into HTML that is safe by itself: no raw HTML, no scripts,
    links to http, https and mailto only. All other text is shown to the letter. The page loads
    nothing: its policy allows its own style sheet and embedded images only. Control characters and
    lone surrogates are replaced: the JSON form is exact.
    """
    return "\n".join(_lines(transcript, render)) + "\n"


def _lines(transcript: Transcript, render: Callable[[str], str]) -> Iterator[str]:
    title = escape(one_line(transcript.record.title) or "Conversation")
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    yield "<!DOCTYPE html>"
    yield '<html lang="en">'
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="referrer" content="no-referrer">'
    yield '<meta name="color-scheme" content="light dark">'
    yield f"<title>{title}</title>"
    yield f"<style>{STYLE}</style>"
    yield "</head>"
    yield "<body>"
    yield "<main>"
    yield "<header>"
    yield f'<h1 dir="auto">{title}</h1>'
    facts = " · ".join(f"{label}: {escape(value)}" for label, value in facts_of(transcript))
    yield f"<p>{facts}</p>"
    yield "</header>"
    if transcript.system is not None:
        yield from _article("system", "System", "", [_plain(transcript.system)])
    for message in transcript.path:
        time = escape(format_time(message.created))
        shown = f'<time datetime="{time}">{time[:16].replace("T", " ")}</time>'
        yield from _article(message.role, speaker_of(message), shown, _body(message, render))
    note = hidden_note(transcript)
    if note:
        yield f"<footer>{escape(note)}</footer>"
    yield "</main>"
    yield "</body>"
    yield "</html>"


def _article(role: str, speaker: str, aside: str, body: Iterator[str] | list[str]) -> Iterator[str]:
    kind = role if role in _ROLES else "other"
    yield f'<article class="{kind}">'
    yield f'<h2 dir="auto">{escape(speaker)}{aside}</h2>'
    yield from body
    yield "</article>"


def _body(message: Message, render: Callable[[str], str]) -> Iterator[str]:
    if message.reasoning:
        yield f"<details><summary>Thinking</summary>{_plain(message.reasoning)}</details>"
    if message.role == "assistant":
        yield f'<div class="answer" dir="auto">{render(visible(visible_text(message)))}</div>'
    else:
        yield _plain(message.content)
    for attachment in message.attachments:
        yield _attachment(attachment.get("image_url"))
    note = state_note(message)
    if note:
        yield f'<p class="note">{escape(note)}</p>'


def _plain(text: str) -> str:
    return f'<div class="plain" dir="auto">{escape(visible(text))}</div>'


def _attachment(image: Json) -> str:
    url = image.get("url") if isinstance(image, dict) else image
    if isinstance(url, str) and _IMAGE.fullmatch(url):
        return f'<p><img src="{url}" alt="attached image"></p>'
    # Nothing is fetched for a page, so what is not in the transcript is only named.
    return '<p class="note">1 attachment</p>'
