"""Handlers of /set and of the settings' own commands, /model, /system and /reminder among them."""

from collections.abc import AsyncIterator, Sequence

from chatrepl.core.commands.command import Call, Value
from chatrepl.core.errors import UsageError
from chatrepl.core.events import EditorRequested, Event, Level, Notice, Table
from chatrepl.core.json_value import Json
from chatrepl.core.servers.refused_parameters import STREAM, retry_command
from chatrepl.core.servers.target import system_text_of
from chatrepl.core.session import Session
from chatrepl.core.settings.kinds import ResponseFormat, unquoted
from chatrepl.core.settings.layers import Layer, Settings
from chatrepl.core.settings.logit_bias import biases_in_words
from chatrepl.core.settings.response_format import format_of_schema, names_schema_file
from chatrepl.core.settings.table import EXTRA, SETTINGS, Setting, find_setting
from chatrepl.core.text.surrogates import REPLACED, valid_text

_SHOWN_CHARS = 200
_RESET = "default"


async def show_or_set(session: Session, setting: Setting, text: str) -> AsyncIterator[Event]:
    """Show a setting's value, origin and range; or set it, or reset it by ``default``."""
    if not text:
        yield await _shown(session, setting)
        return
    async for event in _change(session, setting, None if text == _RESET else text):
        yield event


async def _shown(session: Session, setting: Setting) -> Notice:
    resolved = session.settings.resolve(setting.key)
    is_refused = setting.key.removeprefix(EXTRA) in await refused_parameters(session)
    refused = f": not sent, {session.model_name()} refused it" if is_refused else ""
    return Notice(
        f"{setting.key}: {_describe(session.settings, setting)}  ({resolved.origin}){refused}",
        hint=f"{setting.help}; {setting.kind.range}",
    )


async def _change(session: Session, setting: Setting, text: str | None) -> AsyncIterator[Event]:
    """Set a setting to a value as it is typed; None resets it."""
    if text and valid_text(text) != text:
        yield Notice(REPLACED, Level.WARNING)
    value = None if text is None else await _read(session, setting, text)
    hint = await _describe_biases(session, value) if setting.key == "logit_bias" else ""
    if setting.key == "top_logprobs" and value and not session.settings.is_on("logprobs"):
        hint = "it goes with /logprobs on"
    session.settings = session.settings.with_value(Layer.COMMAND, setting.key, value)
    await _forget_refusal(session, setting)
    if setting.in_session:
        await session.save_settings()
    yield Notice(f"{setting.key}: {_describe(session.settings, setting)}", Level.SUCCESS, hint=hint)


def _describe(settings: Settings, setting: Setting) -> str:
    """Write a setting's value as it is typed, shortened; or the effect of having none."""
    value = settings.get(setting.key)
    if value is None:
        return setting.unset_text
    shown = setting.kind.show(value)
    return shown if len(shown) <= _SHOWN_CHARS else shown[:_SHOWN_CHARS] + "…"


async def refused_parameters(session: Session) -> Sequence[str]:
    """Return the parameters that are set but not sent, because the model in use refused them."""
    server, model = session.servers.current, session.model_name()
    if server is None or model is None:
        return ()
    await session.planner.refusals.load()
    return session.planner.refusals.left_out_of((server.base_url, model), session.settings)


def describe_refused(session: Session, refused: Sequence[str]) -> str:
    """Describe which parameters are not sent, and how to try them again."""
    how = retry_command(refused[0]) if len(refused) == 1 else "setting one anew"
    return f"{', '.join(refused)}: {session.model_name()} refused it; {how} tries it again"


async def _forget_refusal(session: Session, setting: Setting) -> None:
    """Forget that the model refused a parameter, in this run or before: it may take a new value."""
    server, model = session.servers.current, session.model_name()
    name = setting.key.removeprefix(EXTRA)
    is_sent = setting.is_parameter or name != setting.key or name == STREAM
    if is_sent and server is not None and model is not None:
        await session.planner.refusals.load()
        session.planner.refusals.forget((server.base_url, model), name)
        await session.planner.refusals.save()


async def _describe_biases(session: Session, value: Json) -> str:
    """Describe which tokens the texts of a logit bias are; empty if the model is not known yet."""
    model = session.model_name()
    if not isinstance(value, dict) or model is None:
        return ""
    counter = session.ports.counter
    await counter.prepare(counter.encoding_for(model)[0])
    return biases_in_words(value, counter, model)


async def _read(session: Session, setting: Setting, text: str) -> Json:
    path = unquoted(text)
    if isinstance(setting.kind, ResponseFormat) and names_schema_file(path):
        return format_of_schema(await session.ports.files.read(path), path)
    try:
        return setting.kind.parse(valid_text(text))
    except UsageError as error:
        raise UsageError(f"{setting.key}: {error.message}", error.hint) from None


def complete_value(session: Session, setting: Setting, text: str) -> Sequence[Value]:
    """Offer a setting's values, and the word that resets it."""
    offered = [Value(value) for value in setting.kind.values]
    if isinstance(setting.kind, ResponseFormat):
        offered += _schema_files(session, text.lstrip())
    if session.settings.get(setting.key) is not None:
        default = setting.default
        back = setting.unset_text if default is None else setting.kind.show(default)
        offered.append(Value(_RESET, "back to: " + back))
    return offered


def _schema_files(session: Session, word: str) -> list[Value]:
    """Offer schemas, and the folders on the way to them."""
    paths = [path for path in session.ports.files.matching(word) if " " not in path]
    return [Value(path) for path in paths if path.endswith("/") or names_schema_file(path)]


async def set_value(call: Call) -> AsyncIterator[Event]:
    """/set: list all settings with value and origin; show or set one."""
    session = call.session
    key, _, text = call.rest.partition(" ")
    if key:
        async for event in show_or_set(session, find_setting(key), text.strip()):
            yield event
        return
    refused = await refused_parameters(session)
    listed = [*SETTINGS, *(find_setting(name) for name in session.settings.extra_keys())]
    yield Table(
        ("setting", "value", "from"),
        [_row(session.settings, setting, refused) for setting in listed],
        footer=(
            "/set NAME VALUE changes one; /set NAME default resets it",
            *([describe_refused(session, refused)] if refused else []),
        ),
    )


def _row(settings: Settings, setting: Setting, refused: Sequence[str]) -> tuple[str, str, str]:
    is_set = settings.get(setting.key) is not None
    value = _describe(settings, setting) if is_set else "not set"
    not_sent = " (not sent)" if setting.key.removeprefix(EXTRA) in refused else ""
    return setting.key, value + not_sent, settings.resolve(setting.key).origin


def complete_set(session: Session, text: str) -> Sequence[Value]:
    """Offer the settings' names, then the values of the named one."""
    key, blank, rest = text.lstrip().partition(" ")
    if not blank:
        own = [Value(name, "a server's own field") for name in session.settings.extra_keys()]
        names = [Value(setting.key, setting.help) for setting in SETTINGS]
        return [*names, *own, Value(EXTRA, "KEY VALUE: any other field of the request")]
    try:
        setting = find_setting(key)
    except UsageError:
        return ()
    return () if " " in rest.lstrip() else complete_value(session, setting, rest)


def reminder(call: Call) -> AsyncIterator[Event]:
    """/reminder: show, set or clear the text that is sent with each message."""
    text = _RESET if call.rest == "--clear" else call.rest
    if text.split(" ", 1)[0].startswith("--"):
        raise UsageError(f"/reminder has no {text.split(' ', 1)[0]}", "/reminder --clear")
    return show_or_set(call.session, find_setting("reminder"), text)


async def system(call: Call) -> AsyncIterator[Event]:
    """/system: show, set, read from a file, edit, or clear the system text."""
    session, setting = call.session, find_setting("system")
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
    elif call.rest in ("--clear", _RESET):
        text = None
    elif word.startswith("--"):
        raise UsageError(f"/system has no {word}", "--file PATH, --edit or --clear")
    if text == "":
        yield await _shown(session, setting)
        return
    # A file's text is taken as it is, even if it is the word that resets the setting.
    async for event in _change(session, setting, text):
        yield event


async def model(call: Call) -> AsyncIterator[Event]:
    """/model: show the model in use, or switch to another."""
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
    if known and call.rest not in known and call.rest != _RESET:
        yield Notice(f"the server does not list {call.rest}", Level.WARNING, hint="/models")


def complete_model(session: Session, _text: str) -> Sequence[Value]:
    """Offer the models that the server listed."""
    listed = session.model_directory.current
    return [
        Value(name, listed[name].owned_by if name in listed else "")
        for name in session.servers.known_models()
    ]
