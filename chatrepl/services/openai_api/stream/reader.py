"""Reader of one response: bytes from the network, through the parsers, to model events.

A task of its own reads, so that the network never waits for drawing, and so that all deltas of one
network read leave as one event.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import TYPE_CHECKING

from chatrepl.core.errors import Fault, ModelError
from chatrepl.core.events import ModelEvent
from chatrepl.services.openai_api.errors.responses import RequestFacts
from chatrepl.services.openai_api.stream.body import BodyParser
from chatrepl.services.openai_api.stream.chunks import ChunkParser

if TYPE_CHECKING:
    import httpx2


GRACE_S = 2.0
"""Time for usage and end mark to arrive after the last piece of an answer that has its finish
reason. Anything more of it restarts the time."""

DRAIN_S = 0.05
"""Time for the body to end after the end mark, so that the connection can be reused."""

PIECES_AT_ONCE = 384
"""Pieces read without a pause before the event loop gets its turn: about 5 ms of parsing."""

OpenResponse = Callable[[], AbstractAsyncContextManager["httpx2.Response"]]

_log = logging.getLogger(__name__)


class _Watchdog:
    """Cancels its task if no part of the answer arrives within the timeout."""

    def __init__(self, timeout_s: float) -> None:
        self.has_expired = False
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._deadline_s = self._loop.time() + timeout_s
        self._handle = self._loop.call_at(self._deadline_s, self._check)

    def touch(self, within_s: float | None = None) -> None:
        """Restart the timeout, or set a shorter one."""
        shortest_s = self._timeout_s if within_s is None else min(within_s, self._timeout_s)
        self._deadline_s = self._loop.time() + shortest_s
        if self._deadline_s < self._handle.when():
            self._handle.cancel()
            self._handle = self._loop.call_at(self._deadline_s, self._check)

    def stop(self) -> None:
        self._handle.cancel()

    def _check(self) -> None:
        # Looking again when the time is over costs less than a new timer for each token.
        if self._loop.time() < self._deadline_s:
            self._handle = self._loop.call_at(self._deadline_s, self._check)
        elif self._task is not None:
            self.has_expired = True
            self._task.cancel()


class _Reader:
    """Reads one response in a task; ``arrived`` is set at each new event and at the end."""

    def __init__(self, open_response: OpenResponse, facts: RequestFacts, choices: int) -> None:
        self.chunks = ChunkParser(facts, choices)
        self.arrived = asyncio.Event()
        self.has_ended = False
        self.error: ModelError | None = None
        self._body = BodyParser(self.chunks, facts)
        self._open_response = open_response
        self._facts = facts
        self._timeout_s = facts.server.timeout_s
        self._pieces: list[bytes] = []
        self._failure: ModelError | None = None
        self._is_open = False
        self._is_draining = False

    async def run(self) -> None:
        """Read to the end; a failure is stored in ``error``."""
        watchdog = _Watchdog(self._timeout_s)
        try:
            await self._read(watchdog)
        except asyncio.CancelledError:
            if self._failure is None and not watchdog.has_expired:
                raise
            self.error = self._failure or self._final_error(None)
        except ModelError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 - whatever a server provokes ends in one line
            self.error = self._final_error(error)
        finally:
            watchdog.stop()
            self.chunks.finish()
            self.error = self.error or self.chunks.failure
            self.has_ended = True
            self.arrived.set()

    async def _read(self, watchdog: _Watchdog) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        async with (
            self._open_response() as response,
            aclosing(response_bytes(response)) as pieces,
        ):
            self._is_open = True
            watchdog.touch()
            self._body.content_type = response.headers.get("content-type", "")
            async for data in pieces:
                self._pieces.append(data)
                if len(self._pieces) == 1:
                    # Runs when this task next waits for the network: one parse for all pieces
                    # that arrived in one read.
                    loop.call_soon(self._parse_or_stop, watchdog, task)
                elif len(self._pieces) >= PIECES_AT_ONCE:
                    await asyncio.sleep(0)
        self._parse(watchdog)
        self._body.finish()

    def _parse_or_stop(self, watchdog: _Watchdog, task: "asyncio.Task[None] | None") -> None:
        try:
            self._parse(watchdog)
        except ModelError as error:
            self._failure = error
            if task is not None:
                task.cancel()

    def _parse(self, watchdog: _Watchdog) -> None:
        if not self._pieces:
            return
        data = b"".join(self._pieces)
        self._pieces.clear()
        progress = self.chunks.progress
        try:
            self._body.feed(data)
        finally:
            self.arrived.set()
        if self.chunks.is_done and not self._is_draining:
            self._is_draining = True
            watchdog.touch(DRAIN_S)
        elif self.chunks.progress != progress and not self._is_draining:
            watchdog.touch(GRACE_S if self.chunks.is_finished else None)

    def _final_error(self, error: Exception | None) -> ModelError | None:
        """Return the error of an answer that was not read to its end; None if it is complete.

        The bytes received so far are parsed first, with the last event. After the last finish
        reason, nothing of an answer can be lost. ``error`` None: the timeout expired.
        """
        try:
            self._body.feed(b"".join(self._pieces))
            self._body.finish_event()
            if self.chunks.is_whole and not self.chunks.has_answer:
                # An end mark alone is an empty reply, however the connection ended.
                self._body.finish()
        except ModelError as sent_error:
            return sent_error
        if self.chunks.is_whole:
            return None
        if error is None:
            return self._timeout_error()
        from chatrepl.services.openai_api.errors.exceptions import error_from_exception

        return error_from_exception(error, self._facts, has_answer=self.chunks.has_answer)

    def _timeout_error(self) -> ModelError:
        seconds = f"{self._timeout_s:g} s"
        base_url = self._facts.server.base_url
        hint = "/retry asks again"
        if self.chunks.has_answer:
            message = f"nothing more of the answer came for {seconds}"
        elif self._is_open:
            message = f"no word of an answer from {self._facts.host} within {seconds}"
        else:
            message = f"no answer from {self._facts.host} within {seconds}"
            if base_url.startswith("https:"):
                hint += f"; if the server speaks plain HTTP, try http:{base_url[6:]}"
        return ModelError(message, hint, fault=Fault.TIMEOUT)


def response_bytes(response: "httpx2.Response") -> AsyncGenerator[bytes, None]:
    """Yield a body's bytes, decompressed if the server compressed them without being asked to."""
    if response.headers.get("content-encoding", "identity").strip().lower() in ("", "identity"):
        return response.aiter_raw()
    return response.aiter_bytes()


async def read_answer(
    open_response: OpenResponse, facts: RequestFacts, expected_choices: int = 1
) -> AsyncGenerator[ModelEvent, None]:
    """Open a response and yield its events as they arrive.

    Raises ``ModelError`` after the last event. Closing the generator closes the connection.
    ``expected_choices`` is the number of answers requested.
    """
    reader = _Reader(open_response, facts, expected_choices)
    reading = asyncio.create_task(reader.run(), name="chatrepl-read-answer")
    try:
        has_ended = False
        while not has_ended:
            await reader.arrived.wait()
            reader.arrived.clear()
            has_ended = reader.has_ended
            for event in reader.chunks.take():
                yield event
        if reader.error is not None:
            _log.debug("the answer ended: %s", reader.error.fault.value)
            raise reader.error
    finally:
        reading.cancel()
        await asyncio.wait([reading])
