"""Branches of a conversation's tree: their ends, their letters, and a drawing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from string import ascii_lowercase

from chatrepl.core.conversation.metadata import TOOL_CALLS_FIELD
from chatrepl.core.conversation.outcomes import status_word, visible_text
from chatrepl.core.conversation.tree import Conversation
from chatrepl.core.messages import Message, State
from chatrepl.core.text.excerpts import first_words

_WORDS_CHARS = 52
_LONGEST_RUN = 6
_KEPT_OF_RUN = 2


def can_follow(message: Message) -> bool:
    """Return whether the path may lead to a message.

    It may not lead to a user message that failed (one that waits for its answer is ``COMPLETE``),
    nor to an answer that ended early without any content.
    """
    has_content = bool(
        visible_text(message) or message.reasoning or message.extra.get(TOOL_CALLS_FIELD)
    )
    return message.state is State.COMPLETE or (message.role != "user" and has_content)


def newest_end(conversation: Conversation, message_id: str | None) -> str | None:
    """Return the end of the newest branch below a message (None: the roots), or itself."""
    while True:
        below = [child for child in conversation.children(message_id) if can_follow(child)]
        if not below:
            return message_id
        message_id = below[-1].id


def alternatives(conversation: Conversation) -> tuple[Sequence[Message], str | None]:
    """Return the alternative answers at the path's end, oldest first, and the current one's id."""
    path = conversation.path
    if path and path[-1].role == "user":
        return answers_to(conversation, path[-1].id), None
    answer = conversation.last_answer()
    if answer is None:
        return (), None
    return answers_to(conversation, answer.parent), answer.id


def answers_to(conversation: Conversation, parent: str | None) -> Sequence[Message]:
    """Return the answers to a message, oldest first."""
    return [child for child in conversation.children(parent) if child.role == "assistant"]


def branch_ends(conversation: Conversation) -> dict[str, str]:
    """Return the ids of the ends of all branches off the path, by letters as in ``draw_tree``."""
    return {row.label: row.message.id for row in _rows(conversation) if row.is_branch_end}


def draw_tree(conversation: Conversation) -> list[str]:
    """Draw the tree in lines: the path straight down with its numbers, branches indented."""
    rows = list(_rows(conversation))
    width = max((len(row.label) for row in rows), default=1)
    return [_line(row, width, conversation.head) for row in _shortened(rows)]


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of the drawing: a message, or the hidden middle of a long run."""

    message: Message
    guide: str
    """The lines of the tree in front of the message."""
    label: str = ""
    is_on_path: bool = False
    is_branch_end: bool = False
    hidden: int = 0
    """The number of messages it stands for; 0: for its own."""


@dataclass(frozen=True, slots=True)
class _Strand:
    """Messages that follow each other, with the guides of the first and of the further rows."""

    messages: Sequence[Message]
    first: str
    further: str
    is_path: bool = False


def _rows(conversation: Conversation) -> Iterator[_Row]:
    # An explicit stack, as branches of branches may nest deeper than Python's.
    stack: list[_Row | _Strand] = [_Strand(conversation.path, "", "", is_path=True)]
    ends = 0
    number = 0
    while stack:
        item = stack.pop()
        if isinstance(item, _Strand):
            stack.extend(reversed(_unravel(conversation, item)))
        elif item.is_on_path:
            number += 1
            yield _Row(item.message, item.guide, str(number), is_on_path=True)
        elif item.is_branch_end:
            yield _Row(item.message, item.guide, _letters(ends), is_branch_end=True)
            ends += 1
        else:
            yield item


def _unravel(conversation: Conversation, strand: _Strand) -> list[_Row | _Strand]:
    """Return a strand's rows, each after the strands that branch off before it."""
    items: list[_Row | _Strand] = []
    parent: str | None = None
    for at, message in enumerate(strand.messages):
        if at > 0 or strand.is_path:
            others = [
                child for child in conversation.children(message.parent) if child.id != message.id
            ]
            items += [_branch(conversation, other, strand.further) for other in others]
        guide = strand.first if at == 0 else strand.further
        is_last = at == len(strand.messages) - 1
        items.append(
            _Row(
                message,
                guide,
                is_on_path=strand.is_path,
                is_branch_end=is_last and not strand.is_path and can_follow(message),
            )
        )
        parent = message.id
    below = conversation.children(parent)
    for at, child in enumerate(below):
        items.append(_branch(conversation, child, strand.further, is_last=at == len(below) - 1))
    return items


def _branch(
    conversation: Conversation, start: Message, guide: str, *, is_last: bool = False
) -> _Strand:
    """Return the strand that begins at a message off the path and follows the newest children."""
    messages = [start]
    while True:
        below = [child for child in conversation.children(messages[-1].id) if can_follow(child)]
        if not below:
            break
        messages.append(below[-1])
    first, further = ("└─", "  ") if is_last else ("├─", "│ ")
    return _Strand(messages, guide + first, guide + further)


def _shortened(rows: Sequence[_Row]) -> Iterator[_Row]:
    """Replace the middle of each long run without branches by one row."""
    start = 0
    for end in range(1, len(rows) + 1):
        if end < len(rows) and _is_run(rows[end - 1], rows[end]):
            continue
        run = rows[start:end]
        if len(run) > _LONGEST_RUN:
            hidden = len(run) - 2 * _KEPT_OF_RUN
            middle = run[_KEPT_OF_RUN]
            yield from run[:_KEPT_OF_RUN]
            yield _Row(middle.message, middle.guide, hidden=hidden)
            yield from run[-_KEPT_OF_RUN:]
        else:
            yield from run
        start = end


def _is_run(before: _Row, after: _Row) -> bool:
    """Return whether two rows follow each other in one strand with nothing between them."""
    is_led_alike = before.guide == after.guide or before.guide.endswith(("├─", "└─"))
    return is_led_alike and after.message.parent == before.message.id


def _line(row: _Row, width: int, head: str | None) -> str:
    if row.hidden:
        return f"{'':{width}}  {row.guide}⋮ {row.hidden} more messages"
    message = row.message
    mark = "●" if row.is_on_path else "○"
    state = f" ({status_word(message)})" if status_word(message) else ""
    words = first_words(visible_text(message), _WORDS_CHARS)
    here = "  ← here" if message.id == head else ""
    return f"{row.label:>{width}}  {row.guide}{mark} {message.role}{state}: {words}{here}"


def _letters(number: int) -> str:
    """Return the label of a branch, by its number from 0: a to z, then aa and so on."""
    letters = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, len(ascii_lowercase))
        letters = ascii_lowercase[rest] + letters
    return letters
