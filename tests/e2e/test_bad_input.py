"""Mistakes of operators and users: what was wrong, where, what to do; an exit code; never a traceback."""

import os
import socket
import subprocess
import sys

import pytest


def nexy(*arguments, cwd, **environ):
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("NEXY_")}
    ports = {"NEXY_GRPC__PORT": "0", "NEXY_HTTP__PORT": "0", "NEXY_UPDATE__PORT": "0"}
    return subprocess.run(
        [sys.executable, "-m", "nexy_core", *arguments],
        cwd=cwd,
        env={**inherited, **ports, **environ},
        capture_output=True,
        text=True,
        timeout=90,
    )


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"NEXY_GRPC__PROT": "1"}, ["grpc.prot", "grpc.port", "NEXY_GRPC__PROT"]),
        ({"NEXY_GRPC__PORT": "many"}, ["grpc.port", "many", "NEXY_GRPC__PORT", "whole number"]),
        ({"GRPC_PORT": "99999", "NEXY_GRPC__PORT": ""}, ["grpc.port", "99999", "GRPC_PORT"]),
        ({"NEXY_ENV": "production"}, ["NEXY_ENV", "production", "prod"]),
        ({"NEXY_LLM__TEMPERATUR": "0"}, ["llm.temperatur", "llm.temperature"]),
        ({"NEXY_GRPC__HOST": "203.0.113.77"}, ["grpc.host", "203.0.113.77"]),
        ({"NEXY_TLS__CERT": "no.pem", "NEXY_TLS__KEY": "no.key"}, ["tls.cert", "no."]),
    ],
)
def test_serve_names_what_is_wrong_where_and_what_to_do(tmp_path, environ, words):
    environ = {key: value for key, value in environ.items() if value}
    done = nexy("serve", cwd=tmp_path, **environ)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    message = done.stderr.split("nexy:", 1)[1]
    for word in words:
        assert word in message, message


@pytest.mark.parametrize("name", ["GRPC", "HTTP"])
def test_a_port_in_use_is_named_before_anything_loads(tmp_path, name):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = nexy("serve", cwd=tmp_path, **{f"NEXY_{name}__PORT": port})
    assert done.returncode == 2
    assert port in done.stderr
    assert f"NEXY_{name}__PORT" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("ask", " "), ["ask what?"]),
        (("ask", "hello", "--server", "127.0.0.1:1"), ["no server", "127.0.0.1:1", "nexy serve"]),
        (("ask",), ["PROMPT"]),
        (("ask", "hello", "--screenshot", "nothing.png"), ["nothing.png"]),
        (("explain", "0000"), ["no server", "nexy serve"]),
        (("sevre",), ["sevre"]),
    ],
)
def test_commands_say_what_to_do(tmp_path, arguments, words):
    done = nexy(*arguments, cwd=tmp_path, NEXY_HTTP__PORT="1")
    assert done.returncode in {1, 2}
    assert "Traceback" not in done.stdout + done.stderr
    for word in words:
        assert word.lower() in done.stderr.lower()


def test_a_missing_voice_is_a_clear_degrade_and_the_answer_is_shown(tmp_path):
    done = nexy(
        "ask", "What is the capital of France?", "--local", "--mute", cwd=tmp_path, NEXY_TTS__VOICES='{en = "nobody"}'
    )
    assert done.returncode == 0, done.stderr
    assert "Paris" in done.stdout
    assert "first audio none" in done.stderr


def test_an_unreachable_model_is_a_clear_failure(tmp_path):
    done = nexy(
        "ask",
        "What is the capital of France?",
        "--local",
        "--mute",
        cwd=tmp_path,
        NEXY_LLM__MODEL="openai/gpt-none",
        NEXY_LLM__API_BASE="http://127.0.0.1:1/v1",
        NEXY_LLM__API_KEY="sk-secret-canary-123",
        NEXY_PLUGINS__TTS__ENABLED="false",
    )
    assert done.returncode == 1
    assert "unavailable" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "sk-secret-canary-123" not in done.stdout + done.stderr


@pytest.mark.parametrize("key", ["GRPC__PROT", "LLM__TEMPERATUR"])
def test_ask_local_names_a_misspelt_setting_too(tmp_path, key):
    done = nexy("ask", "hello", "--local", "--mute", cwd=tmp_path, **{f"NEXY_{key}": "1"})
    assert done.returncode == 2
    assert f"NEXY_{key}" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_full_disk_under_the_answer_is_named(scripted, tmp_path):
    done = nexy("ask", "say Hi.", "--server", scripted.address, "--out", "/dev/full", cwd=tmp_path)
    assert done.returncode == 1
    assert "/dev/full" in done.stderr
    assert "Traceback" not in done.stderr
