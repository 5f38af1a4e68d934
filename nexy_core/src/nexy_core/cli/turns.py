"""``nexy turns`` and ``nexy explain``: what a running server remembers of its last turns."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import click

from nexy_core.errors import ConfigError

TIMEOUT_SECONDS = 5
BAR_CHARS = 40


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def turns(*, as_json: bool) -> None:
    """List the last turns, newest first."""
    found = fetch("/turns")
    if as_json:
        click.echo(json.dumps(found))
        return
    for trace in found:
        marks = trace["marks_ms"]
        click.echo(
            f"{trace['turn_id'][:12]}  {trace['outcome']:<10} first audio {marks.get('first_audio', '-'):>8}"
            f"  end {marks.get('end', '-'):>8}  {'; '.join(trace['notes'])}"
        )


@click.command()
@click.argument("turn")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain(turn: str, *, as_json: bool) -> None:
    """Show TURN (its id, or the beginning of it): each stage's time, and every reason that was noted."""
    trace = fetch(f"/turns/{turn}")
    if as_json:
        click.echo(json.dumps(trace))
        return
    click.echo(f"turn {trace['turn_id']}: {trace['outcome']} {trace['reason']}".rstrip())
    stages = list(_stages(trace["marks_ms"]))
    whole_ms = max((end_ms for _, _, end_ms in stages), default=0) or 1
    for stage, start_ms, end_ms in stages:
        lead = " " * round(BAR_CHARS * start_ms / whole_ms)
        bar = "━" * max(1, round(BAR_CHARS * (end_ms - start_ms) / whole_ms))
        click.echo(f"  {stage:<15} {end_ms:>9.1f} ms  {lead}{bar}")
    # From the first words to the end is no wait: the answer is being given.
    waits = [one for one in stages if one[0] != "end" or "first_text" not in trace["marks_ms"]]
    if waits:
        stage, start_ms, end_ms = max(waits, key=lambda one: one[2] - one[1])
        click.echo(f"  the longest wait: {end_ms - start_ms:.1f} ms for {stage}")
    for note in trace["notes"]:
        click.echo(f"  {note}")


def _stages(marks_ms: dict[str, float]) -> Iterator[tuple[str, float, float]]:
    """Each stage with when the one before it was reached, and when it was: (name, start, end), in order."""
    before_ms = 0.0
    for stage, at_ms in sorted(marks_ms.items(), key=lambda item: item[1]):
        yield stage, before_ms, at_ms
        before_ms = at_ms


def fetch(path: str) -> Any:
    """Ask the server on this machine. Raises ``ConfigError`` with what to do."""
    from nexy_core.config import Config

    port = Config.load().live.get("http.port", int)
    url = f"http://127.0.0.1:{port}{path}"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response:  # a fixed http URL
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise ConfigError(f"{url}: {error.read().decode(errors='replace') or error.reason}") from None
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise ConfigError(f"no server answers on {url} ({reason}). Start one with `nexy serve`.") from None
