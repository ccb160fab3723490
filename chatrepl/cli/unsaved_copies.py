"""The last try, at the end of a run, to keep what the disk did not take."""

import asyncio
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from chatrepl.cli.process import print_line
from chatrepl.core.errors import ChatreplError, unexpected
from chatrepl.core.session import Session
from chatrepl.core.sessions.library import unsaved

__all__ = ["rescue"]


async def rescue(session: Session) -> None:
    """Try a last time to save; else write a copy of each session elsewhere, and say where it is."""
    if session.autosave.is_saved or await session.autosave.flush():
        return
    from chatrepl.core.transcript import to_json

    for transcript in unsaved(session):
        try:
            name = f"chatrepl-{transcript.record.id[:8]}-"
            where = await asyncio.to_thread(_write_copy, name, to_json(transcript))
        except OSError as error:
            told = f"nor copied: {error.strerror or error}"
        except Exception as error:  # noqa: BLE001 - one that fails must not cost the others
            told = f"nor copied: {error if isinstance(error, ChatreplError) else unexpected(error)}"
        else:
            told = f"a copy is {where} (/import reads it)"
        separator = "," if told.startswith("nor") else ";"
        print_line(f"chatrepl: NOT SAVED{separator} {told}", to_stderr=True)


def _write_copy(name: str, text: str) -> str:
    """Write a private file of a name that no other has."""
    descriptor, path = tempfile.mkstemp(prefix=name, suffix=".json")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError:
        with suppress(OSError):
            Path(path).unlink()
        raise
    return path
