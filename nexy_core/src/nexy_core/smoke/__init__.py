"""A running server checked from outside, directly or through its public entrance: what ``nexy smoke`` does."""

from nexy_core.smoke.probe import Failure, Outcome, Target
from nexy_core.smoke.running import run_all

__all__ = ["Failure", "Outcome", "Target", "run_all"]
