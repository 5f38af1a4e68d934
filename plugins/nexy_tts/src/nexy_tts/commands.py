"""``nexy voices``: what there is to speak with."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import cast

import click

from nexy_core import SAMPLE_RATE_HZ, ConfigError, LiveSettings, NexyError, Sentence, Settings
from nexy_tts import files, options
from nexy_tts.catalogue import RemoteVoice, choose, fetch_catalogue
from nexy_tts.download import Source, download
from nexy_tts.files import base_language

_MIB = 1024 * 1024
_SAMPLE_BYTES = 2
_SAMPLES = {
    "de": "Guten Tag, so klinge ich.",
    "en": "Hello, this is how I sound.",
    "es": "Hola, así es como sueno.",
    "fr": "Bonjour, voici ma voix.",
    "ru": "Здравствуйте, вот так я звучу.",
}


@click.group()
def voices() -> None:
    """List, download and try voices."""


@voices.command("list")
@click.argument("language", default="")
@click.option("--all", "everything", is_flag=True, help="Ask the catalogue too, not only this machine.")
@click.pass_context
def list_voices(context: click.Context, language: str, everything: bool) -> None:
    """Show the voices on this machine, or with --all every one there is, of LANGUAGE if given."""
    settings = _settings(context)
    here = files.installed_voices(options.voices_dir(settings))
    used = {name: tag for tag, name in settings.get("tts.voices", dict).items()}
    for name, path in here.items():
        if not language or name in used or name.startswith(language):
            use = f"speaks {used[name]}" if name in used else ""
            click.echo(f"{name:<32} {path.stat().st_size // _MIB:>4} MiB  installed  {use}".rstrip())
    if everything:
        for voice in _catalogue(settings).values():
            if voice.key not in here and (not language or voice.language.startswith(language)):
                click.echo(f"{voice.key:<32} {voice.size_bytes // _MIB:>4} MiB  {voice.language_name}")


@voices.command()
@click.argument("name")
@click.pass_context
def get(context: click.Context, name: str) -> None:
    """Download the voice NAME (for example ru_RU-irina-medium) and check it."""
    settings = _settings(context)
    folder = options.voices_dir(settings)
    voice = choose(_catalogue(settings), name)
    # The configuration first: the model's file is what makes the voice exist.
    timeout_seconds = _timeout_seconds(settings)
    _fetch(voice.config, timeout_seconds, folder / f"{voice.key}{files.CONFIG_SUFFIX}")
    _fetch(voice.model, timeout_seconds, folder / f"{voice.key}{files.MODEL_SUFFIX}")
    language = base_language(voice.language)
    click.echo(f"{voice.key} is in {folder}. Use it with this setting:")
    click.echo(f'[default.tts.voices]\n{language} = "{voice.key}"')


@voices.command("try")
@click.argument("name")
@click.argument("text", default="")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The WAV file to write.")
@click.pass_context
def try_voice(context: click.Context, name: str, text: str, out: Path | None) -> None:
    """Speak TEXT with the voice NAME into a WAV file."""
    settings = _settings(context)
    model = files.find_voice(name, options.voices_dir(settings))
    if model is None:
        raise ConfigError(f"the voice {name!r} is not installed; `nexy voices get {name}` downloads it")
    pcm = asyncio.run(_speak(settings, name, model, text))
    out = out or Path(f"{name}.wav")
    _write_wav(out, pcm)
    click.echo(f"{out}: {len(pcm) / _SAMPLE_BYTES / SAMPLE_RATE_HZ:.1f} s")


def _settings(context: click.Context) -> LiveSettings:
    load = cast("Callable[[], LiveSettings]", context.obj)
    return load()


def _catalogue(settings: LiveSettings) -> dict[str, RemoteVoice]:
    return fetch_catalogue(settings.get("tts.voices_url", str), _timeout_seconds(settings))


def _timeout_seconds(settings: LiveSettings) -> float:
    return settings.get("tts.download_timeout_seconds", float)


def _fetch(source: Source, timeout_seconds: float, target: Path) -> None:
    with click.progressbar(length=source.size_bytes, label=target.name, file=sys.stderr) as bar:

        def progress(there: int) -> None:
            bar.update(there - bar.pos)

        download(source, target, timeout_seconds, progress)


async def _speak(settings: LiveSettings, name: str, model: Path, text: str) -> bytes:
    from nexy_tts.engine import VoiceBroken, read_config
    from nexy_tts.synthesizer import PiperSynthesizer

    try:
        language = read_config(model)[1]
    except VoiceBroken as error:
        raise ConfigError(f"the voice {name!r} cannot be used: {error}") from error
    synthesizer = PiperSynthesizer(_only(settings, {language: name}))
    try:
        await synthesizer.initialize()
        spoken = text or _SAMPLES.get(language, "1 2 3 4 5 6 7 8 9 10")
        sentence = Sentence("try", 0, spoken, spoken, language)
        async with aclosing(synthesizer.process(sentence)) as sound:
            return b"".join([chunk.data async for chunk in sound])
    finally:
        await synthesizer.cleanup()


def _only(settings: LiveSettings, chosen: dict[str, str]) -> LiveSettings:
    now = settings.current
    return LiveSettings(Settings(now.env, {**now.values, "tts.voices": chosen}, now.sources))


def _write_wav(path: Path, pcm: bytes) -> None:
    import wave

    try:
        with wave.open(str(path), "wb") as file:
            file.setparams((1, _SAMPLE_BYTES, SAMPLE_RATE_HZ, 0, "NONE", "not compressed"))
            file.writeframes(pcm)
    except OSError as error:
        raise NexyError(f"{path} cannot be written: {error.strerror}.", reason="no_file") from error
