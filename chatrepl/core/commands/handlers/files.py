"""Handlers for files and the shell: /file, ``@path`` in a message, /write and ``!command``."""

import re
from collections.abc import AsyncIterator, Sequence

from chatrepl.core.commands.command import Call, Value
from chatrepl.core.commands.handlers.conversation import part_of
from chatrepl.core.conversation.attachments import (
    Attachment,
    image_tokens,
    name_of,
    size_of,
    text_attachment,
    text_of,
)
from chatrepl.core.errors import UsageError
from chatrepl.core.events import Event, Level, Notice
from chatrepl.core.session import Session

_MENTION = re.compile(r"(?<!\S)@(?:\"([^\"\n]+)\"|(\S+))")
_CLOSING_MARKS = ".,;:!?)]}'\u2019\u201d"
_MOST_FILES = 50
"""Files that one message may attach by ``@path``."""


async def file(call: Call) -> AsyncIterator[Event]:
    """/file: attach files or web pages to the next message, list them, or detach them."""
    session, words = call.session, call.words
    if not words:
        if not session.pending:
            yield Notice("nothing is attached", hint="/file PATH or URL …, or @path in a message")
        for attachment in session.pending:
            yield Notice(
                await describe_attachment(session, attachment), hint="goes with the next message"
            )
        return
    if words == ["--clear"]:
        session.pending = ()
        yield Notice("nothing is attached any more", Level.SUCCESS)
        return
    if words[0].startswith("--"):
        raise UsageError(f"/file has no {words[0]}", "/file PATH or URL …, or --clear")
    async for event in attach_all(session, words):
        yield event


async def attach_all(session: Session, places: Sequence[str]) -> AsyncIterator[Event]:
    """Attach files and web pages to the next message. Raises ``ChatreplError``."""
    for place in places:
        attachment = await session.ports.attachments.load(place)
        yield await _attached(session, attachment, "goes with the next message")


async def _attached(session: Session, attachment: Attachment, hint: str) -> Notice:
    session.pending = [*session.pending, attachment]
    return Notice(await describe_attachment(session, attachment), Level.SUCCESS, hint=hint)


async def load_mentioned(session: Session, text: str) -> list[Attachment]:
    """Load the files that a message names by ``@path``; words that name no file stay text.

    Raises ``UsageError`` for a file that cannot be attached.
    """
    found: dict[str, Attachment] = {}
    for match in _MENTION.finditer(text):
        path = _existing(session, match[1] or "", match[2] or "")
        if path and path not in found and len(found) < _MOST_FILES:
            try:
                found[path] = await session.ports.attachments.load(path)
            except UsageError as error:
                hint = "begin with a blank to send the text as it is"
                raise UsageError(error.message, error.hint or hint) from None
    return list(found.values())


def _existing(session: Session, quoted: str, word: str) -> str | None:
    """Return the path if it names a file; punctuation after it may belong to the sentence."""
    is_file = session.ports.files.is_file
    if quoted:
        return quoted if is_file(quoted) else None
    if is_file(word):
        return word
    bare = word.rstrip(_CLOSING_MARKS)
    return bare if bare and is_file(bare) else None


async def describe_attachment(session: Session, attachment: Attachment) -> str:
    """Describe an attachment: its name and size, and its tokens if the model is known."""
    return (
        f"{name_of(attachment)}: {_size(size_of(attachment))}{await _tokens(session, attachment)}"
    )


async def _tokens(session: Session, attachment: Attachment) -> str:
    text = text_of(attachment)
    if text is None:
        count = image_tokens([attachment])
        return f", about {count:,} tokens" if count else ""
    model = session.model_name()
    if model is None:
        return ""
    await session.ports.counter.prepare(session.planner.encoding(model))
    mark = "≈" if session.planner.is_estimate(model) else ""
    return f", {mark}{session.planner.counts.text(text, model):,} tokens"


def _size(size_bytes: int) -> str:
    if size_bytes < 1000:
        return f"{size_bytes} bytes"
    return f"{size_bytes / 1000:,.1f} kB" if size_bytes < 10**6 else f"{size_bytes / 10**6:,.1f} MB"


async def write(call: Call) -> AsyncIterator[Event]:
    """/write: write the last answer, or a code block of it, to a file."""
    path, text, what = _written(call)
    session, files = call.session, call.session.ports.files
    replace = files.names_file(path)
    if replace and not await session.ports.person.confirm(f"{path} is there already: replace it?"):
        yield Notice(f"{path} stays as it is", hint="/write OTHER-FILE")
        return
    ended = text if text.endswith("\n") else text + "\n"
    yield Notice(
        f"wrote {what} to {await files.write(path, ended, replace=replace)}", Level.SUCCESS
    )


def _written(call: Call) -> tuple[str, str, str]:
    """Return the path, the text to write, and its name."""
    if not call.rest:
        raise UsageError("/write wants a file", "/write FILE [code N]")
    answer = call.session.conversation.last_answer()
    if answer is None:
        raise UsageError("there is no answer to write yet")
    path, *words = call.words
    part = part_of(answer, words)
    if part is None:
        raise UsageError(f"/write does not know “{call.rest}”", "/write FILE [code N]")
    return path, *part


def complete_file(session: Session, text: str) -> Sequence[Value]:
    """Offer paths."""
    word = text.rpartition(" ")[2]
    return [Value(path) for path in session.ports.files.matching(word) if " " not in path]


def complete_write(session: Session, text: str) -> Sequence[Value]:
    """Offer paths for the first word, then ``code``."""
    if " " not in text.lstrip():
        return complete_file(session, text)
    return [Value("code", "its last code block, or: code N")]


async def run_in_shell(
    session: Session, command: str, *, adds_output: bool
) -> AsyncIterator[Event]:
    """Run a shell command, and report a failure; with ``adds_output``, attach its output.

    Raises ``UsageError``.
    """
    result = await session.ports.shell.run(command, capture=adds_output)
    if result.code < 0:
        yield Notice(f"ended by signal {-result.code}", Level.WARNING)
    elif result.code:
        yield Notice(f"exit code {result.code}", Level.WARNING)
    if not adds_output:
        return
    if not result.output.strip():
        yield Notice("it wrote nothing: nothing is added to the next message")
        return
    attachment = text_attachment(f"output of `{command}`", result.output)
    hint = "goes with the next message; /file --clear takes it off"
    yield await _attached(session, attachment, hint)
