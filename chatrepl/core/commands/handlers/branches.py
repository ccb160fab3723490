"""Handlers for the branches of a conversation: /tree, /alternatives, /pick, /edit, /redo."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from chatrepl.core.commands.command import Call, Value
from chatrepl.core.conversation.api_response import answers_of_response, format_usage
from chatrepl.core.conversation.branches import (
    alternatives,
    branch_ends,
    can_follow,
    draw_tree,
    newest_end,
)
from chatrepl.core.conversation.metadata import (
    COST_FIELD,
    called_tools,
    cost_of,
    dollars,
    times_of,
    tokens_per_second,
)
from chatrepl.core.conversation.outcomes import (
    describe_tool_call,
    status_word,
    visible_text,
)
from chatrepl.core.errors import UsageError
from chatrepl.core.events import ConversationShown, DraftReturned, Event, Level, Notice, PlainText
from chatrepl.core.events import Table as TableShown
from chatrepl.core.messages import Message, State, Usage
from chatrepl.core.session import Session
from chatrepl.core.text.excerpts import first_words

_WORDS_CHARS = 60
_COUNTED = "counted here"
"""Key in ``Message.extra`` of an answer whose usage is this program's own count."""


async def tree(call: Call) -> AsyncIterator[Event]:
    """/tree: draw the conversation's branches."""
    call.takes_nothing()
    conversation = call.session.conversation
    if not len(conversation):
        yield Notice("nothing has been said yet")
        return
    yield PlainText("\n".join(draw_tree(conversation)))
    letters = ", /pick LETTER goes to a branch's end" if branch_ends(conversation) else ""
    yield Notice("● is the current path", hint=f"/edit N goes on from a message of it{letters}")


async def siblings(call: Call) -> AsyncIterator[Event]:
    """/alternatives: list the answers to the last message, with the current one marked."""
    call.takes_nothing()
    session = call.session
    answers, current = alternatives(session.conversation)
    if not answers:
        yield Notice("there is no answer yet")
        return
    shared = _shared_responses(session, answers)
    shared_ids = {answer.id for response in shared for answer in response}
    yield TableShown(
        ("#", "", "model", "first words", "figures"),
        [
            (
                str(number),
                "●" if answer.id == current else "",
                (answer.model or "") + (f" ({status_word(answer)})" if status_word(answer) else ""),
                _first_words(answer),
                _figures(_counted(session, answer) if answer.id in shared_ids else answer),
            )
            for number, answer in enumerate(answers, 1)
        ],
        numeric=frozenset({0}),
        footer=(
            *(_describe_shared(answers, response) for response in shared),
            "/pick N goes on with one of them; /retry asks for a further one",
        ),
    )


def _shared_responses(session: Session, answers: Sequence[Message]) -> list[Sequence[Message]]:
    """Return the responses that hold several of the answers: their usage is of all together."""
    responses = {
        tuple(member.id for member in response): response
        for answer in answers
        if len(response := answers_of_response(session.conversation, answer)) > 1
    }
    return [*responses.values()]


def _counted(session: Session, answer: Message) -> Message:
    """Return an answer with its length, as this program counts it, in the place of its usage."""
    uncounted = replace(answer, usage=None)
    tokens, _ = session.planner.answer_tokens(answer.model or "", uncounted)
    own = {key: value for key, value in answer.extra.items() if key != COST_FIELD}
    return replace(answer, usage=Usage(completion_tokens=tokens), extra={**own, _COUNTED: True})


def _describe_shared(answers: Sequence[Message], response: Sequence[Message]) -> str:
    """Describe the usage of a response with several answers."""
    numbers = [number for number, answer in enumerate(answers, 1) if answer in response]
    usage = next((answer.usage for answer in response if answer.usage), None)
    cost = next((cost for answer in response if (cost := cost_of(answer)) is not None), None)
    used = [format_usage(usage) if usage else "", "" if cost is None else dollars(cost)]
    reported = ", ".join(part for part in used if part) or "nothing"
    which = f"{numbers[0]} to {numbers[-1]}"
    if numbers[-1] - numbers[0] + 1 != len(numbers):
        which = ", ".join(map(str, numbers))
    return f"answers {which} are one response; reported of it: {reported}; ≈ is counted here"


def _figures(answer: Message) -> str:
    """Describe an answer's speed, length and cost, as far as they are known."""
    mark = "≈" if _COUNTED in answer.extra else ""
    first_s, _ = times_of(answer)
    tokens_a_second, cost = tokens_per_second(answer), cost_of(answer)
    tokens = answer.usage.completion_tokens if answer.usage else None
    figures = [
        "" if first_s is None else f"{first_s:.2f} s",
        "" if tokens_a_second is None else f"{mark}{tokens_a_second:.0f} tokens/s",
        "" if tokens is None else f"{mark}{tokens:,} {'token' if tokens == 1 else 'tokens'}",
        "" if cost is None else dollars(cost),
    ]
    return " · ".join(figure for figure in figures if figure)


async def pick(call: Call) -> AsyncIterator[Event]:
    """/pick: go on from the answer of a number, or from the end of the branch of a letter."""
    session, chosen = call.session, _picked(call)
    _, current = alternatives(session.conversation)
    if call.rest.isdecimal() and chosen == current:
        yield Notice("that one is current already")
        return
    session.undone.clear()
    yield await _go_to(session, newest_end(session.conversation, chosen))
    yield Notice("going on from here", Level.SUCCESS)


def _picked(call: Call) -> str:
    """Return the id of the message that a number or letter names. Raises ``UsageError``."""
    conversation, wanted = call.session.conversation, call.rest.lower()
    if not wanted.isdecimal():
        ends = branch_ends(conversation)
        if wanted not in ends:
            raise UsageError(
                f"there is no branch “{call.rest}”" if wanted else "/pick wants a number or letter",
                "/alternatives numbers the answers, /tree shows the branches' letters",
            )
        return ends[wanted]
    answers, _ = alternatives(conversation)
    number = int(wanted[:9])
    if not 1 <= number <= len(answers):
        raise UsageError(f"there is no answer {wanted}", "/alternatives numbers them")
    answer = answers[number - 1]
    if not can_follow(answer):
        how = "was stopped" if answer.state is State.STOPPED else "failed"
        raise UsageError(f"answer {number} is empty: it {how}", "/retry asks again")
    return answer.id


async def _go_to(session: Session, head: str | None) -> ConversationShown:
    """Move the head, and return the messages that come onto the path."""
    before = {message.id for message in session.conversation.path}
    await session.save_head(head)
    return ConversationShown([m for m in session.conversation.path if m.id not in before])


async def edit(call: Call) -> AsyncIterator[Event]:
    """/edit: put an earlier message into the input line; Enter goes on from there."""
    session = call.session
    if call.rest:
        number = call.count(0)
        question = call.message(str(number))
        if question.role != "user":
            raise UsageError(
                f"message {number} is not yours: it is the {question.role}'s",
                "/context shows the numbers",
            )
    else:
        last = session.conversation.last_question()
        if last is None:
            raise UsageError("there is no message to edit", "type one")
        question = last
    if session.conversation.head is not None:
        session.undone.append(session.conversation.head)
    await session.save_head(question.parent)
    keys = ", Ctrl+G opens the editor" if session.ports.person.has_input_line else ""
    yield Notice(
        "editing an earlier message: what you send goes beside it", hint=f"/redo goes back{keys}"
    )
    session.reattach(question)
    yield DraftReturned(question.content, was_sent=True)


async def redo(call: Call) -> AsyncIterator[Event]:
    """/redo: undo the last /undo or /edit; without one, go to the end of the newest branch.

    The latter serves after a restart, when the single steps are forgotten.
    """
    call.takes_nothing()
    session = call.session
    conversation = session.conversation
    head = session.undone.pop() if session.undone else newest_end(conversation, conversation.head)
    if head == conversation.head:
        raise UsageError("there is nothing to redo")
    session.detach_returned()
    yield await _go_to(session, head)


def complete_pick(session: Session, _text: str) -> Sequence[Value]:
    """Offer the sibling answers, and the ends of branches."""
    conversation = session.conversation
    answers, _ = alternatives(conversation)
    return [
        *(Value(str(number), _first_words(answer)) for number, answer in enumerate(answers, 1)),
        *(
            Value(letter, _first_words(conversation.get(end)))
            for letter, end in branch_ends(conversation).items()
        ),
    ]


def complete_edit(session: Session, _text: str) -> Sequence[Value]:
    """Offer the user's messages on the path, newest first."""
    numbered = list(enumerate(session.conversation.path, 1))
    return [
        Value(str(number), _first_words(message))
        for number, message in reversed(numbered)
        if message.role == "user"
    ]


def _first_words(message: Message) -> str:
    calls = "; ".join(describe_tool_call(*call) for call in called_tools(message))
    text = visible_text(message) or calls or str(message.extra.get("error", ""))
    return first_words(text, _WORDS_CHARS)
