"""The commands that change, or show, who is offered what."""

import json
from collections.abc import Sequence
from typing import Any

import click

from nexy_updates import operator as op
from nexy_updates.cli import JSON, KEY, VERSION, bar, settings_of
from nexy_updates.errors import StoreError
from nexy_updates.model import now_utc
from nexy_updates.rollout import BUCKETS, as_percent, basis_points


@click.command()
@VERSION
@click.argument("percent")
@KEY
@click.pass_context
def rollout(context: click.Context, version: str, percent: str, keys: Sequence[str]) -> None:
    """Offer VERSION to PERCENT of the devices; 0 is nobody, fractions such as 0.5 work."""
    rollout_bp = basis_points(percent)
    op.publisher_of(settings_of(context), keys).set_rollout(version, rollout_bp)
    click.echo(f"{version} is at {as_percent(rollout_bp)}")


@click.command()
@VERSION
@KEY
@click.pass_context
def promote(context: click.Context, version: str, keys: Sequence[str]) -> None:
    """Take VERSION to the next of update.rollout_stages."""
    settings = settings_of(context)
    stages = [basis_points(stage) for stage in settings.get("update.rollout_stages", list)]
    reached = op.publisher_of(settings, keys).promote(version, stages)
    click.echo(f"{version} is at {as_percent(reached)}")


@click.command()
@VERSION
@KEY
@click.pass_context
def yank(context: click.Context, version: str, keys: Sequence[str]) -> None:
    """Withdraw VERSION from everybody, for good."""
    op.publisher_of(settings_of(context), keys).yank(version)
    click.echo(f"{version} is withdrawn")


@click.command()
@click.option("--resign", is_flag=True, help="Sign every artifact again too, as the last step of rotating a key.")
@click.option("--despite-clock", is_flag=True, help="The last publication was dated wrongly; the clock is right now.")
@KEY
@click.pass_context
def renew(context: click.Context, resign: bool, despite_clock: bool, keys: Sequence[str]) -> None:
    """Sign the present state again: a new date of expiry, a new key, a new base_url."""
    settings = settings_of(context)
    publisher = op.publisher_of(settings, keys, despite_clock=despite_clock)
    total = op.stored_bytes(settings) if resign else 0
    with bar(total, "signing") as progress:
        seq = publisher.renew(resign=resign, progress=progress)
    click.echo(f"signed again as state {seq}")


@click.command()
@click.argument("versions", nargs=-1)
@click.pass_context
def pause(context: click.Context, versions: Sequence[str]) -> None:
    """Stop offering VERSIONS; without any, every unfinished rollout. Needs no key."""
    from nexy_updates.publisher import hold, running_rollouts

    state, layout = _state(context)
    chosen = list(versions) or running_rollouts(state)
    for version in chosen:
        state.find(version)
    if chosen:
        hold(layout, chosen, held=True, at=now_utc())
    click.echo(f"paused: {', '.join(chosen) or 'nothing was being rolled out'}")


@click.command()
@click.argument("versions", nargs=-1)
@click.pass_context
def resume(context: click.Context, versions: Sequence[str]) -> None:
    """Offer paused VERSIONS again, at the rollout they had; without any, all of them. Needs no key."""
    from nexy_updates.publisher import hold

    _, layout = _state(context)
    chosen = list(versions) or sorted(layout.read_holds())
    if chosen:
        hold(layout, chosen, held=False, at=now_utc())
    click.echo(f"resumed: {', '.join(chosen) or 'nothing was paused'}")


def _state(context: click.Context) -> tuple[Any, Any]:
    from nexy_updates.transaction import read_state

    settings = settings_of(context)
    layout = op.layout_of(settings)
    return read_state(layout, op.public_keys(settings), op.channels(settings)), layout


@click.command()
@JSON
@click.pass_context
def status(context: click.Context, as_json: bool) -> None:
    """What is published, and who sees it."""
    state, layout = _state(context)
    holds = layout.read_holds()
    rows = [
        {"channel": channel, "version": entry.version, "rollout": as_percent(entry.rollout_bp), "state": word}
        for channel, entries in state.entries.items()
        for entry in reversed(entries)
        for word in (_word(entry.yanked, entry.version in holds, entry.rollout_bp),)
    ]
    if as_json:
        click.echo(json.dumps({"seq": state.seq, "releases": rows}))
        return
    click.echo(f"state {state.seq}" + (f", published {state.published.isoformat()}" if state.published else ""))
    for row in rows:
        click.echo(f"{row['channel']:<10} {row['version']:<16} {row['rollout']:>6}  {row['state']}")


def _word(yanked: bool, held: bool, rollout_bp: int) -> str:
    if yanked:
        return "yanked"
    if held:
        return "paused"
    return "finished" if rollout_bp >= BUCKETS else "rolling out"


@click.command()
@JSON
@click.pass_context
def audit(context: click.Context, as_json: bool) -> None:
    """Who changed what and when; fails when the chain does not hold."""
    from nexy_updates.audit import read_chain

    path = op.layout_of(settings_of(context)).audit
    if not path.exists():
        raise StoreError("there is no audit.jsonl: nothing has been published")
    for line in read_chain(path):
        fields = line.fields
        rest = {name: value for name, value in fields.items() if name not in {"prev", "at", "event", "seq"}}
        words = " ".join(f"{name}={value}" for name, value in sorted(rest.items()))
        click.echo(line.data.decode() if as_json else f"{fields['at']} {fields['seq']:>4} {fields['event']} {words}")


COMMANDS = (rollout, promote, yank, renew, pause, resume, status, audit)
