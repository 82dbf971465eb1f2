"""The endpoint that is set in the window: kept, its key in the keyring only, and nobody else's key sent to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backends.fail import Keyring as NoKeyring
from plain_keyring import PlainKeyring
from pydantic import SecretStr

from assistant.errors import FootnoteError
from assistant.preferences import Choice, Preferences, has_keyring, tried
from assistant.settings import Endpoint, Settings

ADDRESS = "http://localhost:8080/v1"


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "keyring.json"
    monkeypatch.setenv("PLAIN_KEYRING", str(path))
    before = keyring.get_keyring()
    keyring.set_keyring(PlainKeyring())
    yield path
    keyring.set_keyring(before)


def preferences(tmp_path: Path, **environment: str) -> Preferences:
    return Preferences(Settings.model_validate({"FOOTNOTE_DATA_DIR": tmp_path / "data", **environment}))


def key_of(endpoint: Endpoint | None) -> str:
    assert endpoint is not None
    return endpoint.key.get_secret_value()


def test_until_something_is_set_the_environment_decides(tmp_path: Path, kept: Path) -> None:
    assert preferences(tmp_path).endpoint() is None
    assert preferences(tmp_path, OPENAI_BASE_URL=ADDRESS).endpoint() == Endpoint(ADDRESS, SecretStr(""), "")


def test_an_endpoint_is_kept_in_the_data_folder_and_its_key_in_the_keyring_alone(tmp_path: Path, kept: Path) -> None:
    preferences(tmp_path).save(Choice(ADDRESS + "/", "small"), "secret-key")
    endpoint = preferences(tmp_path).endpoint()
    assert endpoint == Endpoint(ADDRESS, SecretStr("secret-key"), "small")
    assert "secret-key" not in repr(endpoint)
    assert "secret-key" in kept.read_text()
    assert not any("secret-key" in path.read_text() for path in (tmp_path / "data").rglob("*") if path.is_file())


def test_no_model_set_here_takes_the_place_of_the_environments(tmp_path: Path, kept: Path) -> None:
    preferences(tmp_path).save(Choice())
    assert preferences(tmp_path, OPENAI_BASE_URL=ADDRESS).endpoint() is None


def test_the_environments_key_goes_to_its_own_address_only(tmp_path: Path, kept: Path) -> None:
    set_here = preferences(tmp_path, OPENAI_BASE_URL=ADDRESS, OPENAI_API_KEY="secret-key")
    set_here.save(Choice("http://localhost:9999/v1"))
    assert key_of(set_here.endpoint()) == ""
    set_here.save(Choice(ADDRESS))
    assert key_of(set_here.endpoint()) == "secret-key"
    assert not kept.exists()


def test_a_key_of_one_address_is_not_sent_to_another(tmp_path: Path, kept: Path) -> None:
    preferences(tmp_path).save(Choice(ADDRESS), "secret-key")
    assert key_of(preferences(tmp_path).endpoint_of(Choice("http://localhost:9999/v1"))) == ""


def test_going_back_to_the_environment_forgets_the_key(tmp_path: Path, kept: Path) -> None:
    preferences(tmp_path).save(Choice(ADDRESS), "secret-key")
    preferences(tmp_path).reset()
    preferences(tmp_path).reset()
    assert preferences(tmp_path).endpoint() is None
    assert "secret-key" not in kept.read_text()


@pytest.mark.parametrize("address", ["localhost:8080", "ftp://localhost", ""])
def test_an_address_that_is_none_is_told_in_a_sentence_and_not_kept(tmp_path: Path, kept: Path, address: str) -> None:
    with pytest.raises(FootnoteError, match="address"):
        preferences(tmp_path).endpoint_of(Choice(address))
    if address:
        with pytest.raises(FootnoteError, match="address"):
            preferences(tmp_path).save(Choice(address))
    assert preferences(tmp_path).choice() is None


def test_without_a_keyring_a_key_is_not_kept_and_the_environment_is_named(tmp_path: Path) -> None:
    before = keyring.get_keyring()
    keyring.set_keyring(NoKeyring())
    try:
        assert not has_keyring()
        with pytest.raises(FootnoteError, match="environment variable OPENAI_API_KEY"):
            preferences(tmp_path).save(Choice(ADDRESS), "secret-key")
        assert preferences(tmp_path).choice() is None
        preferences(tmp_path).save(Choice(ADDRESS))
        assert key_of(preferences(tmp_path).endpoint()) == ""
    finally:
        keyring.set_keyring(before)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"other": 1}'])
def test_a_damaged_file_sets_nothing(tmp_path: Path, kept: Path, content: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "endpoint.json").write_text(content)
    assert preferences(tmp_path).choice() is None


def test_trying_an_endpoint_where_nobody_answers_says_so_in_a_sentence() -> None:
    said = tried(Endpoint("http://127.0.0.1:9/v1", SecretStr("secret-key"), "small"))
    assert "127.0.0.1:9" in said
    assert "secret-key" not in said
