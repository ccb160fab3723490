"""Errors that a user can meet, as one tree of exceptions.

ChatreplError
├── UsageError          a wrong command, value, option or configuration
│   └── MessageTooLarge     the newest message cannot fit the budget
├── StoreError          the conversation could not be saved or read
├── LocalModelError     the built-in model cannot be fetched or started
└── ModelError          the model, the server or the network failed (see ``Fault``)

An error has a ``message`` on what happened and a ``hint`` on what to do; one function draws both.
"""

import logging
import re
import traceback
from collections.abc import Mapping
from enum import Enum

_log = logging.getLogger(__name__)


class ChatreplError(Exception):
    """A failure that the user sees in one line, with a hint."""

    exit_code = 1
    """The program's exit code where the error ends it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} — {self.hint}" if self.hint else self.message


def about_key(key: str, message: str) -> str:
    """Return a message about a key's value, with the key in front unless the message names it."""
    is_named = re.search(rf"(?<!\w){re.escape(key)}(?!\w)", message)
    return message if is_named else f"{key}: {message}"


def unexpected(error: Exception) -> ChatreplError:
    """Turn an unforeseen exception into an error that can be shown: its class and place.

    Its text is left out: it could hold anything, a key too.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = ""
    if trace is not None:
        path = trace.tb_frame.f_code.co_filename.replace("\\", "/")
        place = f" in {'/'.join(path.split('/')[-2:])}, line {trace.tb_lineno}"
    frames = "".join(traceback.format_tb(error.__traceback__))
    _log.debug("something broke: %s\n%s", type(error).__name__, frames)
    return ChatreplError(
        f"something broke inside chatrepl: {type(error).__name__}{place}",
        "please report this line; what was said is kept",
    )


class UsageError(ChatreplError):
    """A wrong command, value, option or configuration."""

    exit_code = 2


class MessageTooLarge(UsageError):  # noqa: N818 - says what is the matter, as the others do
    """The newest message and what always goes with it do not fit the budget."""


class StoreError(ChatreplError):
    """The conversation could not be saved or read."""


class LocalModelError(ChatreplError):
    """The built-in model cannot be fetched or started."""


class Fault(Enum):
    """The kind of a failure of a server or the network."""

    AUTHENTICATION = "authentication"
    PERMISSION = "permission"
    NOT_FOUND = "not found"
    BAD_REQUEST = "bad request"
    PARAMETER_REFUSED = "parameter refused"
    CONTEXT_LENGTH = "context length"
    RATE_LIMIT = "rate limit"
    QUOTA = "quota"
    SERVER = "server"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    REDIRECT = "redirect"
    BAD_RESPONSE = "bad response"
    CUT = "cut"


class ModelError(ChatreplError):
    """A failure of the model, the server or the network.

    ``details`` may hold ``status`` (int), ``retry_after_s`` (float), ``parameter`` (the request
    field that was refused), ``replacement`` (the field the server wants in its place), ``taken``
    (the values it takes), ``most`` (int, the largest number it takes), and ``window`` and
    ``prompt_tokens`` (int) where the server gave them.
    """

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        fault: Fault,
        details: Mapping[str, str | int | float] | None = None,
    ) -> None:
        super().__init__(message, hint)
        self.fault = fault
        self.details: Mapping[str, str | int | float] = details or {}

    @property
    def is_transient(self) -> bool:
        """True if the same request may succeed a moment later."""
        if self.fault is Fault.UNREACHABLE:
            return "retry_after_s" in self.details
        return self.fault in (Fault.RATE_LIMIT, Fault.SERVER, Fault.TIMEOUT)
