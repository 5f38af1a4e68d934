"""gRPC shows a server the same thing when a client cancels and when it is gone: the process's sockets tell which."""

import asyncio
import time

import psutil

SNAPSHOT_SECONDS = 0.05
MAX_WAITING = 64
GONE = "client_gone"
CANCELLED = "client_cancel"
DISCONNECTED = "client_disconnect"


class Peers:
    """Looks at the sockets off the loop, once for all that end at the same moment."""

    def __init__(self) -> None:
        self._waiting = 0
        self._connected: frozenset[str] = frozenset()
        self._taken = 0.0
        self._lock = asyncio.Lock()

    async def why(self, peer: str) -> str:
        """Why a call of ``peer`` (``ipv4:127.0.0.1:54321``) ended; ``client_gone`` when too many ask at once."""
        if self._waiting >= MAX_WAITING:
            return GONE
        self._waiting += 1
        asked = time.monotonic()
        try:
            async with self._lock:
                if self._taken < asked:
                    await asyncio.sleep(SNAPSHOT_SECONDS)  # lets a closing socket be closed
                    self._taken = time.monotonic()
                    self._connected = await asyncio.to_thread(_connected_ports)
        except psutil.Error:
            return GONE
        finally:
            self._waiting -= 1
        return CANCELLED if peer.rpartition(":")[2] in self._connected else DISCONNECTED


def _connected_ports() -> frozenset[str]:
    """The remote ports of this process's established connections."""
    return frozenset(
        str(connection.raddr.port)
        for connection in psutil.Process().net_connections("tcp")
        if connection.raddr and connection.status == psutil.CONN_ESTABLISHED
    )
