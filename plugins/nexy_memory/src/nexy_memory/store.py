"""The ``Store`` role: counts that must survive a restart."""

import time
from collections.abc import AsyncIterator

from nexy_core import (
    Health,
    QueryUsage,
    Status,
    Store,
    Stored,
    StoreUsage,
    UsageTotals,
    ValidationFailed,
)
from nexy_memory import rows
from nexy_memory.database import Database, now

_DISTINCT_MAX = 1_000
OTHER = "other"


class UsageStore(Store):
    """Usage by day, source and model. Raises ``Unavailable`` when the database cannot be written."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: tuple[int, set[tuple[str, str]]] = (0, set())

    async def initialize(self) -> None:
        """Open the database."""
        await self._database.open(self)

    async def process(self, request: StoreUsage | QueryUsage) -> AsyncIterator[Stored | UsageTotals]:
        """``Stored`` once the counts are on the disk, or the ``UsageTotals``."""
        if isinstance(request, QueryUsage):
            yield UsageTotals(*await self._database.read(rows.usage_totals))
            return
        if request.input_tokens < 0 or request.output_tokens < 0:
            raise ValidationFailed("Token counts cannot be negative.", reason="negative_tokens")
        row = self._row(request)
        await self._database.write(lambda db: rows.add_usage(db, row))
        yield Stored()

    def _row(self, request: StoreUsage) -> rows.UsageRow:
        """Clients choose ``source`` and ``model``: past ``_DISTINCT_MAX`` pairs a day they count as "other"."""
        day = int(time.strftime("%Y%m%d", time.gmtime(now())))
        pair = (_clean(request.source, rows.SOURCE_CHARS_MAX), _clean(request.model, rows.MODEL_CHARS_MAX))
        if self._seen[0] != day:
            self._seen = (day, set())
        if pair not in self._seen[1]:
            if len(self._seen[1]) >= _DISTINCT_MAX:
                pair = (OTHER, OTHER)
            self._seen[1].add(pair)
        return rows.UsageRow(day, *pair, request.input_tokens, request.output_tokens)

    async def cleanup(self) -> None:
        """Let go of the database."""
        await self._database.close(self)

    def status(self) -> Status:
        """Ready, or why not."""
        return database_status(self._database)


def _clean(text: str, chars_max: int) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:chars_max]


def database_status(database: Database) -> Status:
    """How the database is."""
    figures = {"written": database.written, "waiting": database.waiting}
    if database.failure is not None:
        return Status(Health.DEGRADED, database.failure.message, figures)
    if database.moved_aside:
        return Status(Health.READY, f"The damaged database was moved to {database.moved_aside}.", figures)
    return Status(Health.READY, figures=figures)
