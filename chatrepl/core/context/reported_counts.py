"""Reuse a server's prompt count when the same prompt prefix recurs (a restart, or ``/undo``).

An answer is stored with its prompt's reported count and with a digest of that prompt.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

from chatrepl.core.context.fitting import Anchor, Contents, Plan
from chatrepl.core.messages import Message

if TYPE_CHECKING:
    from datetime import datetime


_SEARCHED_TURNS = 2
"""Turns at the end of the path in which the newest answer is looked for."""


def sent_ids(plan: Plan) -> tuple[str, ...]:
    """Return the ids of a plan's messages, without system text and examples, which have none."""
    return tuple(message.id for message in plan.sent if message.id)


def digest_of(plan: Plan, key: Sequence[str]) -> str | None:
    """Return a digest of a plan's prompt; None for a plan without turns.

    ``key`` identifies all of the prompt but its messages. The id of the oldest turn's first message
    comes first, so that the same choice of turns can be made again.
    """
    turns = plan.contents.turns
    if not len(turns):
        return None
    oldest = turns.first_id(min(plan.oldest, len(turns) - 1))
    return _digest(oldest, key, sent_ids(plan))


def _digest(oldest: str, key: Sequence[str], ids: Sequence[str]) -> str:
    text = "\0".join([*key, "", *ids])
    hashed = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16)
    return f"{oldest} {hashed.hexdigest()}"


class Reports:
    """Finds the count that a server reported with the newest answer; cached for each answer."""

    def __init__(self) -> None:
        self._found: tuple[object, Anchor | None] = (None, None)
        self._trusted_after: datetime | None = None

    def distrust(self, contents: Contents) -> None:
        """Disregard the reports up to the newest answer's, as the server contradicted them."""
        if (answer := _newest_answer(contents)) is not None:
            self._trusted_after = answer.created

    def find(self, contents: Contents, key: Sequence[str]) -> tuple[Anchor, Message] | None:
        """Return the newest answer and its prompt's count, if the next prompt begins with it."""
        answer = _newest_answer(contents)
        if answer is None or answer.usage is None or not answer.usage.prompt_tokens:
            return None
        if self._trusted_after is not None and answer.created <= self._trusted_after:
            return None
        searched = (
            answer.id,
            tuple(key),
            contents.left_out,
            contents.pinned,
            len(contents.summaries),
        )
        if self._found[0] != searched:
            self._found = searched, _anchor(contents, answer, answer.usage.prompt_tokens, key)
        anchor = self._found[1]
        return None if anchor is None else (anchor, answer)


def _newest_answer(contents: Contents) -> Message | None:
    turns = contents.turns
    last = turns.messages(max(0, len(turns) - _SEARCHED_TURNS), len(turns))
    return next((message for message in reversed(last) if message.role == "assistant"), None)


def _anchor(
    contents: Contents, answer: Message, prompt_tokens: int, key: Sequence[str]
) -> Anchor | None:
    oldest, _, _ = (answer.prompt_digest or "").partition(" ")
    index = contents.turns.index_of(oldest)
    if index is None:
        return None
    ids = [message.id for message in contents.chosen(index)]
    if answer.id not in ids:
        return None
    before = ids[: ids.index(answer.id)]
    if _digest(oldest, key, before) != answer.prompt_digest:
        return None
    return Anchor(tuple(before), prompt_tokens)
