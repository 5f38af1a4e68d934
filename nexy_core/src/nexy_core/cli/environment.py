"""What commands share: settings, a loaded host, a server inside this process."""

import contextlib
import os
from collections.abc import AsyncIterator

from nexy_core.config import Config
from nexy_core.decisions import DecisionLog
from nexy_core.host import Host
from nexy_core.server import Listening, Server

CLOSE_SECONDS = 1.0
# One process, for itself: any free port, nothing reachable from elsewhere, no update site.
LOCAL = {
    "NEXY_GRPC__HOST": "127.0.0.1",
    "NEXY_GRPC__PORT": "0",
    "NEXY_TLS__CERT": "",
    "NEXY_TLS__KEY": "",
    "NEXY_HTTP__HOST": "127.0.0.1",
    "NEXY_HTTP__PORT": "0",
    "NEXY_PLUGINS__UPDATES__ENABLED": "false",
}


def loaded_host() -> Host:
    """Plugins imported and settings checked, nothing initialized. Raises ``ConfigError``."""
    config = Config.load()
    host = Host(config, DecisionLog.quiet(config.live))
    host.load()
    return host


@contextlib.asynccontextmanager
async def local_server() -> AsyncIterator[Listening]:
    """A whole server in this process, on free loopback ports."""
    config = Config.load(environ={**os.environ, **LOCAL})
    log = DecisionLog.open(config.live, console=False)
    try:
        server = Server(config, log)
        listening = await server.start()
        try:
            yield listening
        finally:
            await server.stop()
    finally:
        log.close(CLOSE_SECONDS)
