"""Commands about who answers: /models and /local."""

from collections.abc import AsyncIterator, Sequence

from chatrepl.core.commands.arguments import Call, Value
from chatrepl.core.errors import UsageError
from chatrepl.core.events import Event, Level, Notice, Table
from chatrepl.core.session import Session

__all__ = ["LOCAL_INTRODUCTION", "local", "models"]

LOCAL_INTRODUCTION = Notice(
    "this is the built-in demo model, SmolLM2-135M: small enough to run anywhere, "
    "often wrong, good for a first try",
    hint="a real one: set OPENAI_API_KEY, or --base-url URL",
)


async def models(call: Call) -> AsyncIterator[Event]:
    """/models: list what the server offers, filtered by words."""
    async for event in call.session.prepare_local():
        yield event
    listed = await call.session.models()
    wanted = [word.lower() for word in call.words]
    rows = [
        (info.id, f"{info.context_window:,}" if info.context_window else "", info.owned_by)
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
    yield Table(
        ("model", "window", "by"),
        rows,
        numeric=frozenset({1}),
        footer=(f"now: {call.session.model_name()}; /model NAME switches",),
    )


async def local(call: Call) -> AsyncIterator[Event]:
    """/local: talk to the built-in model; ``off`` goes back to the server."""
    session = call.session
    if call.rest == "off":
        if not session.uses_local:
            raise UsageError("the built-in model is not in use", "/local switches to it")
        session.leave_local()
        where = session.server.base_url if session.server else "no server"
        yield Notice(f"back to {where}", Level.SUCCESS)
        return
    if call.rest:
        raise UsageError(f"/local does not know “{call.rest}”", "/local, or /local off")
    session.use_local()
    yield LOCAL_INTRODUCTION
    async for event in session.prepare_local():
        yield event
    yield Notice(f"{session.model_name()} is ready", Level.SUCCESS)


def complete_local(_session: Session, _text: str) -> Sequence[Value]:
    """Offer ``off``."""
    return [Value("off", "back to the server")]
