"""The plugin's hooks and its one capability."""

from collections.abc import AsyncIterator, Iterable

from nexy_core import Cancel, Interrupt, InterruptPolicy, LiveSettings, Setting, hookimpl

WHICH = "interrupt.which"
ALL = "all"
OLDEST = "oldest"
NEWEST = "newest"


class DeviceSilence(InterruptPolicy):
    """Stops the device's running turns: all of them, or the one that ``interrupt.which`` names."""

    def __init__(self, settings: LiveSettings) -> None:
        self._settings = settings

    async def process(self, request: Interrupt) -> AsyncIterator[Cancel]:
        """Yield a ``Cancel`` for each turn to stop; turns of other devices are never among them."""
        turns = sorted(
            (turn for turn in request.live if turn.hardware_id == request.hardware_id),
            key=lambda turn: turn.generation,
        )
        which = self._settings.get(WHICH, str)
        chosen = {OLDEST: turns[:1], NEWEST: turns[-1:]}.get(which, turns)
        for turn in chosen:
            yield Cancel(turn.turn_id)


@hookimpl
def nexy_settings() -> Iterable[Setting]:
    """One key."""
    text = "Which of a device's running turns an interrupt stops."
    return [Setting(WHICH, str, ALL, text, choices=(ALL, OLDEST, NEWEST), live=True)]


@hookimpl
def nexy_capabilities(settings: LiveSettings) -> Iterable[InterruptPolicy]:
    """The policy."""
    return [DeviceSilence(settings)]
