"""``nexy memory``: the operator's commands."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from nexy_core import ConfigError, LiveSettings

if TYPE_CHECKING:
    from nexy_memory.admin import Admin

T = TypeVar("T")
_PRIVATE_FILE = 0o600
_FILE = click.Path(path_type=Path, dir_okay=False)
_HARDWARE_ID = click.option("--hardware-id", default="", help="The device's id, as its client sends it.")
_USER = click.option("--user", default="", help="Or the user key that `nexy memory list` shows.")


@click.group()
def memory() -> None:
    """Look at, hand over, take in and erase what is kept about users; back the database up."""


def settings_of(context: click.Context) -> LiveSettings:
    """The settings, once they are known to hold this plugin's."""
    settings: LiveSettings = context.obj()
    try:
        settings.get("storage.url", str)
    except KeyError as error:
        raise ConfigError("the memory plugin is switched off: set plugins.memory.enabled") from error
    return settings


def with_admin(context: click.Context, work: "Callable[[Admin], Awaitable[T]]") -> T:
    """Run ``work`` on the database."""
    from nexy_memory.admin import admin

    settings = settings_of(context)

    async def run() -> T:
        async with admin(settings) as opened:
            return await work(opened)

    return asyncio.run(run())


def _key(opened: "Admin", hardware_id: str, user: str) -> str:
    if bool(hardware_id) == bool(user):
        raise click.UsageError("name the user: --hardware-id or --user")
    return user or opened.key_of(hardware_id)


@memory.command("list")
@_HARDWARE_ID
@_USER
@click.pass_context
def list_(context: click.Context, hardware_id: str, user: str) -> None:
    """List users, or one user's memories."""

    async def work(opened: "Admin") -> list[str]:
        if not hardware_id and not user:
            return [
                f"{key}  consent={said}  memories={count}  turns={turns}"
                for key, said, count, turns in await opened.users()
            ]
        return [f"{each.kind:9}  {each.text}" for each in await opened.memories(_key(opened, hardware_id, user))]

    for line in with_admin(context, work):
        click.echo(line)


@memory.command()
@_HARDWARE_ID
@_USER
@click.option("--out", type=_FILE, help="Write there instead of the screen.")
@click.pass_context
def export(context: click.Context, hardware_id: str, user: str, out: Path | None) -> None:
    """Everything kept about a user, as JSON."""
    data = with_admin(context, lambda opened: opened.export(_key(opened, hardware_id, user)))
    text = json.dumps(data, ensure_ascii=False, indent=2)
    if out is None:
        click.echo(text)
    else:
        _write_private(out, text + "\n")
        click.echo(f"{len(data['memories'])} memories and {len(data['turns'])} turns written to {out}")


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, _PRIVATE_FILE), "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), _PRIVATE_FILE)
        file.write(text)


@memory.command("import")
@click.argument("file", type=_FILE)
@_HARDWARE_ID
@_USER
@click.pass_context
def import_(context: click.Context, file: Path, hardware_id: str, user: str) -> None:
    """Add to a user what `export` wrote."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read {file}: {error}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{file} is no export")
    count = with_admin(context, lambda opened: opened.take_in(_key(opened, hardware_id, user), data))
    click.echo(f"{count} memories and turns taken in")


@memory.command()
@_HARDWARE_ID
@_USER
@click.option("--text", default="", help="Only what says this.")
@click.confirmation_option("--yes", prompt="This cannot be undone. Erase?")
@click.pass_context
def forget(context: click.Context, hardware_id: str, user: str, text: str) -> None:
    """Erase what is kept about a user, from the files too."""
    count, clean = with_admin(context, lambda opened: opened.forget(_key(opened, hardware_id, user), text))
    click.echo(f"{count} memories and turns erased; backups made before still hold them")
    if not clean:
        click.echo("their bytes are still in the files, which another process reads: run this again", err=True)
        context.exit(1)


@memory.command()
@click.pass_context
def stats(context: click.Context) -> None:
    """Count what is kept."""
    for name, count in with_admin(context, lambda opened: opened.stats()).items():
        click.echo(f"{name:12}{count:>10}")


def _sqlite_file(context: click.Context) -> Path:
    from nexy_memory.engines import SQLITE_PREFIX, sqlite_path

    settings = settings_of(context)
    url = settings.get("storage.url", str)
    if url and not url.startswith(SQLITE_PREFIX):
        raise ConfigError("the data is in PostgreSQL: use pg_dump and pg_restore")
    return sqlite_path(settings.current)


@memory.command()
@click.argument("target", type=_FILE)
@click.pass_context
def backup(context: click.Context, target: Path) -> None:
    """Copy the database and its key to TARGET and TARGET.key, also while the server runs."""
    from nexy_memory.backup import backup as make

    size = make(_sqlite_file(context), target)
    click.echo(f"{size} bytes written to {target}; keep {target}.key with it")


@memory.command()
@click.argument("source", type=_FILE)
@click.pass_context
def restore(context: click.Context, source: Path) -> None:
    """Put a backup in the database's place. Stop the server first."""
    from nexy_memory.backup import restore as put_back

    kept = put_back(_sqlite_file(context), source)
    click.echo(f"restored from {source}" + (f"; the old database is {kept}" if kept else ""))
