"""The settings, out of the environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from platformdirs import user_data_path
from pydantic import ValidationError

from assistant.settings import OPENAI_BASE_URL, OPENAI_MODEL, Settings, SettingsInvalid

KEY = "sk-very-secret-0123456789"


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "FOOTNOTE_")):
            monkeypatch.delenv(name)


def test_without_an_address_or_a_key_there_is_no_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTNOTE_MODEL", "some-model")
    monkeypatch.setenv("OPENAI_API_KEY", "  ")
    monkeypatch.setenv("OPENAI_BASE_URL", "")
    assert Settings.read().endpoint is None


def test_a_key_alone_means_openai_with_its_default_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f" {KEY}\n")
    endpoint = Settings.read().endpoint
    assert endpoint is not None
    assert (endpoint.base_url, endpoint.model) == (OPENAI_BASE_URL, OPENAI_MODEL)
    assert endpoint.key.get_secret_value() == KEY


def test_another_address_needs_no_key_and_is_asked_for_its_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:8080/v1/")
    endpoint = Settings.read().endpoint
    assert endpoint is not None
    assert (endpoint.base_url, endpoint.model, endpoint.key.get_secret_value()) == ("http://localhost:8080/v1", "", "")


def test_the_model_and_the_timeout_that_are_set_are_the_endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:8080/v1/chat/completions")
    monkeypatch.setenv("FOOTNOTE_MODEL", " qwen3 ")
    monkeypatch.setenv("FOOTNOTE_TIMEOUT", "7.5")
    endpoint = Settings.read().endpoint
    assert endpoint is not None
    assert (endpoint.base_url, endpoint.model, endpoint.timeout) == ("http://localhost:8080/v1", "qwen3", 7.5)


def test_the_data_folder_is_the_platforms_unless_it_is_moved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", "")
    assert Settings.read().data_dir == user_data_path("footnote", appauthor=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", "here")
    assert Settings.read().data_dir == tmp_path / "here"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OPENAI_BASE_URL", "localhost:8080"),
        ("OPENAI_BASE_URL", "ftp://localhost/v1"),
        ("OPENAI_BASE_URL", "http://localhost/v1?key=1"),
        ("OPENAI_BASE_URL", "http://[half/v1"),
        ("OPENAI_API_KEY", f"{KEY}\u00a0x"),
        ("OPENAI_API_KEY", f"{KEY}\nX-Header: 1"),
        ("FOOTNOTE_TIMEOUT", "0"),
        ("FOOTNOTE_TIMEOUT", "soon"),
        ("FOOTNOTE_TIMEOUT", "inf"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_its_name_and_is_not_repeated(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsInvalid, match=f"{variable}: ") as refused:
        Settings.read()
    assert KEY not in str(refused.value)


def test_the_key_never_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    settings = Settings.read()
    assert (
        KEY not in f"{settings!r} {settings} {settings.endpoint!r} {settings.model_dump()} {settings.model_dump_json()}"
    )


def test_variables_of_other_programs_are_not_taken_for_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KEY", "MODEL", "BASE_URL", "DATA_DIR", "TIMEOUT"):
        monkeypatch.setenv(name, "http://elsewhere.example/v1")
    assert Settings.read().endpoint is None


def test_settings_do_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings.read()
    with pytest.raises(ValidationError, match="frozen"):
        settings.timeout = 1.0
