"""A scripted provider that speaks OpenAI's protocol over a real socket, so that litellm's real path runs."""

import asyncio
import json
import socket
from contextlib import aclosing, asynccontextmanager, suppress

import attrs
import pytest
from nexy_llm.model import LiteLLM
from nexy_llm.settings import SETTINGS

from nexy_core import LiveSettings, ModelUsage, Prompt, Settings, TextDelta

LIMIT_SECONDS = 20
SECRET = "sk-secret-key"
QUICK = {"first_token_timeout_seconds": 1.0, "between_tokens_timeout_seconds": 1.0, "retries": 0}


@attrs.define(eq=False)
class Reply:
    """What a script writes its answer with."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    closed: asyncio.Event

    async def status(self, code, body=b"{}", headers=b""):
        head = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n"
        await self.raw(head % (code, len(body), headers) + body)

    async def open(self, kind=b"text/event-stream"):
        await self.raw(b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n" % kind)

    async def event(self, value):
        data = value if isinstance(value, str) else json.dumps(value)
        await self.chunk(f"data: {data}\n\n".encode())

    async def text(self, *pieces):
        for piece in pieces:
            await self.event(chunk({"content": piece}))

    @property
    def last_chunk(self):
        return chunk({}, "stop")

    async def end(self, usage=None):
        await self.event(self.last_chunk)
        if usage:
            tokens = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
            await self.event({**chunk({}), "choices": [], "usage": tokens})
        await self.event("[DONE]")
        await self.chunk(b"")

    async def chunk(self, data):
        await self.raw(b"%x\r\n%s\r\n" % (len(data), data))

    async def raw(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def hang(self):
        """Say nothing more until the other side closes."""
        await self.closed.wait()

    def die(self):
        self.writer.transport.abort()


def chunk(delta, finish_reason=None):
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


@attrs.define(eq=False)
class Provider:
    """Answers each request with the next script; the last one is used again and again."""

    scripts: list = attrs.field(factory=list)
    requests: list = attrs.field(factory=list)
    headers: list = attrs.field(factory=list)
    asked: asyncio.Event = attrs.field(factory=asyncio.Event)
    closed: asyncio.Event = attrs.field(factory=asyncio.Event)
    closed_at: float = 0.0
    url: str = ""

    def plays(self, *scripts):
        self.scripts = list(scripts)
        return self

    async def serve(self, reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return
        fields = dict(line.split(": ", 1) for line in head.decode().lower().split("\r\n")[1:] if line)
        self.requests.append(json.loads(await reader.readexactly(int(fields["content-length"]))))
        self.headers.append(fields)
        self.asked.set()
        closed = self.closed = asyncio.Event()
        reply = Reply(reader, writer, closed)
        watcher = asyncio.create_task(self.watch(reader, closed))
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        try:
            await script(reply)
        except ConnectionError:
            pass
        finally:
            watcher.cancel()
            writer.close()

    async def watch(self, reader, closed):
        with suppress(ConnectionError):
            await reader.read()
        self.closed_at = asyncio.get_running_loop().time()
        closed.set()


class Scripts:
    """Ways a provider behaves."""

    @staticmethod
    async def says_hello(reply):
        await reply.open()
        await reply.text("Hel", "lo ", "there.")
        await reply.end(usage=(7, 3))

    @staticmethod
    async def silent_after_headers(reply):
        await reply.open()
        await reply.event(chunk({"role": "assistant", "content": ""}))
        await reply.hang()

    @staticmethod
    async def keeps_alive_and_says_nothing(reply):
        await reply.open()
        while not reply.closed.is_set():
            await reply.chunk(b": ping\n\n")
            await reply.event(chunk({"content": ""}))
            await asyncio.sleep(0.01)

    @staticmethod
    async def never_answers(reply):
        await reply.hang()

    @staticmethod
    async def stops_half_way(reply):
        await reply.open()
        await reply.text("Hel")
        await reply.hang()

    @staticmethod
    async def pings_half_way(reply):
        await reply.open()
        await reply.text("Hel")
        while not reply.closed.is_set():
            await reply.event(chunk({"content": ""}))
            await asyncio.sleep(0.01)

    @staticmethod
    async def dies_at_once(reply):
        reply.die()

    @staticmethod
    async def dies_half_way(reply):
        await reply.open()
        await reply.text("Hel", "lo")
        reply.die()

    @staticmethod
    async def ends_without_a_finish(reply):
        await reply.open()
        await reply.text("Hel", "lo")
        await reply.chunk(b"")

    @staticmethod
    async def fails_in_the_stream(reply):
        await reply.open()
        await reply.text("Hel")
        await reply.event({"error": {"message": f"overloaded {SECRET}", "code": 500}})
        await reply.chunk(b"")

    @staticmethod
    async def garbage(reply):
        await reply.open()
        await reply.chunk(b"data: {not json\n\n")
        await reply.chunk(b"")

    @staticmethod
    async def a_web_page(reply):
        await reply.status(200, b"<html>hello</html>")

    @staticmethod
    async def nothing(reply):
        await reply.open()
        await reply.end()

    @staticmethod
    async def busy(reply):
        await reply.status(429, headers=b"Retry-After: 20\r\n")

    @staticmethod
    async def too_long(reply):
        error = {"message": "This model's maximum context length is 10 tokens.", "code": "context_length_exceeded"}
        await reply.status(400, json.dumps({"error": error}).encode())

    @staticmethod
    def refuses(code):
        async def script(reply):
            await reply.status(code, b'{"error": {"message": "no: %s"}}' % SECRET.encode())

        return script

    def __getitem__(self, name):
        """By name, or by the status it refuses with."""
        return self.refuses(name) if isinstance(name, int) else getattr(self, name)


@pytest.fixture
async def provider():
    async with serving() as one:
        yield one


@pytest.fixture
async def second_provider():
    async with serving() as one:
        yield one


@asynccontextmanager
async def serving():
    provider = Provider(scripts=[Scripts.says_hello])
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0)
    provider.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    yield provider
    server.close()


def live(**changes):
    values = {setting.key: setting.default for setting in SETTINGS}
    for name, value in changes.items():
        assert f"llm.{name}" in values
        values[f"llm.{name}"] = value
    return LiveSettings(Settings("dev", values, {}))


@pytest.fixture
def scripts():
    return Scripts()


@pytest.fixture
def quick():
    """Settings under which failing is fast."""
    return QUICK


@pytest.fixture
def settings():
    return live


@pytest.fixture
async def make_model(provider):
    """A ready capability that asks the fake provider, with the settings given."""
    made = []

    async def make(**changes):
        defaults = {"model": "openai/fake", "api_base": provider.url, "api_key": SECRET, "retry_delay_seconds": 0.05}
        model = LiteLLM(live(**{**defaults, **changes}))
        made.append(model)
        await model.initialize()
        return model

    yield make
    for model in made:
        await model.cleanup()


@attrs.define
class Answer:
    text: str = ""
    usage: ModelUsage | None = None
    error: Exception | None = None


@pytest.fixture
def ask():
    """Ask one question; returns the text, the usage and the error it ended with."""

    async def ask(model, text="Hello?", **fields):
        answer = Answer()
        async with asyncio.timeout(LIMIT_SECONDS):
            try:
                async with aclosing(model.process(Prompt("turn", "session", text, **fields))) as events:
                    async for event in events:
                        if isinstance(event, TextDelta):
                            answer.text += event.text
                        else:
                            answer.usage = event
            except Exception as error:  # noqa: BLE001  # the test judges it
                answer.error = error
        return answer

    return ask


@pytest.fixture
def unused_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
