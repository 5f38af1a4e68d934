"""What ``nexy doctor`` says about the language model. It looks; nothing found is used unasked."""

import importlib.metadata
import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping

from nexy_core import LiveSettings, Unavailable
from nexy_llm import modelfile
from nexy_llm.settings import EMBEDDED

Check = tuple[str, bool | None, str, str]

OLLAMA = "http://127.0.0.1:11434"
OLLAMA_TIMEOUT_SECONDS = 0.3
OLLAMA_MAX_BYTES = 1_000_000
OLLAMA_MODELS_SHOWN = 3
PROVIDERS: Mapping[str, str] = {
    "OPENAI_API_KEY": "openai/gpt-5-mini",
    "ANTHROPIC_API_KEY": "anthropic/claude-haiku-4-5",
    "GEMINI_API_KEY": "gemini/gemini-2.5-flash",
    "MISTRAL_API_KEY": "mistral/mistral-small-latest",
    "GROQ_API_KEY": "groq/llama-3.3-70b-versatile",
    "DEEPSEEK_API_KEY": "deepseek/deepseek-chat",
    "OPENROUTER_API_KEY": "openrouter/openai/gpt-5-mini",
    "XAI_API_KEY": "xai/grok-4-fast",
}


def checks(settings: LiveSettings | None = None) -> Iterable[Check]:
    """Each as (name, ok, detail, remedy); ``ok`` is None for what is merely worth knowing."""
    model = settings.get("llm.model", str) if settings else EMBEDDED
    file = settings.get("llm.embedded_file", str) if settings else ""
    yield ("litellm", True, importlib.metadata.version("litellm"), "")
    yield _embedded(file, needed=model == EMBEDDED)
    yield from _ollama(OLLAMA)
    yield from _keys(os.environ)


def _embedded(file: str, *, needed: bool) -> Check:
    try:
        path = modelfile.find(file)
    except Unavailable as error:
        return ("embedded model", False if needed else None, error.message, modelfile.HOW_TO_GET)
    version = importlib.metadata.version(modelfile.ENGINE)
    return ("embedded model", True, f"{path.name}, {modelfile.ENGINE} {version}", "")


def _ollama(address: str) -> Iterable[Check]:
    names = _ollama_models(address)
    if names is None:
        return
    if not names:
        yield ("ollama", None, f"runs at {address}, without a model", "ollama pull llama3.2")
        return
    shown = ", ".join(names[:OLLAMA_MODELS_SHOWN])
    line = f'llm.model = "ollama_chat/{names[0]}" and llm.api_base = "{address}"'
    yield ("ollama", None, f"runs at {address} with {shown}", f"to use it: {line}")


def _ollama_models(address: str) -> list[str] | None:
    """The models of a local Ollama; None when there is none. Bounded, and never through a proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{address}/api/tags", timeout=OLLAMA_TIMEOUT_SECONDS) as answer:
            models = json.loads(answer.read(OLLAMA_MAX_BYTES))["models"]
        return [str(model["name"]) for model in models]
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _keys(environ: Mapping[str, str]) -> Iterable[Check]:
    for name, model in PROVIDERS.items():
        if environ.get(name):
            yield ("provider key", None, f"{name} is set", f'to use it: llm.model = "{model}"')
