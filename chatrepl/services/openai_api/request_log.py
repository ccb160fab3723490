"""Log of a request's fields, times and outcome, never of its text or key."""

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

_log = logging.getLogger(__name__)
_HIDDEN = ("messages", "user", "stop", "logit_bias", "response_format", "metadata", "tools")
"""Fields that may contain text of the user: logged without their values."""


class RequestLog:
    """The log lines of one request; next to no cost if no log is written."""

    def __init__(self, number: int, request: ChatRequest) -> None:
        self._number = number
        self._is_on = _log.isEnabledFor(logging.DEBUG)
        self._started_s = time.monotonic()
        self._first_s: float | None = None
        self._chars = 0
        if self._is_on:
            self._log_request(request)

    def record(self, event: ModelEvent) -> None:
        """Log an event of the response, or count its text."""
        if not self._is_on:
            return
        match event:
            case ResponseStarted(response_id=response_id, model=model):
                self._write("response %s of %s begins", response_id, model)
            case TextDelta(text=text) | ReasoningDelta(text=text) | RefusalDelta(text=text):
                if self._first_s is None:
                    self._first_s = self._elapsed_s()
                self._chars += len(text)
            case UsageReported(usage=usage):
                self._write("%s", usage)
            case ChoiceFinished(finish_reason=reason, index=index):
                self._write("choice %d finished: %s", index, reason)
            case _:
                pass

    @contextmanager
    def outcome(self) -> Iterator[None]:
        """Log the outcome of the block that sends the request: whole, failed, or stopped."""
        outcome = "stopped"
        try:
            yield
            outcome = "whole"
        except ModelError as error:
            outcome = f"failed ({error.fault.value}; {dict(error.details)}): {error}"
            raise
        finally:
            if self._is_on:
                first = "no text" if self._first_s is None else f"first text {self._first_s:.2f} s"
                self._write("%s; %s, %d characters", outcome, first, self._chars)

    def _log_request(self, request: ChatRequest) -> None:
        body = request.body
        messages = body.get("messages")
        fields = {
            key: "…" if key in _HIDDEN or (isinstance(value, str) and len(value) > 80) else value
            for key, value in body.items()
            if key not in ("messages", "model")
        }
        count = len(messages) if isinstance(messages, list) else 0
        host, model = host_of(request.server.base_url), body.get("model")
        self._write("to %s for %s: %d messages, %s", host, model, count, fields)

    def _write(self, message: str, *values: object) -> None:
        prefix = "request %d, %.2f s: "
        _log.debug(prefix + message, self._number, self._elapsed_s(), *values)

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._started_s
