"""The capability: a site that starts, retries and stops with the server, and never takes it down."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from nexy_core import FeedQuery, FeedState, Health, LiveSettings, Status, UpdateFeed

if TYPE_CHECKING:
    from aiohttp import web

    from nexy_updates.keeper import Keeper
    from nexy_updates.site import Site

SHUTDOWN_SECONDS = 1.0
KEEPALIVE_SECONDS = 30.0
SCRUB_CHECK_SECONDS = 5.0
FIRST_LOOK_SECONDS = 2.0
SEEN_FILE = "updates-seen.json"
logger = logging.getLogger(__name__)


def store_folder(settings: LiveSettings) -> Path:
    """Where the store is: ``update.dir``, or ``updates`` in the data folder."""
    named = settings.get("update.dir", str)
    return Path(named) if named else Path(settings.get("storage.data_dir", str)) / "updates"


def _tell(task: asyncio.Task[None]) -> None:
    """A watch that ends by itself is a bug: say which."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("the update site's %s failed", task.get_name(), exc_info=error, extra={"decision": "error"})


class UpdateSite(UpdateFeed):
    """Serves the update store on ``update.host``:``update.port``."""

    def __init__(self, settings: LiveSettings) -> None:
        self._settings = settings
        self._keeper: Keeper | None = None
        self._site: Site | None = None
        self._runner: web.AppRunner | None = None
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._listening = False
        self._trouble = ""

    async def initialize(self) -> None:
        """Open the site and look at the store once; what fails is retried in the background."""
        from aiohttp import web

        from nexy_updates.downloads import DownloadHandler
        from nexy_updates.keeper import Keeper
        from nexy_updates.layout import Layout
        from nexy_updates.site import Site

        seen_file = Path(self._settings.get("storage.data_dir", str)) / SEEN_FILE
        self._keeper = Keeper(Layout(store_folder(self._settings)), self._settings, seen_file)
        self._site = Site(self._settings, self._keeper, DownloadHandler(self._settings, self._keeper))
        self._runner = web.AppRunner(
            self._site.application(),
            access_log=None,
            handle_signals=False,
            keepalive_timeout=KEEPALIVE_SECONDS,
            shutdown_timeout=SHUTDOWN_SECONDS,
        )
        await self._runner.setup()
        await self._listen()
        first = asyncio.Event()
        self._tasks = (
            asyncio.create_task(self._watch(first), name="updates-watch"),
            asyncio.create_task(self._scrub(first), name="updates-scrub"),
        )
        for task in self._tasks:
            task.add_done_callback(_tell)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(first.wait(), FIRST_LOOK_SECONDS)

    async def _listen(self) -> None:
        """Bind the port, if that has not been done."""
        from aiohttp import web

        assert self._runner is not None
        if self._listening:
            return
        host, port = self._settings.get("update.host", str), self._settings.get("update.port", int)
        site = web.TCPSite(self._runner, host, port)
        try:
            await site.start()
        except OSError as error:
            with contextlib.suppress(RuntimeError):
                await site.stop()
            self._say(f"the update site cannot listen on {host}:{port}: {error.strerror}")
        else:
            self._listening, self._trouble = True, ""

    def _say(self, trouble: str) -> None:
        if trouble != self._trouble:
            logger.warning(trouble, extra={"decision": "degrade"})
        self._trouble = trouble

    async def _watch(self, first: asyncio.Event) -> None:
        assert self._keeper is not None
        while True:
            await self._keeper.refresh()
            first.set()
            await asyncio.sleep(self._settings.get("update.poll_seconds", float))
            await self._listen()

    async def _scrub(self, first: asyncio.Event) -> None:
        assert self._keeper is not None
        await first.wait()
        while True:
            await self._keeper.scrub_when_due()
            await asyncio.sleep(SCRUB_CHECK_SECONDS)

    @property
    def port(self) -> int:
        """The port it listens on (the setting may be 0); 0 while it does not."""
        addresses = self._runner.addresses if self._runner else []
        return int(addresses[0][1]) if addresses else 0

    async def process(self, request: FeedQuery) -> AsyncIterator[FeedState]:
        """What this device is offered now."""
        choice = self._keeper.choose(request.channel, request.hardware_id) if self._keeper else None
        if choice is None:
            yield FeedState("", request.channel, self.status().reason or "no such channel")
            return
        reason = f"rollout at {choice.offer.rollout_bp / 100:g}%" if choice.offer.version else "no release admits it"
        yield FeedState(choice.offer.version, choice.offer.channel, reason)

    async def cleanup(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = ()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner, self._listening, self._trouble = None, False, ""
        if self._keeper is not None:
            await self._keeper.close()

    def status(self) -> Status:
        if self._keeper is None:
            return Status(Health.STARTING)
        if self._runner is None:
            return Status(Health.STOPPED)
        if any(task.done() for task in self._tasks):
            return Status(Health.FAILED, "the watch over the update store has ended: see the log, and restart")
        snapshot, reason = self._keeper.snapshot, self._trouble or self._keeper.problem()
        figures = {
            "seq": snapshot.seq if snapshot else 0,
            "releases": len(snapshot.artifacts) if snapshot else 0,
            "downloads": self._site.downloads.running if self._site else 0,
        }
        from nexy_updates.keeper import NOTHING_YET

        well = not reason or (reason == NOTHING_YET and not self._asked_for())
        return Status(Health.READY if well else Health.DEGRADED, reason, figures)

    def _asked_for(self) -> bool:
        """Whether the operator has set updates up; until then an empty store is no trouble."""
        return bool(self._settings.get("update.dir", str) or self._settings.get("update.public_keys", list))
