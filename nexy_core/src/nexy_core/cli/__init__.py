"""The ``nexy`` command. Each subcommand is imported only when it is named."""

import importlib
import os
import sys
from importlib import metadata
from typing import Any

import click

from nexy_core.errors import ConfigError, NexyError

GROUP = "nexy.commands"
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
NO_FORK_HANDLERS = ("GRPC_ENABLE_FORK_SUPPORT", "0")
"""Read when gRPC is imported. Else its threads start in a child too, and may crash it before its program does."""

COMMANDS: dict[str, tuple[str, str]] = {
    "serve": ("nexy_core.cli.serve:serve", "Start the server."),
    "ask": ("nexy_core.cli.ask:ask", "Ask a question; see and hear the answer."),
    "doctor": ("nexy_core.cli.doctor:doctor", "Say what is installed, what is missing and how to get it."),
    "config": ("nexy_core.cli.config:config", "Show and check the settings."),
    "plugins": ("nexy_core.cli.plugins:plugins", "List, make, check and switch plugins."),
    "turns": ("nexy_core.cli.turns:turns", "List the last turns of a running server."),
    "explain": ("nexy_core.cli.turns:explain", "Show one turn's stages, times and reasons."),
    "logs": ("nexy_core.cli.logs:logs", "Read, filter and convert the decision log."),
    "smoke": ("nexy_core.cli.smoke:smoke", "Check a running server: every RPC, health, version."),
    "guard": ("nexy_core.cli.guard:guard", "Check the last minutes against the SLOs, for canary scripts."),
}


class LazyGroup(click.Group):
    """Commands from the table above and from plugins, loaded by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """All names, without importing any."""
        return [*COMMANDS, *(point.name for point in metadata.entry_points(group=GROUP))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's signature
        """Import the named command."""
        if cmd_name in COMMANDS:
            module, _, attribute = COMMANDS[cmd_name][0].partition(":")
            command: click.Command = getattr(importlib.import_module(module), attribute)
            return command
        for point in metadata.entry_points(group=GROUP, name=cmd_name):
            loaded: click.Command = point.load()
            return loaded
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click's signature
        """The help's list, again without importing any."""
        rows = [(name, text) for name, (_, text) in COMMANDS.items()]
        rows += [
            (point.name, f"From {point.dist.name if point.dist else 'a plugin'}.")
            for point in metadata.entry_points(group=GROUP)
        ]
        with formatter.section("Commands"):
            formatter.write_dl(sorted(rows))


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="nexy-core", prog_name="nexy")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Nexy Server: ask by voice, hear the answer while it is being written."""
    ctx.obj = load_settings


def load_settings() -> Any:
    """The settings with every enabled plugin's own keys. Raises ``ConfigError``."""
    from nexy_core.cli.environment import loaded_host

    return loaded_host().config.live


def main() -> None:
    """Entry point: mistakes become one message on stderr and an exit code, never a traceback."""
    os.environ.setdefault(*NO_FORK_HANDLERS)
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        fail("stopped", EXIT_INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except ConfigError as error:
        fail(str(error), EXIT_USAGE)
    except NexyError as error:
        fail(error.message, EXIT_FAILED)
    sys.exit(code if isinstance(code, int) else 0)


def fail(message: str, code: int) -> None:
    """Print ``message`` to stderr and exit."""
    click.echo(f"nexy: {message}", err=True)
    sys.exit(code)
