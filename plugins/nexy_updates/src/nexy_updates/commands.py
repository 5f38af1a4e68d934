"""``nexy updates``: the operator's commands. They change the store; the server notices within a second."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from nexy_core import LiveSettings
from nexy_updates import operator as op
from nexy_updates import rollout_commands
from nexy_updates.cli import FILE, KEY, bar, settings_of
from nexy_updates.errors import StoreError
from nexy_updates.rollout import as_percent, basis_points


@click.group()
def updates() -> None:
    """Publish, roll out and check application updates."""


@updates.command()
@click.argument("path", type=click.Path(path_type=Path))
def keygen(path: Path) -> None:
    """Make a key pair: the private key goes to PATH (mode 0600), the public one is printed."""
    from nexy_updates.keys import SigningKey

    key = SigningKey.generate()
    key.write(path)
    click.echo(f"public key: {key.public.text}")
    click.echo(f'settings:   update.public_keys = ["{key.public.text}"]')
    click.echo("client:     SUPublicEDKey in Info.plist")
    click.echo(f"Keep {path} off the server, and back it up: without it nothing can be published.")


@updates.command()
@click.argument("file", type=FILE)
@KEY
@click.pass_context
def sign(context: click.Context, file: Path, keys: Sequence[str]) -> None:
    """Sign FILE and print the attributes of its enclosure."""
    from nexy_updates.objects import sign_file

    key = op.signing_keys(settings_of(context), keys)[0]
    click.echo(f'sparkle:edSignature="{sign_file(file, key)}" length="{file.stat().st_size}"')


@updates.command()
@click.argument("file", type=FILE, required=False)
@click.option("--signature", help="Check FILE against this base64 signature instead of the whole store.")
@click.pass_context
def verify(context: click.Context, file: Path | None, signature: str | None) -> None:
    """Check the whole store (hashes, signatures, sizes, audit), or one FILE."""
    from nexy_updates.verify import verify_file, verify_store

    settings = settings_of(context)
    if (file is None) != (signature is None):
        raise StoreError("give both a FILE and its --signature, or neither")
    keys = op.public_keys(settings)
    if file is not None and signature is not None:
        verify_file(file, signature, keys, op.limit_bytes(settings))
        click.echo(f"{file.name}: signed by a trusted key")
        return
    layout = op.layout_of(settings)
    with bar(op.stored_bytes(settings), "verifying") as progress:
        problems = list(verify_store(layout, keys, op.limit_bytes(settings), progress))
    if problems:
        raise StoreError("\n".join(problems))
    click.echo("the store is sound")


@updates.command()
@click.argument("file", type=FILE)
@click.option("--version", required=True, help="CFBundleVersion: 2 to 4 numbers joined by dots.")
@click.option("--short-version", help="The version people see; default: the same.")
@click.option("--channel", help="Release channel; default: the first of update.channels.")
@click.option("--rollout", default="1", show_default=True, help="Percent of the devices that see it at first.")
@click.option("--title", "title", default="", help="The item's title.")
@click.option("--notes", type=FILE, help="Release notes: .html, .md or .txt.")
@click.option("--link", default="", help="A page about the release.")
@click.option("--min-system", "minimum_system_version", default="", help="Oldest macOS, such as 12.0.")
@click.option("--hardware", "hardware_requirements", type=click.Choice(["", "arm64"]), default="")
@click.option("--min-update-version", "minimum_update_version", default="", help="Oldest version it may replace.")
@click.option("--critical", "critical_below", is_flag=False, flag_value="", help="Critical, or for older than VERSION.")
@click.option("--informational", "informational_below", is_flag=False, flag_value="", help="Shown, not installed.")
@click.option("--phased-interval", "phased_rollout_interval_seconds", type=click.IntRange(min=0), default=0)
@click.option("--delta", "deltas", multiple=True, metavar="VERSION=FILE", help="A delta from VERSION.")
@KEY
def publish(
    file: Path,
    version: str,
    short_version: str | None,
    channel: str | None,
    rollout: str,
    notes: Path | None,
    deltas: Sequence[str],
    keys: Sequence[str],
    **details: Any,
) -> None:
    """Publish FILE as a new release."""
    from nexy_updates.drafts import make_draft

    settings = settings_of(click.get_current_context())
    publisher = op.publisher_of(settings, keys)
    fields = {**details, **op.read_notes(notes), "short_version": short_version or version}
    channels = publisher.committer.wording.channels
    draft = make_draft(file, version, channel, channels, basis_points(rollout), deltas, fields)
    total = sum(path.stat().st_size for path in (file, *(path for _, path in draft.deltas)))
    with bar(total, f"publishing {file.name}") as progress:
        release, seq = publisher.publish(draft, progress)
    click.echo(f"published {release.version} to {release.channel} at {as_percent(draft.rollout_bp)} (state {seq})")
    click.echo(f"sha256 {release.artifact.sha256}, {release.artifact.size_bytes} bytes")
    _hint(settings, publisher)


def _hint(settings: LiveSettings, publisher: Any) -> None:
    """What would keep clients from this release."""
    public = publisher.committer.keys[0].public
    if public.text not in settings.get("update.public_keys", list):
        click.echo(f'note: the server needs update.public_keys = ["{public.text}"]', err=True)
    if not settings.get("update.base_url", str):
        click.echo("note: update.base_url is not set, so the feed names this machine only", err=True)


@updates.command()
@click.argument("url")
@click.option("--full", is_flag=True, help="Download the newest artifact and check its signature.")
@click.pass_context
def check(context: click.Context, url: str, full: bool) -> None:
    """Look at a running site as a client would: content types, Cache-Control, signatures, sizes."""
    from nexy_updates.check import check_site

    findings = asyncio.run(check_site(url, op.public_keys(settings_of(context)), full=full))
    for name in findings.passed:
        click.echo(f"ok    {name}")
    if findings.problems:
        raise StoreError("\n".join(findings.problems))


for _command in rollout_commands.COMMANDS:
    updates.add_command(_command)
