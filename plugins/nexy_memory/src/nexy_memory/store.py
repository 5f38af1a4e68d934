"""The ``Store`` role: counts that must survive a restart."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from nexy_core import (
    Health,
    QueryUsage,
    Status,
    Store,
    Stored,
    StoreUsage,
    Unavailable,
    UsageTotals,
    ValidationFailed,
)
from nexy_memory.shared import Shared, database_status, not_started

if TYPE_CHECKING:
    from nexy_memory.database import Database
    from nexy_memory.rows import AddUsage

_DISTINCT_MAX = 1_000
OTHER = "other"


class UsageStore(Store):
    """Usage by day, source and model. Raises ``Unavailable`` when the database cannot be written."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._database: Database | None = None
        self._seen: tuple[int, set[tuple[str, str]]] = (0, set())

    async def initialize(self) -> None:
        """Open the database."""
        await self._shared.load("nexy_memory.rows")
        self._database = self._shared.database()
        await self._database.open(self)

    async def process(self, request: StoreUsage | QueryUsage) -> AsyncIterator[Stored | UsageTotals]:
        """``Stored`` once the counts are on the disk, or the ``UsageTotals``."""

        from nexy_memory import rows

        if self._database is None:
            raise Unavailable("The store is not running.", reason=not_started().reason)
        if isinstance(request, QueryUsage):
            yield UsageTotals(*await self._database.read(rows.usage_totals))
            return
        if request.input_tokens < 0 or request.output_tokens < 0:
            raise ValidationFailed("Token counts cannot be negative.", reason="negative_tokens")
        await self._database.write(self._addition(request))
        yield Stored()

    def _addition(self, request: StoreUsage) -> AddUsage:
        """Clients choose ``source`` and ``model``: past ``_DISTINCT_MAX`` pairs a day they count as "other"."""

        from nexy_memory import rows

        day = int(time.strftime("%Y%m%d", time.gmtime()))
        pair = (_clean(request.source, rows.SOURCE_CHARS_MAX), _clean(request.model, rows.MODEL_CHARS_MAX))
        if self._seen[0] != day:
            self._seen = (day, set())
        if pair not in self._seen[1]:
            if len(self._seen[1]) >= _DISTINCT_MAX:
                pair = (OTHER, OTHER)
            self._seen[1].add(pair)
        return rows.AddUsage(day, *pair, request.input_tokens, request.output_tokens)

    async def cleanup(self) -> None:
        """Let go of the database."""
        database, self._database = self._database, None
        if database is not None:
            await database.close(self)

    def status(self) -> Status:
        """Ready, or why not."""
        return database_status(self._database) if self._database else Status(Health.STOPPED)


def _clean(text: str, chars_max: int) -> str:
    printable = text if text.isprintable() else "".join(filter(str.isprintable, text))
    return printable[:chars_max]
