"""From a model's frames to sound, window by window."""

import attrs
import numpy as np
import numpy.typing as npt

from nexy_tts.graph import Names, Parts
from nexy_tts.sessions import Array, Pair, Stop, open_pair

Samples = npt.NDArray[np.float32]
_NEAR = 6  # the last part of the model looks at a sixth of what the one before it looks at
_FLOW_FRAMES = 32  # four flows of four convolutions over five frames look so far around themselves


@attrs.define(eq=False)
class Stretch:
    """Phonemes on their way to sound: how many ``frames`` it has, and how many of them each phoneme id lasts.

    ``prior`` is what the model's first part made of them, ``latent`` what its last parts take, as far as that is made:
    ``[1, channels, frames]``. Of a model that is not cut ``latent`` is the sound.
    """

    frames: int
    prior: Array
    latent: Array
    durations: Array | None = None


@attrs.frozen(eq=False)
class Decoder:
    """The parts of a model behind its first: the flow from prior to latent, what looks around itself, what hardly does.

    ``flow`` is ``None`` where the first part gives the latent frames itself.
    """

    flow: Pair | None
    middle: Pair
    back: Pair
    names: Names

    @classmethod
    def load(cls, parts: Parts, threads: int) -> "Decoder":
        """Raises ``runtime_errors()``."""
        flow = open_pair(parts.flow, threads) if parts.flow else None
        return cls(flow, open_pair(parts.middle, threads), open_pair(parts.back, threads), parts.names)

    def begin(self, prior: Array, durations: Array | None) -> Stretch:
        """What ``prior`` is to become."""
        return Stretch(prior.shape[2], prior, prior if self.flow is None else prior[:, :, :0], durations)

    def reveal(self, stretch: Stretch, upto: int, stop: Stop, *, wide: bool) -> None:
        """Make the latent frames before ``upto``."""
        known = stretch.latent.shape[2]
        if self.flow is None or upto <= known:
            return
        start, end = max(0, known - _FLOW_FRAMES), min(upto + _FLOW_FRAMES, stretch.frames)
        mask = np.ones((1, 1, end - start), np.float32)
        feed = {self.names.prior: stretch.prior[:, :, start:end], self.names.mask: mask}
        made = self.flow.run(feed, stop, wide=wide)[0][:, :, known - start : upto - start]
        stretch.latent = np.concatenate((stretch.latent, made), axis=2)

    def sound(self, latent: Array, keep: slice, speaker: dict[str, Array], stop: Stop, *, wide: bool) -> Samples:
        """The sound of those of the ``latent`` frames that ``keep`` says."""
        feed = {self.names.latent: latent} | speaker
        steps = self.middle.run(feed, stop, wide=wide)[0]
        size = steps.shape[2] // latent.shape[2]
        kept = feed | {self.names.steps: steps[:, :, keep.start * size : keep.stop * size]}
        return np.asarray(self.back.run(kept, stop, wide=wide)[0], np.float32).reshape(-1)

    def near(self, context_frames: int) -> int:
        """How far the last part looks."""
        return context_frames // _NEAR
