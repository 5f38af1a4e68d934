"""Forgetting: from the disk, from process memory and from what waits to be written, at once."""

from nexy_core import Unavailable
from nexy_memory import erase, rows
from nexy_memory.commands import Ask, Command
from nexy_memory.consents import Consents
from nexy_memory.database import Database, now
from nexy_memory.erase import Erased
from nexy_memory.facts import Facts
from nexy_memory.housekeeping import Housekeeping
from nexy_memory.parked import Parked
from nexy_memory.recent import Recent
from nexy_memory.stems import stem_words


class Forgetting:
    """Carries out a user's request, and follows erasures that another process made."""

    def __init__(
        self,
        database: Database,
        recent: Recent,
        consents: Consents,
        parked: Parked,
        facts: Facts,
        housekeeping: Housekeeping,
    ) -> None:
        self._database = database
        self._recent = recent
        self._consents = consents
        self._parked = parked
        self._facts = facts
        self._housekeeping = housekeeping
        self._seen = 0
        self._own: set[int] = set()
        self._pending: set[str] = set()

    async def begin(self) -> None:
        """Start from the newest line of the erasure log."""
        self._seen = await self._database.read(erase.newest_line)

    async def follow(self) -> None:
        """Drop from process memory the users that another process erased."""
        if self._pending and not len(self._parked):
            self._pending.clear()
            self._housekeeping.scrub_due = True
        for line, user in await self._database.read(lambda db: erase.lines_after(db, self._seen)):
            self._seen = line
            if line in self._own:
                self._own.discard(line)
            else:
                self._recent.forget(user)
                self._consents.drop(user)
                self._facts.forget(user)

    async def carry_out(self, user: str, command: Command) -> int:
        """Erase what ``command`` says; returns how many memories and turns went.

        Process memory is cleared even when the database cannot be reached; the erasure there is then tried again.
        """
        turn_ids = self._drop_recent(user, command)
        self._consents.drop(user)
        self._facts.forget(user)
        if command.ask in {Ask.FORGET_ALL, Ask.REFUSE}:
            self._parked.forget(user)
        self._pending.add(user)
        erased: Erased = await self._parked.write_last(user, lambda db: _erase(db, user, command, turn_ids))
        self._pending.discard(user)
        self._consents.drop(user)
        if erased.log_id > self._seen:
            self._own.add(erased.log_id)
        await self._clean_files()
        return erased.memories + len(set(erased.turn_ids) | set(turn_ids))

    def pending(self, user: str) -> bool:
        """Whether an erasure waits for the database: until then nothing of the user may be recalled from it."""
        return user in self._pending

    def _drop_recent(self, user: str, command: Command) -> tuple[str, ...]:
        turns = self._recent.turns(user, now=now())
        gone = turns
        if command.ask is Ask.FORGET_LAST:
            gone = turns[-1:]
        elif command.ask is Ask.FORGET_TEXT:
            wanted = frozenset(stem_words(command.text))
            gone = [
                turn for turn in turns if erase.says_any(f"{turn.exchange.prompt} {turn.exchange.answer}", [wanted])
            ]
        names = tuple(turn.turn_id for turn in gone)
        self._recent.keep(user, [turn.turn_id for turn in turns if turn.turn_id not in names])
        self._recent.visit(user, now())  # or the next question would read back what is just being erased
        return names

    async def _clean_files(self) -> None:
        try:
            await self._housekeeping.scrub()
        except Unavailable:
            return  # the rows are gone; the files are cleaned by the next tick


def _erase(db: object, user: str, command: Command, turn_ids: tuple[str, ...]) -> Erased:
    at = now()
    if command.ask is Ask.REFUSE:
        rows.set_consent(db, user, False, at)
    if command.ask is Ask.FORGET_LAST:
        return erase.last(db, user, turn_ids, at)
    if command.ask is Ask.FORGET_TEXT:
        return erase.matching(db, user, command.text, at)
    return erase.everything(db, user, at)
