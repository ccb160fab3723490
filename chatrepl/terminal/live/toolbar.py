"""The line below the prompt: model, session, tokens of the budget, and what must stay visible."""

from chatrepl.core.context.context_report import format_tokens
from chatrepl.core.errors import ChatreplError
from chatrepl.core.servers.addresses import host_of
from chatrepl.core.session import Session
from chatrepl.core.text.terminal_safe import safe_line

__all__ = ["Toolbar"]

_SESSION_CHARS = 30
_FEWEST_SESSION_CHARS = 6
_ASCII = str.maketrans({"·": "-", "≈": "~", "…": "..."})


class Toolbar:
    """Counts only when told to: a redraw costs nothing."""

    def __init__(self, session: Session, *, unicode: bool = True) -> None:
        self._session = session
        self._unicode = unicode
        self._lasting: dict[str, str] = {}
        self._tokens = ""

    def keep(self, topic: str, text: str) -> None:
        """Keep a notice visible; an empty text ends it."""
        if text:
            self._lasting[topic] = safe_line(text)
        else:
            self._lasting.pop(topic, None)

    async def refresh(self) -> None:
        """Count what would be sent now."""
        session = self._session
        if session.model_name() is None:
            return
        try:
            target, plan = await session.plan_ahead()
        except ChatreplError:
            return
        self._tokens = format_tokens(session.planner, target, plan)

    def text(self, columns: int) -> str:
        """Return the line; where there is not room for all, the session's name gives way."""
        before = [part for part in (*self._lasting.values(), self._who()) if part]
        after = [self._tokens] if self._tokens else []
        room = columns - len(" · ".join([*before, "", *after]))
        where = self._where(min(room, _SESSION_CHARS))
        line = " · ".join([*before, *where, *after])
        return line if self._unicode else line.translate(_ASCII)

    def _who(self) -> str:
        session = self._session
        model = session.model_name()
        if model is not None:
            where = " (demo)" if session.ports.local.is_demo else " (here)"
            return safe_line(model) + (where if session.servers.uses_local else "")
        server = session.servers.current
        return host_of(server.base_url) if server else "no server: /local"

    def _where(self, room: int) -> list[str]:
        session = self._session
        title = session.name or (session.record.title if session.record else "new session")
        line = safe_line(title)
        if len(line) > room:
            line = line[: room - 1] + "…"
        return [line] if room >= _FEWEST_SESSION_CHARS else []
