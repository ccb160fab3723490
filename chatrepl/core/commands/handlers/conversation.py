"""Handlers for the conversation: /new, /history, /undo, /retry, /continue, pins, /copy, /editor."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from chatrepl.core.commands.command import Call, Handler
from chatrepl.core.errors import UsageError
from chatrepl.core.events import (
    ConversationShown,
    DraftReturned,
    EditorRequested,
    Event,
    ExitRequested,
    Level,
    Notice,
    SessionChanged,
    TextCopied,
)
from chatrepl.core.messages import Marks, Message
from chatrepl.core.text.excerpts import code_blocks


async def leave(call: Call) -> AsyncIterator[Event]:
    """/exit: leave the program; a running answer is stopped and kept."""
    call.takes_nothing()
    yield ExitRequested()


async def new(call: Call) -> AsyncIterator[Event]:
    """/new: start a new conversation with the same settings; the old one stays on disk."""
    call.takes_nothing()
    session = call.session
    old, is_saved = session.record, session.autosave.is_current_saved
    session.start_new()
    yield SessionChanged(None)
    text = "new conversation"
    if old is not None and session.disk_store is not None:
        text += f"; “{old.name or old.title}” is there until you leave"
    elif old is not None:
        state = "kept as" if is_saved else "not saved yet:"
        text += f"; the last one is {state} “{old.name or old.title}”"
    yield Notice(text, Level.SUCCESS)


async def history(call: Call) -> AsyncIterator[Event]:
    """/history: show the conversation again, or its last n turns."""
    turns = call.session.conversation.turns()
    shown = turns[-call.count(len(turns) or 1) :]
    if not shown:
        yield Notice("nothing has been said yet")
        return
    yield ConversationShown([message for turn in shown for message in turn.messages])


async def undo(call: Call) -> AsyncIterator[Event]:
    """/undo: go back n turns; the undone text returns to the input line."""
    session = call.session
    turns = [turn for turn in session.conversation.turns() if turn.question]
    wanted = call.count(1)
    if not turns:
        raise UsageError("there is nothing to undo")
    if wanted > len(turns):
        there = "is only 1 turn" if len(turns) == 1 else f"are only {len(turns)} turns"
        raise UsageError(f"there {there} to undo", f"/undo {len(turns)}")
    question = turns[-wanted].question
    assert question is not None
    if session.conversation.head is not None:
        session.undone.append(session.conversation.head)
    await session.save_head(question.parent)
    undone, them = ("one turn", "it") if wanted == 1 else (f"{wanted} turns", "them")
    # The undone text is in the input line: a command typed after it would be sent as a message.
    clear = "Ctrl+C clears the line, " if session.ports.person.has_input_line else ""
    yield Notice(f"undid {undone}", Level.SUCCESS, hint=f"{clear}/redo brings {them} back")
    session.reattach(question)
    yield DraftReturned(question.content, was_sent=True)


def retry(call: Call) -> AsyncIterator[Event]:
    """/retry: request another answer to the same message, from another model if one is named."""
    words = call.words
    if len(words) > 1:
        raise UsageError("/retry takes one model at the most", "/retry [MODEL]")
    return call.session.retry(words[0] if words else None)


def continue_(call: Call) -> AsyncIterator[Event]:
    """/continue: request the rest of a cut answer; the joined text is a sibling of it."""
    call.takes_nothing()
    return call.session.continue_answer()


async def editor(call: Call) -> AsyncIterator[Event]:
    """/editor: open the user's editor on the next message."""
    yield EditorRequested(call.rest)


def _marker(field: str, *, add: bool, done: str) -> Handler:
    """Make the handler that adds a turn to one of the sets of ``Marks``, or removes it."""

    async def mark(call: Call) -> AsyncIterator[Event]:
        session = call.session
        number = call.count(0)
        turn = session.conversation.turn_of(number)
        if turn is None:
            raise UsageError(
                f"there is no message {number}" if number else f"/{call.name} wants a number",
                "/context shows the numbers",
            )
        ids = frozenset(message.id for message in turn.messages)
        old = session.conversation.marks
        # A turn is pinned or dropped, never both.
        marks = Marks(old.pinned - ids, old.dropped - ids) if add else old
        marked: frozenset[str] = getattr(marks, field)
        await session.set_marks(replace(marks, **{field: marked | ids if add else marked - ids}))
        yield Notice(f"turn of message {number} {done}", Level.SUCCESS)

    return mark


pin = _marker("pinned", add=True, done="is pinned: it always goes")
unpin = _marker("pinned", add=False, done="is no longer pinned")
drop = _marker("dropped", add=True, done="is dropped: it is not sent")
undrop = _marker("dropped", add=False, done="is sent again")


async def copy(call: Call) -> AsyncIterator[Event]:
    """/copy: copy the last answer, message N, code block N of the last answer, or everything."""
    text, what = _copied(call)
    ports = call.session.ports
    if await ports.clipboard.copy(text):
        yield Notice(f"copied {what}", Level.SUCCESS)
    elif not ports.person.has_input_line:
        raise UsageError("no clipboard here takes it", "/write FILE writes it to a file")
    else:
        yield TextCopied(text)
        yield Notice(f"gave {what} to the terminal's clipboard", Level.SUCCESS)


def _copied(call: Call) -> tuple[str, str]:
    """Return the text to copy, and its name."""
    path, answer = call.session.conversation.path, call.session.conversation.last_answer()
    words = call.words or ["last"]
    if not path or (answer is None and words[0] in ("last", "code")):
        raise UsageError("there is no answer to copy yet")
    match words:
        case ["all"]:
            return "\n\n".join(message.content for message in path), "the whole conversation"
        case [number] if number.isdecimal():
            return call.message(number).content, f"message {number}"
    part = part_of(answer, [] if words == ["last"] else words) if answer is not None else None
    if part is None:
        raise UsageError(f"/copy does not know “{call.rest}”", "last, N, code [N], or all")
    return part


def part_of(answer: Message, words: Sequence[str]) -> tuple[str, str] | None:
    """Return a part of the last answer, and its name; None: the words name no part.

    Without words it is the whole answer, by ``code`` its last code block, by ``code N`` the Nth.
    Raises ``UsageError`` if there is no such block.
    """
    match words:
        case []:
            return answer.content, "the last answer"
        case ["code"]:
            return _code_block(answer, None)
        case ["code", number] if number.isdecimal():
            return _code_block(answer, int(number[:9]))
    return None


def _code_block(answer: Message, number: int | None) -> tuple[str, str]:
    blocks = code_blocks(answer.content)
    if not blocks:
        raise UsageError("the last answer has no code block")
    chosen = len(blocks) if number is None else number
    if not 1 <= chosen <= len(blocks):
        raise UsageError(f"the last answer has {len(blocks)} code blocks", "/copy code N")
    return blocks[chosen - 1], f"code block {chosen} of {len(blocks)}"
