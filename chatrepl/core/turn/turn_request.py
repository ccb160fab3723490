"""Parameter objects of a turn: the request of the user, and the requests to the models."""

from collections.abc import Sequence
from dataclasses import dataclass

from chatrepl.core.context.fitting import Plan
from chatrepl.core.context.planner import Planner
from chatrepl.core.conversation.tree import Conversation
from chatrepl.core.messages import Message
from chatrepl.core.ports.chat_model import ChatRequest
from chatrepl.core.servers.continuation import Way, as_continuation
from chatrepl.core.servers.target import Candidate, Target


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """A question to answer: anew, by other models, or by going on with a cut answer."""

    question: Message
    fallback_head: str | None
    """Where the head goes when not one byte of an answer comes."""
    models: Sequence[str] = ()
    """Names of models to ask in place of the one in force, for one answer each."""
    is_first: bool = True
    """The question has no answer yet: ``n`` answers are wanted; else one more."""
    continued: Message | None = None
    """The cut answer to go on with."""

    @property
    def is_comparison(self) -> bool:
        """True if several models are asked."""
        return len(self.models) > 1


@dataclass(slots=True)
class ModelRequest:
    """The request to one model of a turn, planned and written anew for each try."""

    candidate: Candidate
    planner: Planner
    conversation: Conversation
    continued: Message | None = None
    """The cut answer that the answer goes on with."""
    way: Way | None = None
    """How the server goes on with it."""
    instruction: Message | None = None
    """Asks to go on with it; it is sent, and no part of the conversation."""
    first_plan: Plan | None = None
    """The plan of the first try, where it is made already."""

    @property
    def target(self) -> Target:
        """Return the server and the model."""
        return self.candidate.target

    def plan(self) -> Plan:
        """Plan the next try."""
        plan, self.first_plan = self.first_plan, None
        if plan is not None:
            return plan
        candidate = self.candidate
        return self.planner.plan(
            candidate.settings, candidate.target, self.conversation, self.instruction
        )

    def write(self, plan: Plan, answers: int) -> ChatRequest:
        """Write the request for a plan and so many answers."""
        request = self.planner.request(self.candidate.settings, self.target, plan, answers)
        return request if self.way is None else as_continuation(request, self.way)
