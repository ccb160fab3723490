"""Files that go with a message: /file, ``@path`` inside it; and /write."""

import re
from collections.abc import AsyncIterator, Sequence

from chatrepl.core.commands.command import Call, Value
from chatrepl.core.commands.handlers.conversation import code_of
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

__all__ = [
    "attach_all",
    "complete_file",
    "complete_write",
    "describe_attachment",
    "file",
    "mentioned",
    "run_in_shell",
    "write",
]

_MENTION = re.compile(r"(?<!\S)@(?:\"([^\"\n]+)\"|(\S+))")
_AFTER_A_PATH = ".,;:!?)]}'\u2019\u201d"
_MOST_FILES = 50


async def file(call: Call) -> AsyncIterator[Event]:
    """/file: attach files or web pages to the next message; list them; take them off again."""
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
        session.pending = [*session.pending, attachment]
        said = await describe_attachment(session, attachment)
        yield Notice(said, Level.SUCCESS, hint="goes with the next message")


async def mentioned(session: Session, text: str) -> list[Attachment]:
    """Load the files that a message names by ``@path``; what names no file is left alone.

    A file that cannot be attached is a ``UsageError``.
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
    """Return the path if it names a file; marks of the sentence may stand behind it."""
    is_file = session.ports.files.is_file
    if quoted:
        return quoted if is_file(quoted) else None
    if is_file(word):
        return word
    bare = word.rstrip(_AFTER_A_PATH)
    return bare if bare and is_file(bare) else None


async def describe_attachment(session: Session, attachment: Attachment) -> str:
    """Say what is attached: name, size, and tokens where the model is known."""
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
    path, text, what = _chosen(call)
    session, files = call.session, call.session.ports.files
    replace = files.names_file(path)
    if replace and not await session.ports.person.confirm(f"{path} is there already: replace it?"):
        yield Notice(f"{path} stays as it is", hint="/write OTHER-FILE")
        return
    ended = text if text.endswith("\n") else text + "\n"
    yield Notice(
        f"wrote {what} to {await files.write(path, ended, replace=replace)}", Level.SUCCESS
    )


def _chosen(call: Call) -> tuple[str, str, str]:
    answer = call.session.conversation.last_answer()
    match call.words:
        case []:
            raise UsageError("/write wants a file", "/write FILE [code N]")
        case _ if answer is None:
            raise UsageError("there is no answer to write yet")
        case [path]:
            return path, answer.content, "the last answer"
        case [path, "code"]:
            return path, *code_of(answer, None)
        case [path, "code", number] if number.isdecimal():
            return path, *code_of(answer, int(number[:9]))
    raise UsageError(f"/write does not know “{call.rest}”", "/write FILE [code N]")


def complete_file(session: Session, text: str) -> Sequence[Value]:
    """Offer paths."""
    word = text.rpartition(" ")[2]
    return [Value(path) for path in session.ports.files.matching(word) if " " not in path]


def complete_write(session: Session, text: str) -> Sequence[Value]:
    """Offer paths, then ``code``."""
    if " " not in text.lstrip():
        return complete_file(session, text)
    return [Value("code", "its last code block, or: code N")]


async def run_in_shell(
    session: Session, command: str, *, adds_output: bool
) -> AsyncIterator[Event]:
    """Run a command; say how it ended where that is not well. Raises ``UsageError``."""
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
    session.pending = [*session.pending, attachment]
    said = await describe_attachment(session, attachment)
    hint = "goes with the next message; /file --clear takes it off"
    yield Notice(said, Level.SUCCESS, hint=hint)
