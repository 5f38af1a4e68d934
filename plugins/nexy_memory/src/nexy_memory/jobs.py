"""What is asked of the database: jobs that run in a transaction, alone or joined with others of their class."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, Generic, Protocol, TypeVar

import attrs

T = TypeVar("T")
_JOBS_PER_BREATH, _JOINED_PER_BREATH = 4, 16
Job = Callable[[Any], T]
"""Runs against the database inside a transaction. It may run twice, so it changes nothing but the database."""


@attrs.frozen
class Reading(Generic[T]):
    """A query, and who keeps what it gives; nobody does where that was dropped meanwhile."""

    read: Job[T]
    keep: Callable[[T], None]


class JoinedJob(Protocol):
    """A ``Job`` that costs less done together with others of its class."""

    @staticmethod
    def together(db: Any, jobs: Sequence[Any], /) -> list[Any]:
        """Do ``jobs``; returns the result of each."""


AnyJob = Job[Any] | JoinedJob


@attrs.define(eq=False)
class Write:
    """A job that waits for the writer, and whom to tell."""

    job: AnyJob
    future: asyncio.Future[Any]
    settled: Callable[[Any], None] | None


def parts(batch: list[Write]) -> Iterator[list[AnyJob]]:
    """The jobs in their order, a few at a time; those of one class that can be joined, together."""
    for together, group in groupby((write.job for write in batch), lambda job: getattr(type(job), "together", None)):
        jobs = list(group)
        size = _JOINED_PER_BREATH if together else _JOBS_PER_BREATH
        yield from (jobs[start : start + size] for start in range(0, len(jobs), size))
