"""``nexy logs``: read, filter, follow and convert the decision log."""

import json
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from nexy_core.config import Config
from nexy_core.core_settings import LOG_LEVELS
from nexy_core.decisions import Decision, Line
from nexy_core.decisions.keys import load_key, log_dir, mask
from nexy_core.decisions.reading import Choice, as_json, follow, log_files, parse_window, read_texts
from nexy_core.decisions.sinks import FILE_NAME
from nexy_core.errors import ConfigError
from nexy_core.settings import LiveSettings


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("-f", "--follow", "following", is_flag=True, help="Go on as lines are written, until Ctrl-C.")
@click.option("--json", "to_json", is_flag=True, help="One JSON object a line, for jq.")
@click.option("-d", "--decision", "decisions", multiple=True, type=click.Choice([one.value for one in Decision]))
@click.option("--scope", "scopes", multiple=True, help="Scopes that begin so.")
@click.option("--session", "ids", multiple=True, help="A session, device or turn: its id, in the clear or masked.")
@click.option("--level", type=click.Choice(LOG_LEVELS, case_sensitive=False), default="DEBUG", help="This or worse.")
@click.option("--since", default="", help="The last 90s, 15m, 2h, 1d.")
@click.option("-n", "--last", type=click.IntRange(min=1), help="Only the last lines that fit.")
def logs(
    files: tuple[Path, ...],
    following: bool,
    to_json: bool,
    decisions: tuple[str, ...],
    scopes: tuple[str, ...],
    ids: tuple[str, ...],
    level: str,
    since: str,
    last: int | None,
) -> int:
    """Read the decision log: FILES, or the server's own with the rotated ones.

    Lines that are no decision lines are counted on standard error. Ids are masked in the log; --session takes them in
    the clear too, where this installation's key can be read.
    """
    live = Config.load().live
    chosen = Choice(
        decisions=frozenset(Decision(one) for one in decisions),
        scopes=scopes,
        ids=_known(ids, live),
        level=level.upper(),
    )
    if since:
        chosen.since = datetime.now(UTC) - parse_window(since)
    found = chosen.of(_texts(files, live, following=following))
    _print(found if last is None or following else deque(found, last), to_json=to_json)
    if chosen.unread:
        click.echo(f"nexy: {chosen.unread} lines are no decision lines", err=True)
    return 1 if chosen.unread else 0


def _known(ids: tuple[str, ...], live: LiveSettings) -> frozenset[str]:
    if not ids:
        return frozenset()
    key = load_key(Path(live.get("storage.data_dir", str)), create=False)
    return frozenset(ids) | {mask(one, key) for one in ids}


def _texts(files: tuple[Path, ...], live: LiveSettings, *, following: bool) -> Iterator[str]:
    folder = log_dir(live)
    if following:
        return follow(files[0] if files else folder / FILE_NAME)
    paths = list(files) or log_files(folder)
    if not paths:
        raise ConfigError(f"there is no log in {str(folder)!r}: name a file, or set log.dir")
    return read_texts(paths)


def _print(found: Iterable[tuple[str, Line]], *, to_json: bool) -> None:
    try:
        for text, line in found:
            sys.stdout.write((json.dumps(as_json(line), separators=(",", ":")) if to_json else text) + "\n")
            sys.stdout.flush()
    except KeyboardInterrupt:
        return
    except BrokenPipeError:  # `nexy logs | head`
        sys.stdout = None  # nothing is left to flush at exit
