"""Handlers for servers and their models: /models, /profile, /key, /local and /compare."""

from collections.abc import AsyncIterator, Sequence

from chatrepl.core.commands.command import Call, Value
from chatrepl.core.errors import ModelError, UsageError
from chatrepl.core.events import Event, Level, Notice, Table
from chatrepl.core.ports.chat_model import ModelInfo, Server
from chatrepl.core.servers.addresses import check_key, host_of
from chatrepl.core.servers.selection import LOCAL_PROFILE, is_local_profile
from chatrepl.core.session import COMPARISON_TOPIC, Session, comparison_notice

_DEMO_INTRODUCTION = Notice(
    "this is the built-in demo model, SmolLM2-135M: small enough to run anywhere, "
    "often wrong, good for a first try",
    hint="a real one: set OPENAI_API_KEY, or --base-url URL",
)
_COMPARE_USAGE = Notice(
    "/compare MODEL MODEL … sends the next message to all of them at once",
    hint=f"PROFILE:MODEL asks another server's, {LOCAL_PROFILE}: the built-in model",
)
_FRESH = "--fresh"
_MANY = 30
_NO_PROFILE = "default"
_OFF = "off"
_MOST_COMPARED = 8


def introduce_local(session: Session) -> Notice:
    """Make the notice that introduces the model that runs on this machine."""
    local = session.ports.local
    if local.is_demo:
        return _DEMO_INTRODUCTION
    return Notice(f"{local.name} runs on this machine", hint="/local off goes back to the server")


async def models(call: Call) -> AsyncIterator[Event]:
    """/models: list the server's models, filtered by words; ``--fresh`` renews the cached list."""
    session = call.session
    async for event in session.servers.prepare_local():
        yield event
    known = () if _FRESH in call.words else tuple(session.model_directory.current.values())
    listed = known or await session.servers.list_models()
    await session.ports.catalog.prepare()
    wanted = [word.lower() for word in call.words if word != _FRESH]
    rows = [
        _model_row(session, info)
        for info in listed
        if all(word in info.id.lower() for word in wanted)
    ]
    if not rows:
        yield Notice(
            f"none of the server's {len(listed)} models matches"
            if listed
            else "the server lists no models",
            Level.WARNING,
        )
        return
    narrow = f"{len(rows)} models: /models WORD shows those of that name"
    yield Table(
        ("model", "window", "in $/M", "out $/M", "by"),
        rows,
        numeric=frozenset({1, 2, 3}),
        footer=(
            f"now: {session.model_name()}; /model NAME switches, /models --fresh asks again",
            *([narrow] if len(rows) > _MANY else []),
        ),
    )


def _model_row(session: Session, info: ModelInfo) -> tuple[str, ...]:
    catalog = session.ports.catalog
    window = info.context_window or catalog.context_window(info.id)
    # A local server may serve a free model under the name of a priced one.
    is_free = session.servers.uses_local or session.servers.current is None
    price = None if is_free else catalog.price(info.id)
    prices = ("", "") if price is None else (f"{price.prompt:g}", f"{price.completion:g}")
    return (info.id, f"{window:,}" if window else "", *prices, info.owned_by)


async def profile(call: Call) -> AsyncIterator[Event]:
    """/profile: list the profiles, or switch to another one."""
    session, name = call.session, call.rest
    profiles = session.ports.profiles
    if not name:
        for event in _profile_list(session):
            yield event
        return
    if is_local_profile(name, profiles.names()):
        async for event in _switch_to_local(session):
            yield event
        return
    chosen = None if name == _NO_PROFILE else name
    loaded = await profiles.look_up(chosen)
    before = session.settings.text("model")
    profiles.select(chosen)
    session.settings = session.servers.use_profile(session.settings, loaded)
    await _keep_named_server(session)
    if session.servers.current is None:
        yield Notice(
            "no profile any more, and no server without one", Level.WARNING, hint="/profile"
        )
        return
    model = session.model_name() or "the first model that it lists"
    yield Notice(
        f"{name}: {model} at {host_of(session.servers.current.base_url)}",
        Level.SUCCESS,
        hint=f"{before} was the old server's; /model switches"
        if before and before != model
        else "",
    )


def _profile_list(session: Session) -> list[Event]:
    profiles = session.ports.profiles
    names = [*profiles.names()]
    is_named = LOCAL_PROFILE in names
    uses_local, server = session.servers.uses_local, session.servers.current
    current = LOCAL_PROFILE if uses_local and not is_named else profiles.current()
    shown = "the built-in model" if uses_local else server.base_url if server else "none"
    in_use = Notice(f"profile: {current or 'none'}; server: {shown}")
    if not names:
        none = Notice(
            "the configuration has no [profiles.NAME] yet",
            hint=f"/profile {LOCAL_PROFILE} is the built-in model",
        )
        return [in_use, none]
    rows = [
        ("→" if name == current else "", name, *profiles.address_and_model(name)) for name in names
    ]
    if not is_named:
        is_current = "→" if current == LOCAL_PROFILE else ""
        rows.append((is_current, LOCAL_PROFILE, "this machine", "the built-in model"))
    footer = ("/profile NAME switches; /profile default goes back to none",)
    return [in_use, Table(("", "profile", "server", "model"), rows, footer=footer)]


def complete_profile(session: Session, _text: str) -> Sequence[Value]:
    """Offer the profiles."""
    names = session.ports.profiles.names()
    offered = [Value(name) for name in names]
    if LOCAL_PROFILE not in names:
        offered.append(Value(LOCAL_PROFILE, "the built-in model"))
    return [*offered, Value(_NO_PROFILE, "without a profile")]


async def key(call: Call) -> AsyncIterator[Event]:
    """/key: ask for an API key without echo; it holds for this run and is never stored."""
    if call.rest:
        raise UsageError(
            "a key is never typed in clear", "/key alone asks for it without showing it"
        )
    session = call.session
    if session.servers.uses_local:
        raise UsageError("the built-in model needs no key", "/local off goes back to the server")
    if not session.ports.person.has_input_line:
        raise UsageError("a key cannot be typed unseen here", "set OPENAI_API_KEY before the start")
    has_server = session.servers.current is not None
    host = _key_host(session.servers.current)
    typed = await session.ports.person.ask_text(f"Key for {host}:", secret=True)
    if not typed:
        yield Notice("no key was typed; nothing changes")
        return
    session.servers.use_key(check_key(typed))
    if not has_server:
        session.servers.mark_named()
    yield Notice(
        f"the key goes to {host} until you leave; it is written nowhere",
        Level.SUCCESS,
        hint="api_key_cmd or api_key_keyring in a profile finds one at each start",
    )


def _key_host(server: Server | None) -> str:
    return host_of(server.base_url) if server is not None else "api.openai.com"


async def local(call: Call) -> AsyncIterator[Event]:
    """/local: switch to the built-in model; ``off`` switches back to the server."""
    session = call.session
    if call.rest == _OFF:
        if not session.servers.uses_local:
            raise UsageError("the built-in model is not in use", "/local switches to it")
        session.settings = session.servers.leave_local(session.settings)
        await _keep_named_server(session)
        where = session.servers.current.base_url if session.servers.current else "no server"
        yield Notice(f"back to {where}", Level.SUCCESS)
        return
    if call.rest:
        raise UsageError(f"/local does not know “{call.rest}”", "/local, or /local off")
    async for event in _switch_to_local(session):
        yield event


async def _keep_named_server(session: Session) -> None:
    """Keep the server that a command named: for this run, and with the session."""
    session.servers.mark_named()
    session.keep_server()
    await session.save_settings()


async def _switch_to_local(session: Session) -> AsyncIterator[Event]:
    session.settings = session.servers.use_local(session.settings)
    await _keep_named_server(session)
    yield introduce_local(session)
    async for event in session.servers.prepare_local():
        yield event
    yield Notice(f"{session.model_name()} is ready", Level.SUCCESS)


async def compare(call: Call) -> AsyncIterator[Event]:
    """/compare: show or choose the models that the next message goes to; ``off`` chooses none."""
    session, words = call.session, call.words
    if words == [_OFF]:
        if not session.comparing:
            raise UsageError("nothing is to be compared", "/compare MODEL MODEL")
        session.comparing = ()
        yield Notice("", stays=True, topic=COMPARISON_TOPIC)
        yield Notice(f"the next message goes to {session.model_name()} alone")
        return
    if not words:
        yield comparison_notice(session.comparing) if session.comparing else _COMPARE_USAGE
        return
    if not 2 <= len(words) <= _MOST_COMPARED:
        raise UsageError(
            f"/compare takes 2 to {_MOST_COMPARED} models",
            "/retry MODEL asks one for a further answer",
        )
    for word in words:
        # A model that cannot be reached is reported now, before the message is written.
        try:
            await session.servers.resolve(word, session.settings, session.ports.clock.now())
        except ModelError as error:
            hint = "it is asked again with the message; the others answer in any case"
            yield Notice(f"{word} cannot be asked now: {error.message}", Level.WARNING, hint)
    session.comparing = tuple(words)
    yield comparison_notice(words)


def complete_model_names(session: Session, _text: str) -> Sequence[Value]:
    """Offer models, and the prefixes of the profiles' models."""
    models = [Value(name) for name in session.servers.known_models()]
    profiles = session.ports.profiles.names()
    offered = [*models, *(Value(f"{name}:", "that profile's model") for name in profiles)]
    if LOCAL_PROFILE not in profiles:
        offered.append(Value(f"{LOCAL_PROFILE}:", "the built-in model"))
    return offered


def complete_compare(session: Session, text: str) -> Sequence[Value]:
    """Offer models and profiles for each word."""
    off = [Value(_OFF, "the next message goes to one model")] if session.comparing else []
    return [*complete_model_names(session, text), *(off if " " not in text.lstrip() else ())]
