"""``nexy doctor``: what is installed, what is missing, how to get it."""

import shutil
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import attrs
import click

from nexy_core.settings import LiveSettings

GROUP = "nexy.doctor"
MEGABYTE = 1024 * 1024
LOW_DISK_MEGABYTES = 500
SIGNS = {True: "ok", False: "MISSING", None: "note"}


@attrs.frozen
class Check:
    """``ok`` is None for something worth knowing that is neither good nor bad."""

    name: str
    ok: bool | None
    detail: str
    remedy: str = ""


@click.command()
def doctor() -> int:
    """Check this installation. Exit code 1 when something needed is missing."""
    checks = [*core_checks()]
    for check in checks:
        click.echo(f"{SIGNS[check.ok]:<8} {check.name}: {check.detail}")
        if check.remedy:
            click.echo(f"         -> {check.remedy}")
    return 1 if any(check.ok is False for check in checks) else 0


def core_checks() -> Iterable[Check]:
    """Python, settings, plugins, ports, disk."""
    yield Check("python", sys.version_info >= (3, 11), sys.version.split()[0])
    yield Check("nexy-core", ok=True, detail=metadata.version("nexy-core"))
    from nexy_core.errors import ConfigError

    try:
        yield from configured_checks()
    except ConfigError as error:
        yield Check("settings", ok=False, detail=str(error), remedy="nexy config check")


def configured_checks() -> Iterable[Check]:
    """What needs readable settings. Raises ``ConfigError``."""
    from nexy_core.cli.environment import loaded_host
    from nexy_core.errors import ConfigError
    from nexy_core.plugins.reasons import Phase
    from nexy_core.server import check_port

    host = loaded_host()
    settings = host.config.live
    yield Check("settings", ok=True, detail=f"valid, environment {settings.current.env}")
    for plugin in host.states():
        found = plugin.as_dict()
        broken = plugin.state is Phase.QUARANTINED
        detail = " ".join(str(found[key]) for key in ("version", "state", "reason", "detail") if found[key])
        yield Check(f"plugin {plugin.name}", not broken, detail, str(found["remedy"]) if broken else "")
    for name in ("grpc", "http", "update"):
        try:
            check_port(name, settings.get(f"{name}.host", str), settings.get(f"{name}.port", int))
            yield Check(f"{name} port", ok=True, detail=f"{settings.get(f'{name}.port', int)} is free")
        except ConfigError as error:
            yield Check(f"{name} port", ok=None, detail=str(error))
    folder = Path(settings.get("storage.data_dir", str)).absolute()
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free_megabytes = shutil.disk_usage(existing).free // MEGABYTE
    enough = free_megabytes > LOW_DISK_MEGABYTES
    yield Check("disk", enough or None, f"{free_megabytes} MB free for {folder}")
    yield from plugin_checks(settings)


def plugin_checks(settings: LiveSettings) -> Iterable[Check]:
    """What installed plugins know about their own needs, under these settings."""
    for point in metadata.entry_points(group=GROUP):
        for name, ok, detail, remedy in point.load()(settings):
            yield Check(name, ok, detail, remedy)
