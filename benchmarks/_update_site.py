"""An update site in a process of its own: `python -m benchmarks._update_site {ours|bare} {asyncio|uvloop} FOLDER`.

`bare` is aiohttp alone: a handler that returns the feed's bytes, and one that returns a `FileResponse` (sendfile where
the loop has it). Both print their port.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import uvloop
from aiohttp import web
from nexy_updates.capability import UpdateSite
from nexy_updates.settings import SETTINGS

from nexy_core import LiveSettings, Settings

ARTIFACT = "artifact.bin"
FEED = "feed.xml"


def settings(folder: Path, **changes: object) -> LiveSettings:
    """The plugin's defaults, on a free port, with a rate limit that is never reached."""
    values: dict[str, Any] = {setting.key: setting.default for setting in SETTINGS}
    values |= {"update.host": "127.0.0.1", "update.port": 0, "storage.data_dir": str(folder)}
    values |= {"update.max_requests_per_minute": 1_000_000_000, "update.title": "Nexy"}
    values |= {f"update.{key}": value for key, value in changes.items()}
    return LiveSettings(Settings("local", values, {}))


async def serve_ours(folder: Path) -> None:
    site = UpdateSite(settings(folder, public_keys=[(folder / "public").read_text()]))
    await site.initialize()
    print(site.port, flush=True)
    await asyncio.Event().wait()


async def serve_bare(folder: Path) -> None:
    feed = (folder / FEED).read_bytes()
    headers = {"Cache-Control": "max-age=60", "Content-Type": "application/rss+xml"}

    async def send_feed(_: web.Request) -> web.Response:
        return web.Response(body=feed, headers=headers)

    async def send_file(_: web.Request) -> web.FileResponse:
        return web.FileResponse(folder / ARTIFACT)

    app = web.Application()
    app.router.add_get("/appcast.xml", send_feed)
    app.router.add_get("/artifact", send_file)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    kind, loop, where = sys.argv[1:]
    factory = uvloop.new_event_loop if loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as loop_runner:
        loop_runner.run({"ours": serve_ours, "bare": serve_bare}[kind](Path(where)))
