"""Sending a file from the kernel's cache to the socket, watching that the client keeps reading.

``loop.sendfile`` is not used: uvloop has none, and neither tells how far it got, so that a client which stops
reading would hold its place for ever.
"""

import asyncio
import os

import attrs

SLICE_BYTES = 1024 * 1024
"""The most that one call sends before other work gets its turn."""
_BUFFER_POLL_SECONDS = 0.005


class Stalled(Exception):  # a fact about the client
    """The client reads slower than the limit."""


@attrs.frozen
class Pace:
    """A client must take ``bytes_per_window`` in every ``window_seconds``."""

    window_seconds: float
    bytes_per_window: int


async def send_file(transport: asyncio.Transport, descriptor: int, start: int, length: int, pace: Pace) -> None:
    """Send ``length`` bytes from ``start``. Raises ``Stalled``, ``ConnectionError``, or ``EOFError`` if the file is
    shorter than that.
    """
    await _drained(transport, pace)
    # A descriptor of our own: a loop refuses to watch one that belongs to a transport.
    socket = os.dup(transport.get_extra_info("socket").fileno())
    try:
        await _Sender(socket, descriptor, start, start + length, pace).run(transport)
    finally:
        os.close(socket)


async def _drained(transport: asyncio.Transport, pace: Pace) -> None:
    """Wait until the headers, and what came before them, have left."""
    try:
        async with asyncio.timeout(pace.window_seconds):
            while transport.get_write_buffer_size():  # noqa: ASYNC110  # the event is aiohttp's own
                await asyncio.sleep(_BUFFER_POLL_SECONDS)
    except TimeoutError as error:
        raise Stalled from error


@attrs.define
class _Sender:
    socket: int
    file: int
    offset: int
    end: int
    pace: Pace

    async def run(self, transport: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        checkpoint, deadline = self.offset, loop.time() + self.pace.window_seconds
        while self.offset < self.end:
            if transport.is_closing():
                raise ConnectionResetError
            if not self._send():
                await self._writable(loop, deadline)
            else:
                await asyncio.sleep(0)
            if loop.time() >= deadline:
                if self.offset - checkpoint < self.pace.bytes_per_window:
                    raise Stalled
                checkpoint, deadline = self.offset, loop.time() + self.pace.window_seconds

    def _send(self) -> int:
        try:
            sent = os.sendfile(self.socket, self.file, self.offset, min(SLICE_BYTES, self.end - self.offset))
        except BlockingIOError:
            return 0
        if not sent:
            raise EOFError
        self.offset += sent
        return sent

    async def _writable(self, loop: asyncio.AbstractEventLoop, deadline: float) -> None:
        """Until the socket takes more, or the window ends."""
        ready = loop.create_future()
        loop.add_writer(self.socket, _resolve, ready)
        try:
            async with asyncio.timeout_at(deadline):
                await ready
        except TimeoutError:
            pass
        finally:
            loop.remove_writer(self.socket)


def _resolve(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
