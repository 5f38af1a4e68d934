"""Every RPC through the client, which holds each call to the wire contract."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from nexy_core.client import Audio, Client, ClientError, End, Metadata, RetryPolicy, Text
from nexy_core.errors import ErrorType
from nexy_core.events import SAMPLE_RATE_HZ
from nexy_core.smoke.probe import Failure, Probe, Target

BIG_BYTES = 4 * 1024 * 1024
HARDWARE_ID = str(uuid.UUID(int=0)).upper()
UNKNOWN_RPC = "/streaming.StreamingService/NoSuchRpc"
ONCE = RetryPolicy(attempts=1)
Check = Callable[[Target, Client], Awaitable[None]]


def rpc(check: Check) -> Probe:
    """A probe from a check that takes a client."""

    async def run(target: Target) -> None:
        address = f"{target.host}:{target.grpc_port}"
        client = Client(
            address, hardware_id=HARDWARE_ID, tls=target.entrance, root_certificates=_roots(target), retry=ONCE
        )
        async with client:
            try:
                await check(target, client)
            except ClientError as error:
                raise Failure(f"{error.code or error.error_type.value}: {error.message}") from None

    return lambda target: asyncio.run(run(target))


def _roots(target: Target) -> bytes | None:
    try:
        return Path(target.ca_file).read_bytes() if target.ca_file else None
    except OSError as error:
        raise Failure(f"the certificate {target.ca_file} cannot be read: {error.strerror}") from None


async def health(_: Target, client: Client) -> None:
    """gRPC's own health service says that turns are taken."""
    state = await client.health()
    if state != "SERVING":
        raise Failure(f"the server says {state}; http://127.0.0.1:8080/status on its machine says why")


async def unary_style(target: Target, client: Client) -> None:
    """One message, half-close: how released clients ask."""
    await check_turn(client.ask(target.prompt, timeout_seconds=target.timeout_seconds))


async def bidirectional(target: Target, client: Client) -> None:
    """Two questions on one stream that stays open."""
    async with client.conversation(timeout_seconds=target.timeout_seconds) as talk:
        for _ in range(2):
            await check_turn(talk.ask(target.prompt))
        await talk.finish()


async def check_turn(events: AsyncIterator[object]) -> None:
    """Text, then speech as clients play it, then the end."""
    kinds = [checked(event) async for event in events]
    if Text not in kinds:
        raise Failure("the turn had no text")
    if Audio not in kinds:
        raise Failure("the turn had no speech: `nexy doctor` on the server's machine says what is missing")
    if kinds.index(Audio) < kinds.index(Text):
        raise Failure("the turn's speech came before its text")


def checked(event: object) -> type:
    """The kind of an event; audio must be what clients play."""
    if isinstance(event, Audio) and (event.sample_rate, event.channels) != (SAMPLE_RATE_HZ, 1):
        raise Failure(f"audio has {event.sample_rate} Hz and {event.channels} channels")
    return type(event)


async def collect(_: Target, client: Client) -> None:
    """A snapshot while the user speaks; with a screenshot that no default body limit lets through."""
    await client.collect("What is", 1, str(uuid.uuid4()), screenshot=bytes(BIG_BYTES))


async def refusal(target: Target, client: Client) -> None:
    """A bad request is refused in the taxonomy's words."""
    try:
        async with client.conversation(timeout_seconds=target.timeout_seconds) as talk:
            await talk.finish()
    except ClientError as error:
        if error.error_type is not ErrorType.VALIDATION_FAILED:
            raise
        if not error.explained:
            raise Failure("the status has no ErrorInfo with validation_failed") from None
        return
    raise Failure("a stream without a message was not refused")


async def interrupt(_: Target, client: Client) -> None:
    """Nothing runs for this device, and that is a success."""
    await client.interrupt()


async def welcome(target: Target, client: Client) -> None:
    """Metadata first, then speech, then the end."""
    kinds = [checked(event) async for event in client.greet(language="en", timeout_seconds=target.timeout_seconds)]
    if list(dict.fromkeys(kinds)) != [Metadata, Audio, End]:
        raise Failure(f"it sent {', '.join(kind.__name__ for kind in dict.fromkeys(kinds))}")


async def usage(_: Target, client: Client) -> None:
    """A report of nothing used is taken."""
    await client.report_usage("none", 0, 0, source="smoke")


async def unknown(_: Target, client: Client) -> None:
    """An RPC that does not exist is UNIMPLEMENTED, not something else's page."""
    try:
        await client.call(UNKNOWN_RPC)
    except ClientError as error:
        if error.code != "UNIMPLEMENTED":
            raise
        return
    raise Failure("an RPC that does not exist was answered")


PROBES: dict[str, Probe] = {
    "gRPC health": rpc(health),
    "StreamAudio, unary-style": rpc(unary_style),
    "StreamAudio, bidirectional": rpc(bidirectional),
    "StreamAudio, COLLECT of 5 MB": rpc(collect),
    "StreamAudio, refusal": rpc(refusal),
    "InterruptSession": rpc(interrupt),
    "GenerateWelcomeAudio": rpc(welcome),
    "ReportUsage": rpc(usage),
    "an unknown RPC": rpc(unknown),
}
