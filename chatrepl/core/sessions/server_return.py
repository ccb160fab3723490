"""The server of a session that is opened again: chosen, compared with the last one, asked about."""

from collections.abc import Sequence
from dataclasses import dataclass

from chatrepl.core.errors import UsageError
from chatrepl.core.events import Level, Notice
from chatrepl.core.messages import SessionRecord, SessionServer
from chatrepl.core.servers.selection import SelectedServer, without_model
from chatrepl.core.sessions.state import SessionState

_BUILT_IN = "the built-in model"


@dataclass(frozen=True, slots=True)
class ReturnServer:
    """The server that a session goes on with."""

    selected: SelectedServer
    is_other: bool = False
    """It is not the one that the session last used."""
    notices: Sequence[Notice] = ()
    """Told when the session is open, before anything is sent."""
    warnings: Sequence[Notice] = ()
    """Told above the question about ``asked_host``."""
    asked_host: str = ""
    """It must be allowed by the person before the session is opened; empty: it need not."""


async def choose_server(
    session: SessionState, record: SessionRecord, *, only_reads: bool = False
) -> ReturnServer:
    """Choose the server that a saved session goes on with; nothing is switched yet.

    A server that this run named goes first, then the session's own, then the run's. Another host
    than before, which this run did not name itself, is to be asked about. ``only_reads``: nothing
    will be sent, so the server in use stays.
    """
    last, choice = record.server, session.servers.choice
    own = session.servers.own(session.settings)
    if only_reads:
        return ReturnServer(session.servers.selected(session.settings))
    if choice.is_selected:
        return _compared(session, record, session.servers.selected(session.settings))
    if last is None:
        return ReturnServer(own)
    selected, problem = await _selected_before(session, last, own)
    return _compared(session, record, selected, problem)


async def check_allowed(session: SessionState, record: SessionRecord, found: ReturnServer) -> None:
    """Ask whether a session may go to another host. Raises ``UsageError`` if not."""
    host = found.asked_host
    if host and not await session.ports.person.confirm(f"Continue it with {host}?"):
        raise UsageError(
            f"{_name(record)} was not opened: {host} is another server",
            f"/profile NAME or -P NAME chooses a server, --allow-server-change permits {host}",
        )


def use_server(session: SessionState, found: ReturnServer) -> None:
    """Switch to the chosen server; the session's model does not hold at another one."""
    session.settings = session.servers.use_session_server(session.settings, found.selected)
    if found.is_other:
        session.settings = without_model(session.settings, is_stored=True)


async def _selected_before(
    session: SessionState, last: SessionServer, own: SelectedServer
) -> tuple[SelectedServer, str]:
    """Return the server that the session had, else the run's own with the reason."""
    if not last.host:
        return SelectedServer(None, own.name), ""
    profiles = session.ports.profiles
    if last.profile is None and own.host == last.host:
        return own, ""
    if last.profile is not None and last.profile not in profiles.names():
        return own, f"profile {last.profile} is not in the configuration"
    if own.profile is not None and own.name == last.profile:
        return own, ""
    try:
        found = SelectedServer(await profiles.look_up(last.profile), last.profile)
    except UsageError as error:
        return own, error.message
    # Without a profile there is no name to trust: only the same host is the same server.
    return (own if last.profile is None and found.host != last.host else found), ""


def _compared(
    session: SessionState, record: SessionRecord, selected: SelectedServer, problem: str = ""
) -> ReturnServer:
    """Compare a server with the one that the session last used."""
    last, host, name = record.server, selected.host, _name(record)
    if last is None:
        return ReturnServer(selected)
    reason = f"; {problem}" if problem else ""
    if host == last.host:
        return ReturnServer(selected, notices=_same_host_notices(session, selected, name, reason))
    text = f"{name} last used {_described(last.host, '' if problem else last.profile)}{reason}"
    if host is None:
        unserved = Notice(f"{text}; this run has no server", Level.WARNING, "/profile, /local")
        return ReturnServer(selected, is_other=True, notices=[unserved])
    choice = session.servers.choice
    if host and not (choice.is_named or choice.allows_change):
        warnings = [Notice(text, Level.WARNING)]
        return ReturnServer(selected, is_other=True, warnings=warnings, asked_host=host)
    now = f"{text}; now {_described(host, selected.name)} is used"
    return ReturnServer(selected, is_other=True, notices=[Notice(now, Level.WARNING)])


def _same_host_notices(
    session: SessionState, selected: SelectedServer, name: str, reason: str
) -> list[Notice]:
    """Return the notice that the session's server is not the run's own, or lost its profile."""
    host = selected.host or ""
    if reason:
        text = f"{name} goes on with {_described(host, selected.name)}{reason}"
        return [Notice(text, Level.WARNING)]
    own = session.servers.own(session.settings)
    if own.host in (host, None):
        return []
    # Where CHATREPL_PROFILE chose another server, that is against what was asked for.
    is_against = own.name is not None or own.profile is None
    text = f"{name} uses {_described(host, selected.name)}, as before"
    over = f", not {_described(own.host or '', own.name)}" if is_against else ""
    return [Notice(text + over, Level.WARNING if is_against else Level.INFO)]


def _described(host: str, profile: str | None) -> str:
    if not host:
        return _BUILT_IN
    return f"{host} (profile {profile})" if profile else host


def _name(record: SessionRecord) -> str:
    return f"“{record.name or record.title}”"
