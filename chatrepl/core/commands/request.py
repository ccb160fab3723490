"""/request: what would be sent next, to the letter."""

from collections.abc import AsyncIterator, Iterator

from chatrepl.core.commands.command import Call
from chatrepl.core.commands.handlers.files import mentioned
from chatrepl.core.context.fitting import Plan
from chatrepl.core.errors import MessageTooLarge
from chatrepl.core.events import Event, Level, Notice, PlainText
from chatrepl.core.messages import Message
from chatrepl.core.safe_json import safe_json
from chatrepl.core.servers.candidates import Asked
from chatrepl.core.session import Session
from chatrepl.core.text.surrogates import valid_text

__all__ = ["request"]


async def request(call: Call) -> AsyncIterator[Event]:
    """/request: the request that would be sent now, or with a further message, as JSON."""
    session = call.session
    question = await _question(session, call.rest) if call.rest else None
    is_folded = False
    for asked in await session.asked(session.comparing):
        if asked.error is not None:
            yield Notice.of(asked.error)
            continue
        plan, sent = await session.preflight.next_request(asked, question)
        is_folded = [message.role for message in plan.sent] == ["user"]
        yield PlainText(safe_json(dict(sent.body), indent=2), "json")
        for notice in _notices(session, asked, plan):
            yield notice
    path = session.conversation.path
    if question is None and (not path or path[-1].role != "user"):
        yield Notice(
            _what_is_added(session, is_folded=is_folded),
            hint="/request TEXT shows it with that message",
        )


async def _question(session: Session, text: str) -> Message:
    """Make the message that the text would become, with what is attached to it."""
    content, _ = valid_text(text)
    attachments = (*session.pending, *await mentioned(session, text))
    return session.new_question(content, attachments)


def _what_is_added(session: Session, *, is_folded: bool) -> str:
    files = len(session.pending)
    beside = f" with {files} attachment{'s' if files > 1 else ''}" if files else ""
    where = "in the same message, below this text" if is_folded else "at the end of messages"
    return f"your next message{beside} goes {where}"


def _notices(session: Session, asked: Asked, plan: Plan) -> Iterator[Notice]:
    if plan.omitted_turns and session.settings.text("on_overflow") == "compact":
        yield Notice("turns that no longer fit are summarised first: on_overflow is compact")
    elif plan.omitted_turns:
        many = f"the oldest {plan.omitted_turns} turns no longer fit and are"
        one = "the oldest turn no longer fits and is"
        yield Notice(f"{one if plan.omitted_turns == 1 else many} not in it", hint="/context")
    most = session.planner.most_answers(asked.target)
    if most is not None and asked.answers > most:
        yield Notice(f"several are sent at once, for {asked.answers} answers")
    try:
        session.planner.check_fits(asked.target, plan)
    except MessageTooLarge as error:
        yield Notice(f"it would not be sent: {error.message}", Level.WARNING, error.hint)
