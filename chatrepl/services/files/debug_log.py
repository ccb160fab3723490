"""Debug log in a file: requests, statuses, times, errors; neither keys nor messages.

Modules use the standard ``logging``; this is its only handler.
"""

import logging
import os
import platform
from contextlib import suppress
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from chatrepl import __version__
from chatrepl.core.errors import UsageError
from chatrepl.core.servers.addresses import redact
from chatrepl.services.files.private_files import (
    explain_os_error,
    make_private_folder,
    open_private,
)

_LOGGER = "chatrepl"
_MOST_BYTES = 1024 * 1024
_OLD_FILES = 1


class _Redacting(logging.Formatter):
    """Formatter that removes everything that looks like a key."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class _PrivateFile(RotatingFileHandler):
    """Rotating log file with mode 0600; it removes itself silently when writing fails."""

    def _open(self) -> TextIOWrapper:
        file = open_private(Path(self.baseFilename), "a", errors="backslashreplace")
        assert isinstance(file, TextIOWrapper)
        return file

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the base class's name
        del record
        # A full disk must not cost the conversation, nor print a traceback into it.
        logging.getLogger(_LOGGER).removeHandler(self)


class FileDebugLog:
    """Implements the core's ``DebugLog`` port: a file of at most 1 MB, and the previous one."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self._handler: _PrivateFile | None = None

    @property
    def is_on(self) -> bool:
        """True if the log is being written."""
        handler = self._handler
        return handler is not None and handler in logging.getLogger(_LOGGER).handlers

    def start(self) -> None:
        """Start to append to the file. Raises ``UsageError``."""
        if self.is_on:
            return
        try:
            make_private_folder(Path(self.path).parent)
            handler = _PrivateFile(self.path, maxBytes=_MOST_BYTES, backupCount=_OLD_FILES)
        except OSError as error:
            cause, hint = explain_os_error(error)
            raise UsageError(f"the log {self.path} cannot be written: {cause}", hint) from None
        handler.setFormatter(_Redacting("%(asctime)s %(process)d %(name)s: %(message)s"))
        logger = logging.getLogger(_LOGGER)
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
        self._handler = handler
        logger.debug(
            "chatrepl %s, Python %s, %s, TERM=%s",
            __version__,
            platform.python_version(),
            platform.platform(),
            os.environ.get("TERM", ""),
        )

    def stop(self) -> None:
        """Stop logging; the file stays."""
        if self._handler is not None:
            logger = logging.getLogger(_LOGGER)
            logger.removeHandler(self._handler)
            logger.setLevel(logging.NOTSET)
            with suppress(OSError):
                self._handler.close()
            self._handler = None
