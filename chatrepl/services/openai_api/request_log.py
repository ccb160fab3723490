"""What the log says of a request: its shape and its end, never its words or its key."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from chatrepl.core.errors import ModelError
from chatrepl.core.events import (
    ChoiceFinished,
    ModelEvent,
    ReasoningDelta,
    RefusalDelta,
    ResponseStarted,
    TextDelta,
    UsageReported,
)
from chatrepl.core.ports.chat_model import ChatRequest
from chatrepl.core.servers.addresses import host_of

__all__ = ["Told"]

_log = logging.getLogger(__name__)
_WORDS = ("messages", "user", "stop", "logit_bias", "response_format", "metadata", "tools")
"""Fields that may hold what is said; only that they are there is told."""


class Told:
    """One request in the log. Costs next to nothing where no log is written."""

    def __init__(self, number: int, request: ChatRequest) -> None:
        self._number = number
        self._is_on = _log.isEnabledFor(logging.DEBUG)
        self._started_s = time.monotonic()
        self._first_s: float | None = None
        self._chars = 0
        if self._is_on:
            self._tell_request(request)

    def take(self, event: ModelEvent) -> None:
        """Take note of what comes."""
        if not self._is_on:
            return
        match event:
            case ResponseStarted(response_id=response_id, model=model):
                self._say("response %s of %s begins", response_id, model)
            case TextDelta(text=text) | ReasoningDelta(text=text) | RefusalDelta(text=text):
                if self._first_s is None:
                    self._first_s = self._elapsed_s()
                self._chars += len(text)
            case UsageReported(usage=usage):
                self._say("%s", usage)
            case ChoiceFinished(finish_reason=reason, index=index):
                self._say("choice %d finished: %s", index, reason)
            case _:
                pass

    @contextmanager
    def until_the_end(self) -> Iterator[None]:
        """Tell how it ended, whichever way."""
        how = "stopped"
        try:
            yield
            how = "whole"
        except ModelError as error:
            how = f"failed ({error.fault.value}; {dict(error.details)}): {error}"
            raise
        finally:
            if self._is_on:
                first = "no text" if self._first_s is None else f"first text {self._first_s:.2f} s"
                self._say("%s; %s, %d characters", how, first, self._chars)

    def _tell_request(self, request: ChatRequest) -> None:
        body = request.body
        messages = body.get("messages")
        shown = {
            key: "…" if key in _WORDS or (isinstance(value, str) and len(value) > 80) else value
            for key, value in body.items()
            if key not in ("messages", "model")
        }
        count = len(messages) if isinstance(messages, list) else 0
        host, model = host_of(request.server.base_url), body.get("model")
        self._say("to %s for %s: %d messages, %s", host, model, count, shown)

    def _say(self, message: str, *values: object) -> None:
        prefix = "request %d, %.2f s: "
        _log.debug(prefix + message, self._number, self._elapsed_s(), *values)

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._started_s
