"""``nexy guard``: the last minutes of the log against the objectives, for a canary's script."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from nexy_core.config import Config
from nexy_core.decisions.keys import log_dir
from nexy_core.decisions.reading import Choice, log_files, parse_window, read_texts
from nexy_core.errors import ConfigError
from nexy_core.metrics.objectives import WORST, Tally, Verdict, tally, verdicts
from nexy_core.settings import LiveSettings

EXIT_BROKEN = 1
EXIT_TOO_LITTLE = 3
_DIGITS = 4


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--window", default="", help="How far back: 90s, 15m, 2h. Default: slo.window_seconds.")
@click.option("--min-calls", type=click.IntRange(min=0), default=1, show_default=True, help="Fewer say nothing.")
@click.option("--json", "to_json", is_flag=True, help="JSON, for scripts.")
def guard(files: tuple[Path, ...], window: str, min_calls: int, to_json: bool) -> int:
    """Hold the last minutes against the objectives (slo.* in the settings).

    Reads the server's own log, or FILES. Exit code 0: kept; 1: broken; 3: too few calls to say.
    """
    live = Config.load().live
    length = parse_window(window) if window else timedelta(seconds=live.get("slo.window_seconds", float))
    counted, unread = _count(files, live, datetime.now(UTC) - length)
    calls = counted.ended()
    found = _verdicts(counted, live)
    code = EXIT_TOO_LITTLE if calls < min_calls else EXIT_BROKEN if not all(one.kept for one in found) else 0
    if to_json:
        click.echo(json.dumps(_report(found, counted, unread, code), indent=2))
    else:
        _print(found, counted, unread)
        click.echo({0: "kept", EXIT_BROKEN: "BROKEN", EXIT_TOO_LITTLE: "too few calls to say"}[code])
    return code


def _count(files: tuple[Path, ...], live: LiveSettings, since: datetime) -> tuple[Tally, int]:
    folder = log_dir(live)
    paths = list(files) or [path for path in log_files(folder) if path.stat().st_mtime >= since.timestamp()]
    if not paths and not log_files(folder):
        raise ConfigError(f"there is no log in {str(folder)!r}: name a file, or set log.dir")
    chosen = Choice(since=since)
    return tally(line for _, line in chosen.of(read_texts(paths))), chosen.unread


def _verdicts(counted: Tally, live: LiveSettings) -> list[Verdict]:
    return verdicts(
        counted,
        p95_ms=live.get("slo.p95_latency_ms", float),
        errors=live.get("slo.error_rate", float),
        refusals=live.get("slo.refusal_rate", float),
        degrades=live.get("slo.degrade_rate", float),
    )


def _report(found: list[Verdict], counted: Tally, unread: int, code: int) -> dict[str, object]:
    return {
        "kept": code == 0,
        "calls": counted.ended(),
        "turns": len(counted.turns),
        "objectives": {one.name: {"value": one.value, "limit": one.limit, "kept": one.kept} for one in found},
        "decisions": {decision.value: count for decision, count in counted.decisions.most_common()},
        "unread_lines": unread,
    }


def _print(found: list[Verdict], counted: Tally, unread: int) -> None:
    width = max(len(one.name) for one in found)
    for one in found:
        value = "nothing seen" if one.value is None else f"{round(one.value, _DIGITS):g}"
        click.echo(f"{one.name:<{width}}  {value:>12}  limit {one.limit:g}  {'ok' if one.kept else 'BROKEN'}")
    shown = ", ".join(f"{decision.value} {count}" for decision, count in counted.decisions.most_common())
    click.echo(f"{'decisions':<{width}}  {shown or 'none'}")
    for decision in WORST:
        if counted.decisions[decision]:
            click.echo(f"look at: nexy logs --decision {decision.value}")
    if unread:
        click.echo(f"{unread} lines are no decision lines")
