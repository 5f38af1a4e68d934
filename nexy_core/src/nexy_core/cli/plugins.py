"""``nexy plugins``: list, switch, make and check plugins."""

import json
import os
import re
from pathlib import Path
from typing import Any

import click

from nexy_core.errors import ConfigError

LOCAL_FILE = "settings.local.toml"
NO_TEMPLATES = "the templates of new plugins are in an extra: install it with `pip install 'nexy-core[sdk]'`"


@click.group(invoke_without_command=True)
@click.pass_context
def plugins(context: click.Context) -> None:
    """List, make, check and switch plugins. Alone: `nexy plugins list`."""
    if context.invoked_subcommand is None:
        context.invoke(list_)


@plugins.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(*, as_json: bool) -> None:
    """List the installed plugins: those of the running server, or else as this installation would load them."""
    found, running = _states()
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    click.echo("As the running server has them:" if running else "No server answers here; as one would load them:")
    for plugin in found:
        row = f"  {plugin['name']:<12} {plugin['version'] or '-':<9} {plugin['state']:<12} {', '.join(plugin['roles'])}"
        click.echo(row.rstrip())
        if plugin["reason"]:
            click.echo(f"  {'':<12} {plugin['reason']}: {plugin['detail'] or '-'}")
            click.echo(f"  {'':<12} -> {plugin['remedy']}")


def _states() -> tuple[list[dict[str, Any]], bool]:
    from nexy_core.cli.environment import loaded_host
    from nexy_core.cli.turns import fetch

    try:
        states: list[dict[str, Any]] = fetch("/status")["plugins"]
    except (ConfigError, KeyError, TypeError):
        return [state.as_dict() for state in loaded_host().states()], False
    return states, True


@plugins.command()
@click.argument("name")
def enable(name: str) -> None:
    """Switch the plugin NAME on. A running server takes it up within seconds."""
    _switch(name, on=True)


@plugins.command()
@click.argument("name")
def disable(name: str) -> None:
    """Switch the plugin NAME off. A running server lets its turns finish first."""
    _switch(name, on=False)


def _switch(name: str, *, on: bool) -> None:
    """Write the toggle into the file for such changes, and see that nothing stronger says otherwise."""
    from nexy_core.config import Config
    from nexy_core.config.sources import Sources
    from nexy_core.plugins.discovery import discover
    from nexy_core.plugins.reasons import Reason
    from nexy_core.plugins.toggles import Toggles

    config = Config.load()
    modules = config.live.get("plugins.modules", list)
    if name not in {found.name for found in discover(modules)}:
        raise ConfigError(f"no installed plugin is called {name!r}; `nexy plugins list` names those that are")
    folder = Sources.find(None, os.environ, None).folder or Path("settings")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / LOCAL_FILE
    old = file.read_text(encoding="utf-8") if file.exists() else ""
    _replace(file, with_toggle(old, config.env, name, on=on))
    key = f"plugins.{name}.enabled"
    live = Config.load().live
    if live.current.values.get(key, True) is not on:
        raise ConfigError(f"{key} stays {not on}: {live.current.sources[key]} says so and is stronger than {file}")
    if on and (why := Toggles(live).why_off(name)) is not Reason.NONE:
        raise ConfigError(f"{key} is true in {file}, and {name} stays off ({why.code}): {why.remedy}")
    click.echo(f"{name} is {'on' if on else 'off'}: {key} in {file}. A running server follows within seconds.")


def with_toggle(text: str, env: str, name: str, *, on: bool) -> str:
    """The settings file ``text`` with ``plugins.NAME.enabled`` set in the table of the environment ``env``."""
    header, line = f"[{env}.plugins.{name}]", f"enabled = {str(on).lower()}"
    before, found, after = text.partition(header + "\n")
    if not found:
        return "\n".join([*text.splitlines(), *([""] if text.strip() else []), header, line, ""])
    end = match.start() if (match := re.search(r"(?m)^\[", after)) else len(after)
    table, count = re.subn(r"(?m)^enabled\s*=.*$", line, after[:end])
    return before + found + (table if count else f"{line}\n{table}") + after[end:]


def _replace(file: Path, text: str) -> None:
    """Whole or not at all: a server may be reading it."""
    scratch = file.with_suffix(".tmp")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(file)


@plugins.command()
@click.argument("name")
@click.option("--role", required=True, help="What it will do: llm, tts, memory, store, filter, interrupt or updates.")
@click.option("--license", "license_", default="apache", show_default=True, help="apache, mit, gpl or proprietary.")
@click.option("--into", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="The parent folder.")
def new(name: str, role: str, license_: str, into: Path) -> None:
    """Write a complete plugin project called NAME, for example my-voice."""
    try:
        from nexy_sdk import LICENSES, ROLES, Project, write_project
    except ModuleNotFoundError:
        raise ConfigError(NO_TEMPLATES) from None
    if role not in ROLES:
        raise click.BadParameter(f"{role!r} is none of {', '.join(ROLES)}", param_hint="--role")
    if license_ not in LICENSES:
        raise click.BadParameter(f"{license_!r} is none of {', '.join(LICENSES)}", param_hint="--license")
    project = Project(name, role, license_)
    folder = write_project(project, into)
    click.echo(f"Wrote {folder}. Its work is in src/{project.fields()['package']}/plugin.py.")
    click.echo(f"Check it:    nexy plugins check {folder}")
    click.echo(f"Install it:  uv pip install {folder}")


@plugins.command()
@click.argument("target", default=".")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting for the check.")
def check(target: str, settings: tuple[str, ...]) -> int:
    """Run the contract kit against TARGET: an installed plugin's name, or the folder of a project (this one)."""
    from nexy_core.testing.project import check_project

    if Path(target).is_dir():
        return check_project(Path(target), settings)
    from nexy_core.testing.check import main

    return main([target, *settings])


@plugins.command()
@click.option("--write", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Update this document.")
def docs(write: Path | None) -> None:
    """Print the reference of hooks, roles, events, rules and reasons as Markdown."""
    from nexy_core.testing.reference import between, markdown

    if write is None:
        click.echo(markdown(), nl=False)
    else:
        write.write_text(between(write.read_text(encoding="utf-8"), markdown()), encoding="utf-8")
