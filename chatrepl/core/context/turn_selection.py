"""Selection of the turns that may be, must be and must not be sent, by marks and summaries."""

from collections.abc import Iterable

from chatrepl.core.context.fitting import Contents
from chatrepl.core.conversation.tree import Conversation, Turns
from chatrepl.core.messages import Message
from chatrepl.core.servers.target import Target


class TurnSelector:
    """Selects turns of conversations; caches the turns that each summary replaces."""

    def __init__(self) -> None:
        self._covered: dict[str, frozenset[int]] = {}

    def contents(
        self,
        target: Target,
        conversation: Conversation,
        question: Message | None,
        *,
        newest_goes: bool,
    ) -> Contents:
        """Return the current path's turns, classified; a further question is the last of them."""
        turns = conversation.view(question)
        marks = conversation.marks
        pinned = _turns_of(turns, marks.pinned)
        if question is not None and not question.id:
            # A question outside the conversation refers to the turn before it.
            pinned |= {len(turns) - 2}
        dropped = _turns_of(turns, marks.dropped)
        newest = len(turns) - 1
        if newest in dropped and turns.messages(newest, newest + 1)[-1].role == "user":
            dropped -= {newest}
        summaries = self._summaries(conversation, turns)
        return Contents(
            target.system,
            turns,
            pinned,
            dropped,
            frozenset().union(*(covered for _, covered in summaries)) - pinned,
            {max(covered) + 1: summary for summary, covered in summaries},
            target.opening,
            newest_goes,
        )

    def _summaries(
        self, conversation: Conversation, turns: Turns
    ) -> list[tuple[Message, frozenset[int]]]:
        """Return the effective summaries with the turns that each replaces; newer ones win."""
        found: list[tuple[Message, frozenset[int]]] = []
        for summary in reversed(conversation.summaries):
            covered = self._replaced_turns(summary, turns)
            is_free = not any(covered & others for _, others in found)
            if summary.id not in conversation.marks.dropped and covered and is_free:
                found.append((summary, covered))
        return found

    def _replaced_turns(self, summary: Message, turns: Turns) -> frozenset[int]:
        """Return the turns that a summary replaces, which do not change while it is on the path."""
        if summary.id not in self._covered:
            self._covered[summary.id] = _turns_of(turns, summary.summary_of)
        return self._covered[summary.id]


def _turns_of(turns: Turns, message_ids: Iterable[str]) -> frozenset[int]:
    found = (turns.index_of(message_id) for message_id in message_ids)
    return frozenset(index for index in found if index is not None)
