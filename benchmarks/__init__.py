"""Measurements against named baselines: `uv run nox -s bench`, or some by name: `uv run nox -s bench -- transport`."""
