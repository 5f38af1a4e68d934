"""What litellm's import and first call cost is paid before the plugin is ready."""

import subprocess
import sys

import pytest

SCRIPT = """
import asyncio, gc, sys
from contextlib import aclosing
from nexy_core import LiveSettings, Prompt, Settings, TextDelta
from nexy_llm import warmup
from nexy_llm.model import LiteLLM
from nexy_llm.settings import SETTINGS

async def main():
    async with await asyncio.start_server(warmup._stand_in, "127.0.0.1", 0) as server:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        values = {setting.key: setting.default for setting in SETTINGS}
        model = LiteLLM(LiveSettings(Settings("dev", values | {"llm.model": "openai/x", "llm.api_base": address}, {})))
        await model.initialize()
        before = set(sys.modules)
        async with aclosing(model.process(Prompt("t", "s", "Hi"))) as events:
            text = "".join([event.text async for event in events if isinstance(event, TextDelta)])
        print(text, sorted(set(sys.modules) - before), gc.isenabled())
        await model.cleanup()

asyncio.run(main())
"""


@pytest.mark.long
def test_the_first_question_imports_nothing_and_the_collector_works_again():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=110)
    assert done.stdout.strip() == "Hi [] True"
