"""What the host loads."""

from collections.abc import Iterable

from nexy_core import LanguageModel, LiveSettings, Setting, hookimpl
from nexy_llm.model import LiteLLM
from nexy_llm.settings import SETTINGS


@hookimpl
def nexy_settings() -> Iterable[Setting]:
    return SETTINGS


@hookimpl
def nexy_capabilities(settings: LiveSettings) -> Iterable[LanguageModel]:
    return [LiteLLM(settings)]
