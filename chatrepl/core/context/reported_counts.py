"""Counts that servers reported, known again by what they were of: after a restart, or a step back.

An answer is kept with what its prompt counted and with a digest of that prompt.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

from chatrepl.core.context.fitting import Anchor, Contents, Plan
from chatrepl.core.messages import Message

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Reports", "digest_of", "sent_ids"]

_LAST_TURNS = 2


def sent_ids(plan: Plan) -> tuple[str, ...]:
    """Return the messages of a plan, without what goes before the conversation."""
    return tuple(message.id for message in plan.sent if message.id)


def digest_of(plan: Plan, key: Sequence[str]) -> str | None:
    """Name a plan's messages with all else that its prompt holds, which the key tells.

    The oldest turn's first message stands in front, for what was sent to be found again.
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
    """Finds what the newest answer's server reported of the prompt; looks once for each answer."""

    def __init__(self) -> None:
        self._found: tuple[object, Anchor | None] = (None, None)
        self._trusted_after: datetime | None = None

    def distrust(self, contents: Contents) -> None:
        """Use no report up to the newest answer's: the server says otherwise now."""
        if (answer := _newest_answer(contents)) is not None:
            self._trusted_after = answer.created

    def find(self, contents: Contents, key: Sequence[str]) -> tuple[Anchor, Message] | None:
        """Return the newest answer and its prompt's count, if that would begin the same now."""
        answer = _newest_answer(contents)
        if answer is None or answer.usage is None or not answer.usage.prompt_tokens:
            return None
        if self._trusted_after is not None and answer.created <= self._trusted_after:
            return None
        about = (answer.id, tuple(key), contents.left_out, contents.pinned, len(contents.summaries))
        if self._found[0] != about:
            self._found = about, _anchor(contents, answer, answer.usage.prompt_tokens, key)
        anchor = self._found[1]
        return None if anchor is None else (anchor, answer)


def _newest_answer(contents: Contents) -> Message | None:
    turns = contents.turns
    last = turns.messages(max(0, len(turns) - _LAST_TURNS), len(turns))
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
