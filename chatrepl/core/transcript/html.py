"""HTML export: one file that loads no other, without scripts."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from html import escape

from chatrepl.core.conversation.outcomes import visible_text
from chatrepl.core.json_value import Json
from chatrepl.core.messages import Message
from chatrepl.core.transcript.fields import one_line, printable
from chatrepl.core.transcript.markdown import facts_of, hidden_note, speaker_of, state_note
from chatrepl.core.transcript.transcript import Transcript, format_time

_IMAGE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}")
_ROLES = frozenset({"system", "user", "assistant", "tool"})


def to_html(transcript: Transcript, render: Callable[[str], str]) -> str:
    """Write the current path as a page for light and dark screens and for paper.

    ``render`` converts an answer's Markdown to safe HTML: no raw HTML, no scripts, links to http,
    https and mailto only. All other text is escaped. The content security policy allows nothing but
    the page's own style sheet and embedded images. Control characters and lone surrogates are
    replaced: only the JSON form is exact.
    """
    return "\n".join(_lines(transcript, render)) + "\n"


def _lines(transcript: Transcript, render: Callable[[str], str]) -> Iterator[str]:
    title = escape(one_line(transcript.record.title) or "Conversation")
    yield "<!DOCTYPE html>"
    yield '<html lang="en">'
    yield from _head(title)
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


def _head(title: str) -> Iterator[str]:
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="referrer" content="no-referrer">'
    yield '<meta name="color-scheme" content="light dark">'
    yield f"<title>{title}</title>"
    yield f"<style>{_STYLE}</style>"
    yield "</head>"


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
        yield f'<div class="answer" dir="auto">{render(printable(visible_text(message)))}</div>'
    else:
        yield _plain(message.content)
    for attachment in message.attachments:
        yield _attachment(attachment.get("image_url"))
    note = state_note(message)
    if note:
        yield f'<p class="note">{escape(note)}</p>'


def _plain(text: str) -> str:
    return f'<div class="plain" dir="auto">{escape(printable(text))}</div>'


def _attachment(image: Json) -> str:
    url = image.get("url") if isinstance(image, dict) else image
    if isinstance(url, str) and _IMAGE.fullmatch(url):
        return f'<p><img src="{url}" alt="attached image"></p>'
    # A page fetches nothing, so an attachment that is not in the transcript is only mentioned.
    return '<p class="note">1 attachment</p>'


# The classes of one to three letters are those that Pygments' HTML formatter writes.
_STYLE = """
:root {
  color-scheme: light dark;
  --page: #ffffff; --text: #1f2328; --quiet: #59636e; --line: #d1d9e0; --card: #f6f8fa;
  --accent: #0a5fc4; --warn: #8a4600;
  --keyword: #a6192e; --string: #0a3069; --number: #0550ae; --name: #6639ba; --comment: #59636e;
  --added: #116329; --removed: #a6192e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0d1117; --text: #e6edf3; --quiet: #9198a1; --line: #3d444d; --card: #161b22;
    --accent: #6cb6ff; --warn: #f0b35a;
    --keyword: #ff7b72; --string: #a5d6ff; --number: #79c0ff; --name: #d2a8ff; --comment: #9198a1;
    --added: #7ee787; --removed: #ff7b72;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--text);
  font: 17px/1.6 system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif;
  overflow-wrap: break-word;
}
main { max-width: 46rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
header { margin-bottom: 2rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .25rem; }
header p, footer, .note { color: var(--quiet); font-size: .9rem; margin: .25rem 0; }
.note { color: var(--warn); }
article { margin: 1.75rem 0; }
article > h2 {
  font-size: .85rem; font-weight: 600; color: var(--quiet); margin: 0 0 .4rem;
  display: flex; justify-content: space-between; gap: 1rem;
}
article > h2 time { font-weight: 400; white-space: nowrap; }
.user, .system, .tool, .other {
  background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  padding: .75rem 1rem;
}
.plain { white-space: pre-wrap; unicode-bidi: isolate; }
.tool .plain { font: .88em/1.5 ui-monospace, "Cascadia Code", Menlo, Consolas, monospace; }
.answer > :first-child { margin-top: 0; }
.answer > :last-child { margin-bottom: 0; }
.answer h1 { font-size: 1.4rem; }
.answer h2 { font-size: 1.25rem; }
.answer h3 { font-size: 1.1rem; }
p, li, td, th, blockquote { unicode-bidi: isolate; }
a { color: var(--accent); }
img { max-width: 100%; height: auto; border-radius: .4rem; }
blockquote {
  margin: 1rem 0; padding-left: 1rem; border-left: .25rem solid var(--line); color: var(--quiet);
}
table { border-collapse: collapse; display: block; overflow-x: auto; margin: 1rem 0; }
th, td { border: 1px solid var(--line); padding: .35rem .7rem; }
th { background: var(--card); text-align: left; }
th.center, td.center { text-align: center; }
th.right, td.right { text-align: right; }
hr { border: 0; border-top: 1px solid var(--line); margin: 1.5rem 0; }
details { margin: .5rem 0; color: var(--quiet); }
summary { cursor: pointer; }
code, pre {
  font-family: ui-monospace, "Cascadia Code", Menlo, Consolas, monospace; font-size: .88em;
}
pre code { font-size: inherit; }
:not(pre) > code { background: var(--card); border-radius: .3rem; padding: .1em .35em; }
pre {
  background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  padding: .8rem 1rem; overflow-x: auto; line-height: 1.5; tab-size: 4;
}
.k, .kc, .kd, .kn, .kp, .kr, .ow, .o, .nt { color: var(--keyword); }
.kt, .m, .mb, .mf, .mh, .mi, .il, .mo, .no, .bp { color: var(--number); }
.s, .sa, .sb, .sc, .dl, .sd, .s2, .se, .sh, .si, .sx, .sr, .s1, .ss { color: var(--string); }
.na, .nb, .nc, .nd, .nf, .fm, .ne { color: var(--name); }
.c, .ch, .cm, .cp, .cpf, .c1, .cs { color: var(--comment); }
.gi { color: var(--added); }
.gd { color: var(--removed); }
.ge { font-style: italic; }
.gs, .gh { font-weight: 600; }
@media print {
  :root {
    --page: #ffffff; --text: #000000; --quiet: #444444; --line: #bbbbbb; --card: #ffffff;
    --accent: #000000; --warn: #444444;
    --keyword: #000000; --string: #333333; --number: #333333; --name: #000000; --comment: #555555;
    --added: #000000; --removed: #000000;
  }
  body { font-size: 11pt; }
  main { max-width: none; padding: 0; }
  pre { white-space: pre-wrap; overflow: visible; }
  article > h2, h1, h2, h3 { break-after: avoid; }
  pre, blockquote, tr, img { break-inside: avoid; }
  .answer a[href^="http"]::after {
    content: " (" attr(href) ")"; font-size: .85em; color: var(--quiet);
  }
}
"""
