"""``nexy config``: show the settings with their sources, check them, print their documentation."""

import json
from pathlib import Path

import click

from nexy_core.config import Config
from nexy_core.config.document import between_marks, markdown
from nexy_core.config.values import shown
from nexy_core.decisions import DecisionLog
from nexy_core.errors import ConfigError
from nexy_core.host import Host
from nexy_core.settings import Setting

EXIT_BAD_SETTINGS = 2
MAX_VALUE_COLUMNS = 44


@click.group()
def config() -> None:
    """Show and check the settings: the files, config.env and the environment, as the server would read them."""


@config.command()
@click.argument("prefix", default="")
@click.option("--changed", is_flag=True, help="Only what differs from the default.")
@click.option("--json", "as_json", is_flag=True, help="JSON, for scripts.")
def show(prefix: str, changed: bool, as_json: bool) -> int:
    """Print every value with its source; secrets are masked. PREFIX narrows it down: `nexy config show grpc`."""
    found, problems = _read()
    rows = [
        row
        for row in _rows(found)
        if (row["key"] == prefix or row["key"].startswith(prefix.rstrip(".") + ".") or not prefix)
        and not (changed and row["source"] == "default")
    ]
    if as_json:
        click.echo(json.dumps({"env": found.env, "settings": rows}, indent=2, ensure_ascii=False))
    else:
        _print_table(found.env, rows)
    if problems:
        click.echo(f"nexy: {problems}", err=True)
    return EXIT_BAD_SETTINGS if problems else 0


@config.command()
def check() -> int:
    """Check every setting, the plugins' too, without starting anything. Exit code 2 when something is wrong."""
    found, problems = _read()
    if problems:
        raise ConfigError(problems)
    changed = sum(source != "default" for source in found.live.current.sources.values())
    click.echo(f"The settings are good: {len(found.declared)} keys, {changed} of them set, environment {found.env}.")
    return 0


@config.command()
@click.option("--write", type=click.Path(path_type=Path, dir_okay=False), help="Put it between a file's marks.")
def docs(write: Path | None) -> None:
    """Print the table of every setting as Markdown, with those of the installed plugins."""
    found, _ = _read()
    table = markdown(found.declared)
    if write is None:
        click.echo(table, nl=False)
    else:
        write.write_text(between_marks(write.read_text(encoding="utf-8"), table), encoding="utf-8")


def _read() -> tuple[Config, str]:
    """The configuration with every enabled plugin's keys, and what is wrong with it."""
    found = Config.load(strict=False)
    try:
        Host(found, DecisionLog.quiet(found.live)).load()
    except ConfigError as error:
        return found, str(error)
    return found, ""


def _rows(found: Config) -> list[dict[str, str]]:
    current = found.live.current
    return [_row(setting, current.values[key], current.sources[key]) for key, (_, setting) in found.declared.items()]


def _row(setting: Setting, value: object, source: str) -> dict[str, str]:
    return {"key": setting.key, "value": shown(value, secret=setting.secret), "source": source}


def _print_table(env: str, rows: list[dict[str, str]]) -> None:
    click.echo(f"environment: {env}")
    key_width = max((len(row["key"]) for row in rows), default=0)
    value_width = min(max((len(row["value"]) for row in rows), default=0), MAX_VALUE_COLUMNS)
    for row in rows:
        click.echo(f"{row['key']:<{key_width}}  {row['value']:<{value_width}}  {row['source']}")
