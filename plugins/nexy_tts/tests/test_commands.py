"""`nexy voices` and the doctor, against a catalogue on a local web server."""

import hashlib
import json
import threading
import wave
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner
from nexy_tts.commands import voices
from nexy_tts.doctor import checks
from nexy_tts.files import find_voice

from nexy_core import ConfigError, Unavailable

KEY = "ru_RU-irina-medium"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(tmp_path):
    """A catalogue with one voice (the packaged one under another name), one of another language, and nonsense."""
    folder = tmp_path / "site"
    joe = find_voice("joe", tmp_path)
    entries = {}
    for key, english in [(KEY, "Russian"), ("ru_RU-denis-medium", "Russian"), ("de_DE-eva_k-x_low", "German")]:
        code, name, quality = key.split("-")
        files = {}
        for path in (joe, joe.with_name(joe.name + ".json")):
            body = path.read_bytes() if key == KEY else b"small"
            where = f"{code[:2]}/{key}{path.name.removeprefix('en_US-joe-medium')}"
            (folder / where).parent.mkdir(parents=True, exist_ok=True)
            (folder / where).write_bytes(body)
            files[where] = {"size_bytes": len(body), "md5_digest": hashlib.md5(body).hexdigest()}
        language = {"code": code, "family": code[:2], "name_english": english}
        entries[key] = {"name": name, "language": language, "quality": quality, "files": files, "aliases": []}
    entries["new_format"] = {"something": "else"}
    entries["../../evil"] = entries[KEY]
    (folder / "voices.json").write_text(json.dumps(entries))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()
        thread.join()


@pytest.fixture
def run(make_settings, site):
    def run(*arguments: str, **changes: object):
        settings = make_settings(**{"voices_url": site[0]} | changes)
        result = CliRunner().invoke(voices, arguments, obj=lambda: settings)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def test_list_shows_what_is_here_without_asking_anybody(run) -> None:
    output = run("list", voices_url="http://127.0.0.1:9").output
    assert "joe" in output
    assert "speaks en" in output


def test_list_all_shows_the_catalogue_by_language(run) -> None:
    output = run("list", "--all", "ru").output
    assert KEY in output
    assert "Russian" in output
    assert "de_DE" not in output
    assert "evil" not in output


def test_get_brings_a_voice_that_speaks(run, tmp_path) -> None:
    output = run("get", "irina").stdout
    assert f'ru = "{KEY}"' in output
    assert sorted(path.name for path in (tmp_path / "voices").iterdir()) == [f"{KEY}.onnx", f"{KEY}.onnx.json"]
    assert "installed" in run("list", "ru").output
    out = tmp_path / "sound.wav"
    assert "sound.wav: " in run("try", KEY, "Hello there.", "--out", str(out)).output
    with wave.open(str(out)) as sound:
        assert sound.getparams()[:3] == (1, 2, 48_000)
        assert sound.getnframes() > 20_000


@pytest.mark.parametrize("name", ["nobody", "ru", "../../evil", "medium"])
def test_get_of_an_unclear_name_says_what_there_is(run, name) -> None:
    with pytest.raises(ConfigError, match="there is no single voice") as raised:
        run("get", name)
    if name == "ru":
        assert KEY in str(raised.value)


def test_a_voice_that_is_not_what_the_list_promises_never_appears(run, site, tmp_path) -> None:
    (site[1] / "ru" / f"{KEY}.onnx").write_bytes(b"x" * (site[1] / "ru" / f"{KEY}.onnx").stat().st_size)
    with pytest.raises(Unavailable, match="checksum"):
        run("get", KEY)
    assert find_voice(KEY, tmp_path / "voices") is None


@pytest.mark.parametrize("text", ["<html>", "[]", "{"])
def test_a_list_that_is_no_list(run, site, text) -> None:
    (site[1] / "voices.json").write_text(text)
    with pytest.raises(Unavailable, match="list of voices cannot be read"):
        run("list", "--all")


def test_a_site_that_is_not_there(run) -> None:
    with pytest.raises(Unavailable, match=r"voices\.json was not downloaded"):
        run("get", KEY, voices_url="http://127.0.0.1:9")


def test_try_of_a_voice_that_is_not_here_says_how_to_get_it(run) -> None:
    with pytest.raises(ConfigError, match=f"nexy voices get {KEY}"):
        run("try", KEY)


def test_the_doctor_names_a_missing_voice_and_its_remedy(make_settings) -> None:
    found = {name: (well, remedy) for name, well, _, remedy in checks(make_settings(voices={"en": "joe", "ru": KEY}))}
    assert found["voice for en"] == (True, "")
    assert found["voice for ru"] == (False, f"nexy voices get {KEY}")
    assert found["speech engine (piper)"][0]
