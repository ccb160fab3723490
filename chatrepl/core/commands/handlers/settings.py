"""Commands that show and set values: /set, and one command for each setting."""

from collections.abc import AsyncIterator, Sequence

from chatrepl.core.commands.command import Call, Complete, Handler, Value
from chatrepl.core.errors import UsageError
from chatrepl.core.events import EditorRequested, Event, Level, Notice, Table
from chatrepl.core.messages import Json
from chatrepl.core.servers.refused_parameters import STREAM, how_to_try
from chatrepl.core.servers.target import system_text_of
from chatrepl.core.session import Session
from chatrepl.core.settings.kinds import ResponseFormat, Text
from chatrepl.core.settings.layers import Layer, Settings
from chatrepl.core.settings.logit_bias import biases_in_words
from chatrepl.core.settings.response_format import format_of_schema, names_schema_file
from chatrepl.core.settings.table import SETTINGS, Setting, find_setting
from chatrepl.core.text.surrogates import valid_text

__all__ = [
    "completer_of",
    "describe_left_out",
    "handler_of",
    "left_out",
    "model",
    "set_value",
    "system",
]

_SHOWN_CHARS = 200


def describe(settings: Settings, setting: Setting) -> str:
    """Write a setting's value as a person would type it, shortened; or what holds without one."""
    value = settings.get(setting.key)
    if value is None:
        return setting.unset_text
    shown = setting.kind.show(value)
    return shown if len(shown) <= _SHOWN_CHARS else shown[:_SHOWN_CHARS] + "…"


def handler_of(key: str) -> Handler:
    """Make the handler of a setting's own command."""

    async def handle(call: Call) -> AsyncIterator[Event]:
        async for event in show_or_set(call.session, find_setting(key), call.rest):
            yield event

    return handle


def completer_of(key: str) -> Complete:
    """Make the completion of a setting's values."""

    def complete(session: Session, text: str) -> Sequence[Value]:
        setting = find_setting(key)
        offered = [Value(value) for value in setting.kind.values]
        if isinstance(setting.kind, ResponseFormat):
            offered += _schema_files(session, text.lstrip())
        if session.settings.get(key) is not None:
            offered.append(Value("default", "back to: " + _without_value(setting)))
        return offered if " " not in text.lstrip() else ()

    return complete


def _without_value(setting: Setting) -> str:
    return setting.unset_text if setting.default is None else setting.kind.show(setting.default)


def _schema_files(session: Session, word: str) -> list[Value]:
    """Offer schemas, and the folders on the way to them."""
    paths = [path for path in session.ports.files.matching(word) if " " not in path]
    return [Value(path) for path in paths if path.endswith("/") or names_schema_file(path)]


async def show_or_set(session: Session, setting: Setting, text: str) -> AsyncIterator[Event]:
    """Show a setting's value, origin and range; or set it, or reset it by ``default``."""
    if not text:
        resolved = session.settings.resolve(setting.key)
        is_refused = setting.key.removeprefix("extra.") in await left_out(session)
        refused = f": not sent, {session.model_name()} refused it" if is_refused else ""
        yield Notice(
            f"{setting.key}: {describe(session.settings, setting)}  ({resolved.origin}){refused}",
            hint=f"{setting.help}; {setting.kind.range}",
        )
        return
    _, told = valid_text(text)
    if told:
        yield told
    value = None if text == "default" else await _read(session, setting, text)
    said = await _biased(session, value) if setting.key == "logit_bias" else ""
    if setting.key == "top_logprobs" and value and not session.settings.is_on("logprobs"):
        said = "it goes with /logprobs on"
    session.settings = session.settings.with_value(Layer.COMMAND, setting.key, value)
    await _try_anew(session, setting)
    if setting.in_session:
        await session.save_settings()
    for notice in session.take_notices():
        yield notice
    yield Notice(f"{setting.key}: {describe(session.settings, setting)}", Level.SUCCESS, hint=said)


async def left_out(session: Session) -> Sequence[str]:
    """Name what is set and is not sent, because the model in force refused it."""
    server, model = session.servers.current, session.model_name()
    if server is None or model is None:
        return ()
    await session.planner.refusals.recall()
    return session.planner.refusals.left_out_of((server.base_url, model), session.settings)


def describe_left_out(session: Session, refused: Sequence[str]) -> str:
    """Say what is not sent, and how it is tried again."""
    how = how_to_try(refused[0]) if len(refused) == 1 else "setting one anew"
    return f"{', '.join(refused)}: {session.model_name()} refused it; {how} tries it again"


async def _try_anew(session: Session, setting: Setting) -> None:
    """Forget that a model refused a parameter, be it in an earlier run: the new value may do."""
    server, model = session.servers.current, session.model_name()
    name = setting.key.removeprefix("extra.")
    is_sent = setting.is_parameter or name != setting.key or name == STREAM
    if is_sent and server is not None and model is not None:
        await session.planner.refusals.recall()
        session.planner.refusals.forget((server.base_url, model), name)
        await session.planner.refusals.keep()


async def _biased(session: Session, value: Json) -> str:
    """Say which tokens a text is, where the model is known already."""
    model = session.model_name()
    if not isinstance(value, dict) or model is None:
        return ""
    counter = session.ports.counter
    await counter.prepare(counter.encoding_for(model)[0])
    return biases_in_words(value, counter, model)


async def _read(session: Session, setting: Setting, text: str) -> Json:
    path = str(Text().parse(text))
    if isinstance(setting.kind, ResponseFormat) and names_schema_file(path):
        return format_of_schema(await session.ports.files.read(path), path)
    return _parse(setting, valid_text(text)[0])


def _parse(setting: Setting, text: str) -> Json:
    try:
        return setting.kind.parse(text)
    except UsageError as error:
        raise UsageError(f"{setting.key}: {error.message}", error.hint) from None


async def set_value(call: Call) -> AsyncIterator[Event]:
    """/set: all settings with value and origin; one; or a new value for one."""
    key, _, text = call.rest.partition(" ")
    if key:
        async for event in show_or_set(call.session, find_setting(key), text.strip()):
            yield event
        return
    settings = call.session.settings
    refused = await left_out(call.session)
    shown = [*SETTINGS, *(find_setting(name) for name in settings.extra_keys())]
    yield Table(
        ("setting", "value", "from"),
        [
            (
                setting.key,
                _short(settings, setting)
                + (" (not sent)" if setting.key.removeprefix("extra.") in refused else ""),
                settings.resolve(setting.key).origin,
            )
            for setting in shown
        ],
        footer=(
            "/set NAME VALUE changes one; /set NAME default resets it",
            *([describe_left_out(call.session, refused)] if refused else []),
        ),
    )


def _short(settings: Settings, setting: Setting) -> str:
    return "not set" if settings.get(setting.key) is None else describe(settings, setting)


def complete_set(session: Session, text: str) -> Sequence[Value]:
    """Offer setting names, then the values of the one that was named."""
    key, blank, rest = text.lstrip().partition(" ")
    if not blank:
        own = [Value(name, "a server's own field") for name in session.settings.extra_keys()]
        names = [Value(setting.key, setting.help) for setting in SETTINGS]
        return [*names, *own, Value("extra.", "KEY VALUE: any other field of the request")]
    try:
        return completer_of(find_setting(key).key)(session, rest)
    except UsageError:
        return ()


async def system(call: Call) -> AsyncIterator[Event]:
    """/system: show, set, read from a file, edit, or clear the system role."""
    session = call.session
    word, _, rest = call.rest.partition(" ")
    text: str | None = call.rest
    if word == "--file":
        if not rest.strip():
            raise UsageError("--file wants a path", "/system --file PATH")
        text = (await session.ports.files.read(rest.strip())).strip()
    elif call.rest == "--edit":
        text = system_text_of(session.settings, is_local=session.servers.uses_local)
        yield EditorRequested(f"/system {text or ''}")
        return
    elif call.rest in ("--clear", "default"):
        text = None
    elif word.startswith("--"):
        raise UsageError(f"/system has no {word}", "--file PATH, --edit or --clear")
    if text == "":
        async for event in show_or_set(session, find_setting("system"), ""):
            yield event
        return
    setting = find_setting("system")
    content, told = valid_text(text or "")
    if told:
        yield told
    value = None if text is None else setting.kind.parse(content)
    session.settings = session.settings.with_value(Layer.COMMAND, "system", value)
    await session.save_settings()
    for notice in session.take_notices():
        yield notice
    yield Notice(f"system: {describe(session.settings, setting)}", Level.SUCCESS)


async def model(call: Call) -> AsyncIterator[Event]:
    """/model: show the model in force, or switch to another."""
    session = call.session
    if session.servers.uses_local:
        yield Notice(
            f"model: {session.model_name()}  (the built-in model)",
            hint="" if not call.rest else "/local off goes back to the server, then /model",
            level=Level.WARNING if call.rest else Level.INFO,
        )
        return
    if not call.rest:
        resolved = session.settings.resolve("model")
        yield Notice(
            f"model: {session.model_name() or 'the first that the server lists'}"
            f"  ({resolved.origin})",
            hint="/models lists what the server offers",
        )
        return
    if " " in call.rest:
        raise UsageError("a model's name has no blanks", "/model NAME")
    async for event in show_or_set(session, find_setting("model"), call.rest):
        yield event
    known = session.model_directory.current
    if known and call.rest not in known and call.rest != "default":
        yield Notice(f"the server does not list {call.rest}", Level.WARNING, hint="/models")


def complete_model(session: Session, text: str) -> Sequence[Value]:
    """Offer the models that the server listed."""
    if " " in text.lstrip():
        return ()
    listed = session.model_directory.current
    return [
        Value(name, listed[name].owned_by if name in listed else "")
        for name in session.servers.known_models()
    ]
