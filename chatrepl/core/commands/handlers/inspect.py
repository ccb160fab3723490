"""Commands that tell: /help, /info, /response."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from chatrepl.core.commands.command import Call, Command, Value, find_command
from chatrepl.core.commands.handlers.files import mentioned
from chatrepl.core.commands.handlers.settings import describe_left_out, left_out
from chatrepl.core.context.context_report import format_limits, format_tokens
from chatrepl.core.context.fitting import Plan
from chatrepl.core.conversation.api_response import (
    FINGERPRINT_FIELD,
    answers_of_response,
    completion_of,
    created_s,
    format_usage,
)
from chatrepl.core.conversation.logprobs import scores_of
from chatrepl.core.conversation.metadata import describe_timing
from chatrepl.core.errors import MessageTooLarge, UsageError
from chatrepl.core.events import Event, Level, Notice, PlainText, Table
from chatrepl.core.messages import Message
from chatrepl.core.ports.system import DebugLog
from chatrepl.core.servers.target import Candidate
from chatrepl.core.session import Session
from chatrepl.core.text.surrogates import valid_text
from chatrepl.core.text.terminal_safe import safe_json

__all__ = ["complete_debug", "debug", "describe_log", "request"]

_KEYS = (
    "Enter sends · Alt+Enter, Ctrl+J or a trailing \\ make a new line · "
    "Esc or Ctrl+C stops an answer · Up takes back a line that waits · Ctrl+D leaves"
)
_KEYS_OF_LINES = (
    "a line that ends in \\ goes on in the next line · Ctrl+C stops an answer · Ctrl+D leaves"
)


async def help_(call: Call) -> AsyncIterator[Event]:
    """/help: list all commands, or tell about one."""
    if call.rest:
        command = _named(call)
        yield Notice(f"/{command.name} {command.usage}".rstrip(), hint=command.summary)
        if command.aliases:
            yield Notice("also " + ", ".join(f"/{alias}" for alias in command.aliases))
        return
    commands = [command for command in call.commands if command.handler and not command.is_setting]
    settings = [command for command in call.commands if command.handler and command.is_setting]
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


def _named(call: Call) -> Command:
    return find_command(call.words[0].lstrip("/"), call.commands)


def _help_row(command: Command) -> tuple[str, str]:
    usage = "" if command.is_setting else command.usage
    names = f"/{command.name} {usage}".rstrip()
    aliases = "  (" + ", ".join(f"/{alias}" for alias in command.aliases) + ")"
    return names, command.summary + (aliases if command.aliases else "")


async def info(call: Call) -> AsyncIterator[Event]:
    """/info: model, server, session, budget, and the last response. Never the key."""
    call.takes_nothing()
    session = call.session
    rows = [("model", session.model_name() or "the first that the server lists")]
    rows += _server_rows(session) + await _session_rows(session)
    if refused := await left_out(session):
        rows.append(("not sent", describe_left_out(session, refused)))
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
    together = answers_of_response(session.conversation, answer)
    usage = next((one.usage for one in together if one.usage), None)
    used = format_usage(usage) if usage else ""
    timing = describe_timing(answer)
    if len(together) > 1:
        # Of several answers' tokens nobody says which are whose.
        used += f" (reported of all {len(together)} answers)" if used else ""
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
    """Say when the response was made: by the server's clock, else by this machine's."""
    told_s = created_s(answer)
    with suppress(ValueError, OverflowError, OSError):
        if told_s is not None:
            return _time(datetime.fromtimestamp(told_s, UTC))
    return f"{_time(answer.created)}, by this machine's clock"


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


async def response(call: Call) -> AsyncIterator[Event]:
    """/response: the last response, as JSON."""
    call.takes_nothing()
    answer = call.session.conversation.last_answer()
    if answer is None:
        yield Notice("no answer has come yet")
        return
    body = completion_of(call.session.conversation, answer)
    yield PlainText(safe_json(body, indent=2), "json")


async def debug(call: Call) -> AsyncIterator[Event]:
    """/debug: say whether a log is written and where; ``on`` begins one, ``off`` ends it."""
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
    """Say that a log is written, and what of."""
    said = "requests, statuses, times and refusals; no key, and nothing of what is said"
    return Notice(f"a log is written to {log.path}", Level.SUCCESS, hint=said)


def complete_debug(_session: Session, text: str) -> Sequence[Value]:
    """Offer on and off."""
    return () if " " in text.lstrip() else [Value("on"), Value("off")]


async def request(call: Call) -> AsyncIterator[Event]:
    """/request: the request that would be sent now, or with a further message, as JSON."""
    session = call.session
    question = await _question(session, call.rest) if call.rest else None
    is_folded = False
    for asked in await session.candidates(session.comparing):
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


def _notices(session: Session, asked: Candidate, plan: Plan) -> Iterator[Notice]:
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
