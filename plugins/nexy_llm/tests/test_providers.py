"""Providers that do not speak OpenAI's protocol: the same answer, usage, failure and cancel."""

import asyncio
import json

import pytest

from nexy_core import ModelUsage, Prompt, Screenshot, Unavailable

PIECES = ("Hel", "lo ", "there.")


class Anthropic:
    model = "anthropic/claude-haiku-4-5"

    @staticmethod
    async def begin(reply):
        await reply.open()
        usage = {"input_tokens": 7, "output_tokens": 1}
        message = {"id": "m", "type": "message", "role": "assistant", "content": [], "model": "x", "usage": usage}
        await Anthropic.send(reply, "message_start", message=message)
        await Anthropic.send(reply, "content_block_start", index=0, content_block={"type": "text", "text": ""})

    @staticmethod
    async def text(reply, piece):
        await Anthropic.send(reply, "content_block_delta", index=0, delta={"type": "text_delta", "text": piece})

    @staticmethod
    async def end(reply):
        await Anthropic.send(reply, "content_block_stop", index=0)
        delta = {"stop_reason": "end_turn", "stop_sequence": None}
        await Anthropic.send(reply, "message_delta", delta=delta, usage={"output_tokens": 3})
        await Anthropic.send(reply, "message_stop")
        await reply.chunk(b"")

    @staticmethod
    async def send(reply, kind, **fields):
        await reply.chunk(f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode())


class Ollama:
    model = "ollama_chat/llama3.2"

    @staticmethod
    async def begin(reply):
        await reply.open(b"application/x-ndjson")

    @staticmethod
    async def text(reply, piece):
        await Ollama.send(reply, piece, done=False)

    @staticmethod
    async def end(reply):
        await Ollama.send(reply, "", done=True, done_reason="stop", prompt_eval_count=7, eval_count=3)
        await reply.chunk(b"")

    @staticmethod
    async def send(reply, content, **fields):
        message = {"role": "assistant", "content": content}
        line = {"model": "llama3.2", "created_at": "2026-01-01T00:00:00Z", "message": message, **fields}
        await reply.chunk(json.dumps(line).encode() + b"\n")


@pytest.fixture(params=[Anthropic, Ollama], ids=["anthropic", "ollama"])
def dialect(request):
    return request.param


@pytest.fixture
async def model(make_model, provider, dialect):
    return await make_model(model=dialect.model, api_base=provider.url.removesuffix("/v1"), retries=0, vision=True)


async def test_the_answer_and_its_usage(model, provider, dialect, ask):
    async def whole(reply):
        await dialect.begin(reply)
        for piece in PIECES:
            await dialect.text(reply, piece)
        await dialect.end(reply)

    provider.plays(whole)
    answer = await ask(model)
    assert (answer.text, answer.error) == ("Hello there.", None)
    assert answer.usage == ModelUsage(dialect.model, 7, 3)


async def test_broken_off(model, provider, dialect, ask):
    async def cut(reply):
        await dialect.begin(reply)
        await dialect.text(reply, "Hel")
        reply.die()

    provider.plays(cut)
    answer = await ask(model)
    assert answer.text == "Hel"
    assert isinstance(answer.error, Unavailable)
    assert answer.error.reason == "stream_cut"


async def test_closing_closes_the_request(model, provider, dialect):
    async def hangs(reply):
        await dialect.begin(reply)
        await dialect.text(reply, "Hel")
        await reply.hang()

    provider.plays(hangs)
    events = model.process(Prompt("t", "s", "Hi"))
    await anext(events)
    started = asyncio.get_running_loop().time()
    await events.aclose()
    async with asyncio.timeout(5):
        await provider.closed.wait()
    assert provider.closed_at - started < 0.1


async def test_a_screenshot_reaches_the_model(model, provider, dialect, ask):
    provider.plays(dialect.begin)
    await ask(model, screenshot=Screenshot(b"\x89PNG\r\n\x1a\n" + bytes(100), "image/png", 8, 8))
    assert "iVBORw0KGgo" in json.dumps(provider.requests[-1])
