"""The last message of a call: it must get out whatever ended the call."""

import asyncio
import time
from typing import Any

import grpc

from nexy_core.transport.interceptors import Context

TERMINAL_WRITE_SECONDS = 1.0
WRITE_AGAIN_SECONDS = 0.002


async def open_answer(context: Context) -> None:
    """Send the call's headers before anything that may be cancelled.

    gRPC sends them with the first message, and when that write is cancelled it sends them again with the status: that
    is refused as one operation too many, no status goes out, and the client waits for its deadline.
    """
    await context.send_initial_metadata(())


async def write_last(context: Context, message: Any) -> None:
    """Write a terminal message. A turn may have been cancelled inside a write that gRPC still holds: wait for it.

    Raises ``grpc.aio.InternalError`` when that does not end in ``TERMINAL_WRITE_SECONDS``, or the client has gone.
    """
    deadline = time.monotonic() + TERMINAL_WRITE_SECONDS
    while True:
        try:
            await context.write(message)
        except grpc.aio.InternalError:
            if context.done() or time.monotonic() > deadline:
                raise
            await asyncio.sleep(WRITE_AGAIN_SECONDS)
        else:
            return


async def write_terminal(context: Context, message: Any) -> None:
    """The terminal message before a status; a client that has gone, or does not read, cannot take it."""
    try:
        await asyncio.wait_for(write_last(context, message), TERMINAL_WRITE_SECONDS)
    except (TimeoutError, grpc.RpcError, grpc.aio.BaseError):
        return
