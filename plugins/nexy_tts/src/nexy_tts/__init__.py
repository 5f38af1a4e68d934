"""Nexy Server's speech: Piper voices, resampled to 48 kHz."""
