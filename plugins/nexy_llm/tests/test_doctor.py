"""The doctor sees what is there, and shows no secret."""

import http.server
import json
import threading

import pytest
from nexy_llm import doctor, modelfile


@pytest.fixture
def ollama():
    """A stand-in for Ollama; set ``body`` to what it answers."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.server.body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.body = b""
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def found(name, **settings_of):
    return [check for check in doctor.checks(**settings_of) if check[0] == name]


def test_what_is_installed_is_reported():
    assert found("litellm")[0][1] is True
    _, ok, detail, _ = found("embedded model")[0]
    assert ok is True
    assert ".gguf" in detail


def test_a_missing_embedded_model_is_a_fault_only_when_it_is_the_one_named(monkeypatch, settings):
    monkeypatch.setattr(modelfile, "PACKAGE", "nexy_no_such_package")
    _, ok, _, remedy = found("embedded model")[0]
    assert ok is False
    assert "uv pip install" in remedy
    assert found("embedded model", settings=settings(model="openai/x"))[0][1] is None


def test_a_provider_key_shows_the_setting_and_never_the_key(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-secret")
    _, ok, detail, remedy = found("provider key")[0]
    assert ok is None
    assert detail == "ANTHROPIC_API_KEY is set"
    assert 'llm.model = "anthropic/' in remedy
    assert "secret" not in str(list(doctor.checks()))


def test_a_local_ollama_shows_its_models_and_the_settings(ollama, monkeypatch):
    monkeypatch.setattr(doctor, "OLLAMA", ollama.url)
    ollama.body = json.dumps({"models": [{"name": "qwen3:4b"}, {"name": "llama3.2:1b"}]}).encode()
    _, ok, detail, remedy = found("ollama")[0]
    assert ok is None
    assert "qwen3:4b, llama3.2:1b" in detail
    assert f'llm.model = "ollama_chat/qwen3:4b" and llm.api_base = "{ollama.url}"' in remedy
    ollama.body = b'{"models": []}'
    assert "without a model" in found("ollama")[0][2]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"models": [1]}', b'{"models": 5}', b"null"])
def test_something_else_on_that_port_is_no_ollama(ollama, monkeypatch, body):
    monkeypatch.setattr(doctor, "OLLAMA", ollama.url)
    ollama.body = body
    assert found("ollama") == []


def test_no_ollama_is_no_news(unused_port, monkeypatch):
    monkeypatch.setattr(doctor, "OLLAMA", f"http://127.0.0.1:{unused_port}")
    assert found("ollama") == []
