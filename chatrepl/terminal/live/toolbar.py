"""The toolbar below the prompt: lasting notices, model, session, tokens of the budget."""

from chatrepl.core.context.context_report import format_tokens
from chatrepl.core.errors import ChatreplError
from chatrepl.core.servers.addresses import host_of
from chatrepl.core.session import Session
from chatrepl.core.text.terminal_safe import safe_line

_SESSION_CHARS = 30
_FEWEST_SESSION_CHARS = 6
_ASCII = str.maketrans({"·": "-", "≈": "~", "…": "..."})


class Toolbar:
    """The toolbar's text. Tokens are counted by ``refresh`` only, so that a redraw is cheap."""

    def __init__(self, session: Session, *, unicode: bool = True) -> None:
        self._session = session
        self._unicode = unicode
        self._notices: dict[str, str] = {}
        """Lasting notices by topic."""
        self._tokens = ""

    def keep(self, topic: str, text: str) -> None:
        """Show a notice until one with the same topic replaces it; an empty text removes it."""
        if text:
            self._notices[topic] = safe_line(text)
        else:
            self._notices.pop(topic, None)

    async def refresh(self) -> None:
        """Count the tokens of the next request."""
        session = self._session
        if session.model_name() is None:
            return
        try:
            target, plan = await session.plan_ahead()
        except ChatreplError:
            return
        self._tokens = format_tokens(session.planner, target, plan)

    def text(self, columns: int) -> str:
        """Return the line; where not all fits, the session's title is cut, then left out."""
        before = [part for part in (*self._notices.values(), self._model()) if part]
        after = [self._tokens] if self._tokens else []
        room = columns - len(" · ".join([*before, "", *after]))
        session = self._session_title(min(room, _SESSION_CHARS))
        line = " · ".join([*before, *session, *after])
        return line if self._unicode else line.translate(_ASCII)

    def _model(self) -> str:
        session = self._session
        model = session.model_name()
        if model is not None:
            mark = " (demo)" if session.ports.local.is_demo else " (here)"
            return safe_line(model) + (mark if session.servers.uses_local else "")
        server = session.servers.current
        return host_of(server.base_url) if server else "no server: /local"

    def _session_title(self, room: int) -> list[str]:
        session = self._session
        title = session.name or (session.record.title if session.record else "new session")
        line = safe_line(title)
        if len(line) > room:
            line = line[: room - 1] + "…"
        return [line] if room >= _FEWEST_SESSION_CHARS else []
