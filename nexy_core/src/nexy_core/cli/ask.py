"""``nexy ask``: one question, its answer seen and heard."""

import asyncio
import io
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import attrs
import click

from nexy_core.cli import EXIT_FAILED, fail
from nexy_core.client import ActionRequest, Audio, Client, ClientError, End, RetryPolicy, Text
from nexy_core.errors import ErrorType
from nexy_core.events import SAMPLE_RATE_HZ
from nexy_core.streams import closing

STREAMING_PLAYERS = (
    ("aplay", "-q", "-t", "raw", "-f", "S16_LE", "-r", str(SAMPLE_RATE_HZ), "-c", "1", "-"),
    ("paplay", "--raw", "--format=s16le", f"--rate={SAMPLE_RATE_HZ}", "--channels=1"),
    ("ffplay", "-loglevel", "quiet", "-nodisp", "-autoexit", "-f", "s16le", "-ar", str(SAMPLE_RATE_HZ), "-i", "-"),
    ("play", "-q", "-t", "raw", "-e", "signed", "-b", "16", "-r", str(SAMPLE_RATE_HZ), "-c", "1", "-"),
)


PATIENCE = RetryPolicy(max_wait_seconds=5)  # somebody waits at the prompt


@attrs.define
class Answer:
    """What came, and when."""

    started: float = attrs.field(factory=time.monotonic)
    first_text_ms: float | None = None
    first_audio_ms: float | None = None
    pcm: bytearray = attrs.field(factory=bytearray)

    def elapsed_ms(self) -> float:
        return (time.monotonic() - self.started) * 1000


@click.command()
@click.argument("prompt")
@click.option("--server", default="", help="Address of the server (default: the configured gRPC port on this machine).")
@click.option("--tls", is_flag=True, help="Speak TLS with the server.")
@click.option("--ca", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Certificate to trust; TLS.")
@click.option("--local", is_flag=True, help="Answer inside this process, without a server.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the speech to this WAV file.")
@click.option("--mute", is_flag=True, help="Do not play the speech.")
@click.option("--device", default="", help="Ask as this device, which memory knows again (default: a new one).")
@click.option("--screenshot", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="An image to send.")
def ask(
    prompt: str,
    server: str,
    device: str,
    *,
    tls: bool,
    ca: Path | None,
    local: bool,
    out: Path | None,
    mute: bool,
    screenshot: Path | None,
) -> None:
    """Ask PROMPT; print the answer as it streams and play it, or write it to a file."""
    if not prompt.strip():
        fail('ask what? For example: nexy ask "What is the capital of France?"', 2)
    image = screenshot.read_bytes() if screenshot else None
    roots = ca.read_bytes() if ca else None
    connect = partial(Client, hardware_id=device, tls=tls, root_certificates=roots, retry=PATIENCE)
    player = None if out or mute else start_player()
    try:
        answer = asyncio.run(_ask(prompt, server, connect, image, player, local=local))
    except ClientError as error:
        fail(_explain(error, server, tls=tls or ca is not None), EXIT_FAILED)
    finally:
        if player and player.stdin:
            player.stdin.close()
            player.wait()
    if out:
        _write(out, answer)
    _figures(answer)


async def _ask(
    prompt: str,
    server: str,
    connect: Callable[[str], Client],
    image: bytes | None,
    player: subprocess.Popen[bytes] | None,
    *,
    local: bool,
) -> Answer:
    async with AsyncExitStack() as exits:
        if local:
            from nexy_core.cli.environment import local_server

            click.echo("Loading the model and the voice …", err=True)
            server = (await exits.enter_async_context(local_server())).grpc
        client = await exits.enter_async_context(connect(server or configured_address()))
        answer = Answer()
        async with closing(client.ask(prompt, screenshot=image)) as events:
            async for event in events:
                await _take(event, answer, player)
        return answer


async def _take(
    event: Text | Audio | ActionRequest | End, answer: Answer, player: subprocess.Popen[bytes] | None
) -> None:
    match event:
        case Text(text=text):
            answer.first_text_ms = answer.first_text_ms or answer.elapsed_ms()
            click.echo(text, nl=False)
        case Audio(data=data):
            answer.first_audio_ms = answer.first_audio_ms or answer.elapsed_ms()
            answer.pcm += data
            if player and player.stdin:
                await asyncio.to_thread(player.stdin.write, data)
        case ActionRequest(command=command, args=args):
            click.echo(f"\n[action: {command} {args}]", nl=False)


def start_player() -> subprocess.Popen[bytes] | None:
    """The first player of raw PCM that is installed."""
    for command in STREAMING_PLAYERS:
        if shutil.which(command[0]):
            return subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)  # noqa: S603
    names = ", ".join(command[0] for command in STREAMING_PLAYERS)
    click.echo(f"No player found ({names}): use --out answer.wav to hear it.", err=True)
    return None


def configured_address() -> str:
    """This machine's server, as the settings say."""
    from nexy_core.config import Config

    settings = Config.load().live
    return f"127.0.0.1:{settings.get('grpc.port', int)}"


def _write(out: Path, answer: Answer) -> None:
    import numpy as np
    import soundfile

    wav = io.BytesIO()
    soundfile.write(wav, np.frombuffer(bytes(answer.pcm), dtype="<i2"), SAMPLE_RATE_HZ, "PCM_16", format="WAV")
    try:
        out.write_bytes(wav.getvalue())
    except OSError as error:
        fail(f"{out} cannot be written: {error.strerror}", EXIT_FAILED)


def _figures(answer: Answer) -> None:
    def show(value_ms: float | None) -> str:
        return "none" if value_ms is None else f"{value_ms:.0f} ms"

    click.echo()
    click.echo(
        f"first text {show(answer.first_text_ms)}, first audio {show(answer.first_audio_ms)}, "
        f"total {answer.elapsed_ms():.0f} ms, speech {len(answer.pcm) / 2 / SAMPLE_RATE_HZ:.1f} s",
        err=True,
    )
    sys.stdout.flush()


def _explain(error: ClientError, server: str, *, tls: bool) -> str:
    if error.error_type is ErrorType.UNAVAILABLE and "connect" in error.message.lower():
        where = server or configured_address()
        if tls:
            return f"no server with a trusted certificate answers on {where}: name its certificate with --ca FILE."
        return f"no server answers on {where}. Start one with `nexy serve`, or use `nexy ask --local`."
    return f"{error.message} ({error.error_type.value})"
