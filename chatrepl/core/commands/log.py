"""/debug: the log for finding faults."""

from collections.abc import AsyncIterator, Sequence

from chatrepl.core.commands.command import Call, Value
from chatrepl.core.errors import UsageError
from chatrepl.core.events import Event, Level, Notice
from chatrepl.core.ports.remembered import DebugLog
from chatrepl.core.session import Session

__all__ = ["complete_debug", "debug", "tell_log"]


async def debug(call: Call) -> AsyncIterator[Event]:
    """/debug: say whether a log is written and where; ``on`` begins one, ``off`` ends it."""
    log = call.session.ports.debug_log
    match call.rest.lower():
        case "on":
            log.start()
            yield tell_log(log)
        case "off":
            log.stop()
            yield Notice("the log is off", Level.SUCCESS, hint=f"it stays in {log.path}")
        case "":
            yield (
                tell_log(log)
                if log.is_on
                else Notice("the log is off", hint=f"/debug on writes it to {log.path}")
            )
        case _:
            raise UsageError(f"/debug does not know “{call.rest}”", "on or off")


def tell_log(log: DebugLog) -> Notice:
    """Say that a log is written, and what of."""
    said = "requests, statuses, times and refusals; no key, and nothing of what is said"
    return Notice(f"a log is written to {log.path}", Level.SUCCESS, hint=said)


def complete_debug(_session: Session, text: str) -> Sequence[Value]:
    """Offer on and off."""
    return () if " " in text.lstrip() else [Value("on"), Value("off")]
