"""The ``Memory`` role. What it works with is imported when it starts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from nexy_core import Exchange, Fact, Forget, Forgotten, Health, Memory, Recall, Remember, Status
from nexy_memory.shared import Shared, not_started

if TYPE_CHECKING:
    from nexy_memory.recollection import Recollection


class UserMemory(Memory):
    """Keeps turns in process memory, and on disk only for users who agreed.

    Yields exchanges (oldest first), then facts, for ``Recall``; nothing for ``Remember``, which returns when what may
    be kept is on the disk; one ``Forgotten`` for ``Forget``. Raises ``Degraded`` when the database cannot serve.
    """

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._work: Recollection | None = None

    async def initialize(self) -> None:
        """Open the database, read the key, load the embedding model."""
        if self._work is None:
            await self._shared.load("nexy_memory.recollection")
            from nexy_memory.recollection import Recollection

            self._work = Recollection(self._shared.settings, self._shared.database())
            await self._work.initialize()

    def process(self, request: Recall | Remember | Forget) -> AsyncIterator[Fact | Exchange | Forgotten]:
        """Serve one request."""
        if self._work is None:
            raise not_started()
        return self._work.process(request)

    async def cleanup(self) -> None:
        """Write what is left and let go of the database."""
        work, self._work = self._work, None
        if work is not None:
            await work.cleanup()

    def status(self) -> Status:
        """How the memory and its database are."""
        return self._work.status() if self._work else Status(Health.STOPPED)
