"""ONNX Runtime: sessions that can be stopped, and its exceptions made ours."""

from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_QUIET = 4  # only fatal errors: the rest arrives as exceptions, with a reason of ours


class SynthesisFailed(Exception):
    """The inference failed or made nonsense."""


class Stopped(Exception):
    """``Stop.set`` ended the inference."""


class Stop:
    """Stops inference, from any thread, before or while it runs, once and for all."""

    def __init__(self) -> None:
        import onnxruntime

        self.run_options = onnxruntime.RunOptions()

    def set(self) -> None:
        self.run_options.terminate = True

    def is_set(self) -> bool:
        return bool(self.run_options.terminate)


@attrs.frozen(eq=False)
class Pair:
    """A model in two sessions: ``narrow`` runs on one thread, ``wide`` on all: sooner, when nobody else waits."""

    narrow: Any
    wide: Any
    inputs: frozenset[str]

    def run(self, feed: dict[str, Array], stop: Stop, *, wide: bool) -> list[Array]:
        """The model's outputs for those of ``feed`` it takes. Raises ``Stopped`` or ``SynthesisFailed``."""
        wanted = {name: value for name, value in feed.items() if name in self.inputs}
        try:
            outputs: list[Array] = (self.wide if wide else self.narrow).run(None, wanted, stop.run_options)
        except runtime_errors() as error:
            if stop.is_set():
                raise Stopped from None
            raise SynthesisFailed(type(error).__name__) from error
        if not all(np.isfinite(output).all() for output in outputs):
            raise SynthesisFailed("the voice made sound that is not a number")
        return outputs


def runtime_errors() -> tuple[type[Exception], ...]:
    """ONNX Runtime's exceptions: they share no base but ``Exception``."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    found = (value for value in vars(state).values() if isinstance(value, type))
    return (RuntimeError, OSError, *(kind for kind in found if issubclass(kind, Exception)))


def open_pair(model: bytes, threads: int) -> Pair:
    """Load ``model``. Raises ``runtime_errors()``."""
    narrow = _session(model, 1)
    wide = _session(model, threads) if threads > 1 else narrow
    return Pair(narrow, wide, frozenset(entry.name for entry in narrow.get_inputs()))


def _session(model: bytes, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _QUIET
    # As fast as all optimisations, loaded in half the time.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    # Threads that spin between operators burn a tenth more CPU to be hardly sooner.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
