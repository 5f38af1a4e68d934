"""What the commands share."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from nexy_core import LiveSettings

KEY = click.option(
    "--key", "keys", multiple=True, help="Private key file, or - for standard input; again for a second one."
)
VERSION = click.argument("version")
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
JSON = click.option("--json", "as_json", is_flag=True, help="For machines.")


def settings_of(context: click.Context) -> LiveSettings:
    """The settings, loaded now that a command needs them."""
    settings = context.obj()
    assert isinstance(settings, LiveSettings)
    return settings


@contextmanager
def bar(total_bytes: int, label: str) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error, for what may take long."""
    with click.progressbar(length=total_bytes, label=label, file=sys.stderr) as shown:
        yield shown.update
