"""``nexy smoke``: a running server checked from outside."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from nexy_core.cli import EXIT_FAILED
from nexy_core.settings import LiveSettings

if TYPE_CHECKING:
    from nexy_core.smoke import Outcome

HTTPS_PORT = 443


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Name or address of the server.")
@click.option("--port", type=int, help="gRPC port, or the entrance's (default: the configured one; 443).")
@click.option("--http-port", type=int, help="HTTP port (default: the configured one).")
@click.option("--updates-port", type=int, help="Port of the update site (default: the configured one).")
@click.option("--entrance", is_flag=True, help="Check the public entrance: one TLS port for everything.")
@click.option("--ca", default="", help="File of the certificate to trust, when it is not public.")
@click.option("--expect-version", default="", help="The version that must run.")
@click.option("--prompt", default="What is the capital of France?", show_default=True, help="The question to ask.")
@click.option("--no-updates", is_flag=True, help="Leave the update site out.")
def smoke(
    host: str,
    port: int | None,
    http_port: int | None,
    updates_port: int | None,
    *,
    entrance: bool,
    ca: str,
    expect_version: str,
    prompt: str,
    no_updates: bool,
) -> int:
    """Check a running server: every RPC as clients call it, health, version, caching. Exit code 1 on a failure."""
    from nexy_core.config import Config
    from nexy_core.smoke import Target, run_all

    settings = Config.load().live
    target = Target(
        host=host,
        grpc_port=port or (HTTPS_PORT if entrance else _port(settings, "grpc")),
        http_port=http_port or _port(settings, "http"),
        updates_port=updates_port or _port(settings, "update"),
        entrance=entrance,
        ca_file=ca,
        version=expect_version,
        prompt=prompt,
        updates=not no_updates,
    )
    return report(run_all(target))


def _port(settings: LiveSettings, table: str) -> int:
    return settings.get(f"{table}.port", int)


def report(outcomes: Iterable["Outcome"]) -> int:
    """Print each as it comes; the exit code."""
    failed = 0
    for outcome in outcomes:
        failed += bool(outcome.problem)
        verdict = f"FAILED  {outcome.name}: {outcome.problem}" if outcome.problem else f"ok      {outcome.name}"
        click.echo(f"{verdict}  ({outcome.dur_ms:.0f} ms)")
    click.echo(f"{failed} failed" if failed else "all is well")
    return EXIT_FAILED if failed else 0
