"""Handlers that inspect the program's state: /help, /info, /request, /response, /debug."""

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from chatrepl.core.commands.command import Call, Command, find_command
from chatrepl.core.commands.handlers.files import load_mentioned
from chatrepl.core.commands.handlers.settings import describe_refused, refused_parameters
from chatrepl.core.context.context_report import format_limits, format_tokens
from chatrepl.core.context.fitting import Plan
from chatrepl.core.conversation.api_response import (
    answers_of_response,
    completion_of,
    format_usage,
)
from chatrepl.core.conversation.logprobs import scores_of
from chatrepl.core.conversation.metadata import FINGERPRINT_FIELD, created_s, describe_timing
from chatrepl.core.errors import MessageTooLarge, UsageError
from chatrepl.core.events import Event, Level, Notice, PlainText, Table
from chatrepl.core.messages import Message
from chatrepl.core.ports.system import DebugLog
from chatrepl.core.servers.target import Candidate
from chatrepl.core.session import Session
from chatrepl.core.text.surrogates import valid_text
from chatrepl.core.text.terminal_safe import safe_json

_KEYS = (
    "Enter sends · Alt+Enter, Ctrl+J or a trailing \\ make a new line · "
    "Esc or Ctrl+C stops an answer · Up takes back a line that waits · Ctrl+D leaves"
)
_KEYS_OF_LINES = (
    "a line that ends in \\ goes on in the next line · Ctrl+C stops an answer · Ctrl+D leaves"
)


async def help_(call: Call) -> AsyncIterator[Event]:
    """/help: list all commands, or describe one."""
    if call.rest:
        command = find_command(call.words[0].lstrip("/"), call.commands)
        yield Notice(f"/{command.name} {command.usage}".rstrip(), hint=command.summary)
        if command.aliases:
            yield Notice(f"also {_aliases(command)}")
        return
    commands = [command for command in call.commands if not command.is_setting]
    settings = [command for command in call.commands if command.is_setting]
    yield Table(("command", "what it does"), [_help_row(command) for command in commands])
    yield Table(
        ("setting", "what it sets"),
        [_help_row(command) for command in settings],
        footer=(
            "names may be shortened; a bare setting shows its value; “default” resets it",
            _KEYS if call.session.ports.person.has_input_line else _KEYS_OF_LINES,
            "@path in a message attaches a file · !command runs in the shell, "
            "!!command adds its output to the next message",
            "a line typed while an answer comes is sent after it · //text sends text "
            "that starts with /",
        ),
    )


def _help_row(command: Command) -> tuple[str, str]:
    usage = "" if command.is_setting else command.usage
    aliases = f"  ({_aliases(command)})" if command.aliases else ""
    return f"/{command.name} {usage}".rstrip(), command.summary + aliases


def _aliases(command: Command) -> str:
    return ", ".join(f"/{alias}" for alias in command.aliases)


async def info(call: Call) -> AsyncIterator[Event]:
    """/info: show model, server, session, budget and the last response; never the key."""
    call.takes_nothing()
    session = call.session
    rows = [("model", session.model_name() or "the first that the server lists")]
    rows += _server_rows(session) + await _session_rows(session)
    if refused := await refused_parameters(session):
        rows.append(("not sent", describe_refused(session, refused)))
    answer = session.conversation.last_answer()
    rows += _response_rows(session, answer) if answer is not None else []
    yield Table(("", ""), rows)


def _server_rows(session: Session) -> list[tuple[str, str]]:
    if session.servers.uses_local:
        return [("server", "the built-in model, on this machine")]
    server = session.servers.current
    if server is None:
        return [("server", "none: set OPENAI_API_KEY or --base-url, or use /local")]
    key = server.key_origin if server.api_key else "none"
    return [("server", f"{server.base_url}  ({server.origin})"), ("key", key)]


async def _session_rows(session: Session) -> list[tuple[str, str]]:
    record = session.record
    name = session.name or (record.title if record else "")
    saved = "yes" if session.autosave.is_saved else "NOT SAVED"
    if session.disk_store is not None:
        saved = "no, for --no-save"
    rows = [
        ("session", name or "new, nothing said yet"),
        ("messages", f"{len(session.conversation.path)} on this path"),
        ("saved", saved),
    ]
    if session.model_name() is not None:
        target, plan = await session.plan()
        plan = await session.preflight.confirmed(target, plan)
        rows.append(("tokens", format_tokens(session.planner, target, plan)))
        rows.append(("", format_limits(plan.limits)))
    return rows


def _response_rows(session: Session, answer: Message) -> list[tuple[str, str]]:
    answers = answers_of_response(session.conversation, answer)
    usage = next((each.usage for each in answers if each.usage), None)
    used = format_usage(usage) if usage else ""
    timing = describe_timing(answer)
    if len(answers) > 1:
        # The server reports the tokens of all answers together, so one answer's speed is unknown.
        used += f" (reported of all {len(answers)} answers)" if used else ""
        timing = describe_timing(replace(answer, usage=None))
    fingerprint = answer.extra.get(FINGERPRINT_FIELD)
    scored = len(scores_of(answer))
    return [
        ("last response", answer.response_id or "no id"),
        ("its model", answer.model or "not told"),
        ("created", _created(answer)),
        ("finish reason", answer.finish_reason or answer.state.value),
        ("usage", used or "not reported"),
        *timing,
        *([("fingerprint", str(fingerprint))] if fingerprint else []),
        *([("logprobs", f"of {scored:,} tokens; /logprobs show")] if scored else []),
    ]


def _created(answer: Message) -> str:
    """Return the response's time by the server's clock, else by this machine's."""
    reported_s = created_s(answer)
    with suppress(ValueError, OverflowError, OSError):
        if reported_s is not None:
            return _time(datetime.fromtimestamp(reported_s, UTC))
    return f"{_time(answer.created)}, by this machine's clock"


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


async def response(call: Call) -> AsyncIterator[Event]:
    """/response: show the last response as JSON."""
    call.takes_nothing()
    answer = call.session.conversation.last_answer()
    if answer is None:
        yield Notice("no answer has come yet")
        return
    body = completion_of(call.session.conversation, answer)
    yield PlainText(safe_json(body, indent=2), "json")


async def debug(call: Call) -> AsyncIterator[Event]:
    """/debug: show whether a log is written, and where; ``on`` starts it, ``off`` stops it."""
    log = call.session.ports.debug_log
    match call.rest.lower():
        case "on":
            log.start()
            yield describe_log(log)
        case "off":
            log.stop()
            yield Notice("the log is off", Level.SUCCESS, hint=f"it stays in {log.path}")
        case "":
            yield (
                describe_log(log)
                if log.is_on
                else Notice("the log is off", hint=f"/debug on writes it to {log.path}")
            )
        case _:
            raise UsageError(f"/debug does not know “{call.rest}”", "on or off")


def describe_log(log: DebugLog) -> Notice:
    """Make the notice that a log is written, with its contents as the hint."""
    contents = "requests, statuses, times and refusals; no key, and nothing of what is said"
    return Notice(f"a log is written to {log.path}", Level.SUCCESS, hint=contents)


async def request(call: Call) -> AsyncIterator[Event]:
    """/request: show the request for the conversation, or with one more message, as JSON."""
    session = call.session
    question = await _question(session, call.rest) if call.rest else None
    is_folded = False
    for candidate in await session.candidates(session.comparing):
        if candidate.error is not None:
            yield Notice.of(candidate.error)
            continue
        plan, sent = await session.preflight.next_request(candidate, question)
        is_folded = [message.role for message in plan.sent] == ["user"]
        yield PlainText(safe_json(dict(sent.body), indent=2), "json")
        for notice in _notices(session, candidate, plan):
            yield notice
    path = session.conversation.path
    if question is None and (not path or path[-1].role != "user"):
        yield Notice(
            _describe_next(session, is_folded=is_folded),
            hint="/request TEXT shows it with that message",
        )


async def _question(session: Session, text: str) -> Message:
    """Make the message that a text would become, with its attachments."""
    attachments = (*session.pending, *await load_mentioned(session, text))
    return session.new_question(valid_text(text), attachments)


def _describe_next(session: Session, *, is_folded: bool) -> str:
    """Describe the place of the next message; folded: in the message that holds the system text."""
    files = len(session.pending)
    attached = f" with {files} attachment{'s' if files > 1 else ''}" if files else ""
    where = "in the same message, below this text" if is_folded else "at the end of messages"
    return f"your next message{attached} goes {where}"


def _notices(session: Session, candidate: Candidate, plan: Plan) -> Iterator[Notice]:
    """Yield notices about the turns and answers of a request, and its size."""
    if plan.omitted_turns and session.settings.text("on_overflow") == "compact":
        yield Notice("turns that no longer fit are summarised first: on_overflow is compact")
    elif plan.omitted_turns:
        many = f"the oldest {plan.omitted_turns} turns no longer fit and are"
        one = "the oldest turn no longer fits and is"
        yield Notice(f"{one if plan.omitted_turns == 1 else many} not in it", hint="/context")
    most = session.planner.most_answers(candidate.target)
    if most is not None and candidate.answers > most:
        yield Notice(f"several are sent at once, for {candidate.answers} answers")
    try:
        session.planner.check_fits(candidate.target, plan)
    except MessageTooLarge as error:
        yield Notice(f"it would not be sent: {error.message}", Level.WARNING, error.hint)
