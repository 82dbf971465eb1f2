"""The login file: what it must hold, what its errors say, and whom it lets in."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assistant.cli import app
from assistant.errors import FootnoteError, LoginUnusable
from assistant.history import History
from assistant.library import Library
from assistant.login import Login, Person
from assistant.settings import Settings
from ui import launch

COOKIE_SECRET = "cookie-secret-that-nobody-may-see-0123456789"
CLIENT_SECRET = "client-secret-that-nobody-may-see"
WHOLE = f"""
[auth]
redirect_uri = "https://footnote.example.org/oauth2callback"
cookie_secret = "{COOKIE_SECRET}"
client_id = "footnote"
client_secret = "{CLIENT_SECRET}"
server_metadata_url = "https://accounts.example.org/.well-known/openid-configuration"

[footnote]
people = ["Ann@example.org", "@example.com", "subject-7"]
editors = ["ann@example.org", "boss@elsewhere.example"]
"""
ANN = Person("https://accounts.example.org", "1", "Ann", "ann@example.org", verified=True)


def written(base: Path, text: str) -> Path:
    file = base / "login.toml"
    file.write_text(text)
    file.chmod(0o600)
    return file


def refusal(file: Path) -> str:
    with pytest.raises(LoginUnusable) as refused:
        Login.read(file)
    shown = f"{refused.value!r} {refused.value} {refused.value.__cause__!r}"
    assert COOKIE_SECRET not in shown
    assert CLIENT_SECRET not in shown
    return str(refused.value)


def test_a_whole_file_names_the_window_and_those_who_may_come_in(tmp_path: Path) -> None:
    login = Login.read(written(tmp_path, WHOLE))
    assert (login.origin, login.host, login.port) == ("https://footnote.example.org", "footnote.example.org", None)
    assert login.people == ("Ann@example.org", "@example.com", "subject-7")
    assert login.editors == ("ann@example.org", "boss@elsewhere.example")


def test_what_is_kept_of_the_file_holds_no_secret(tmp_path: Path) -> None:
    login = Login.read(written(tmp_path, WHOLE))
    assert CLIENT_SECRET in login.file.read_text()
    assert CLIENT_SECRET not in repr(login)
    assert COOKIE_SECRET not in repr(login)


@pytest.mark.parametrize("key", ["redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url"])
@pytest.mark.parametrize("instead", ["", '{key} = ""', "{key} = 7"])
def test_a_key_that_is_missing_or_empty_is_named(tmp_path: Path, key: str, instead: str) -> None:
    text = re.sub(rf"^{key} = .*$", instead.format(key=key), WHOLE, flags=re.MULTILINE)
    assert f"Write {key} into the table [auth]" in refusal(written(tmp_path, text))


@pytest.mark.parametrize(
    ("was", "instead", "said"),
    [
        ("[auth]", "[other]", "Write a table [auth]"),
        ("[footnote]", "[other]", "Write a table [footnote]"),
        (COOKIE_SECRET, COOKIE_SECRET[:31], "cookie_secret in .* is too short.*at least 32"),
        ('people = ["Ann@example.org", "@example.com", "subject-7"]\n', "", "who may come in, as people ="),
        ('people = ["Ann@example.org", "@example.com", "subject-7"]', "people = []", "who may come in, as people ="),
        ('["Ann@example.org", "@example.com", "subject-7"]', '"ann@example.org"', "Write people in .* as a list"),
        ('"subject-7"', '"*@example.net"', "Write people in .* as a list"),
        ('"subject-7"', '" "', "Write people in .* as a list"),
        ('"subject-7"', '"ann@"', "Write people in .* as a list"),
        ('["ann@example.org", "boss@elsewhere.example"]', "[7]", "Write editors in .* as a list"),
        ("editors =", "editor =", r"Take editor out of the table \[footnote\]"),
        ("https://footnote.", "http://footnote.", "Write a redirect_uri that begins with https://"),
        ("https://accounts.", "http://accounts.", "Write a server_metadata_url that begins with https://"),
        ("https://footnote.example.org/", "https://*/", "Write a redirect_uri that begins with https://"),
        ("org/oauth2callback", "org/team/oauth2callback", "Write the redirect_uri in .* as the address of the window"),
        ("org/oauth2callback", "org:port/oauth2callback", "Write a redirect_uri that begins with https://"),
    ],
)
def test_what_is_wrong_in_the_file_is_one_sentence_that_says_what_to_write(
    tmp_path: Path, was: str, instead: str, said: str
) -> None:
    assert was in WHOLE
    assert re.search(
        said.replace("[auth]", r"\[auth\]").replace("table [f", r"table \[f"),
        refusal(written(tmp_path, WHOLE.replace(was, instead))),
    )


def test_a_file_that_is_no_toml_is_refused_with_the_place_and_none_of_its_words(tmp_path: Path) -> None:
    broken = WHOLE.replace(f'client_secret = "{CLIENT_SECRET}"', f"client_secret = {CLIENT_SECRET}")
    assert "is not TOML at line 6, column" in refusal(written(tmp_path, broken))
    file = written(tmp_path, "")
    file.write_bytes(WHOLE.encode("utf-16"))
    assert "is not TOML" in refusal(file)


def test_a_file_that_is_not_there_or_has_another_ending_is_refused(tmp_path: Path) -> None:
    assert "Give another one with --login or FOOTNOTE_LOGIN" in refusal(tmp_path / "none.toml")
    assert "ends in .toml" in refusal(tmp_path / "login.ini")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_file_that_others_may_open_is_refused_with_the_command_that_mends_it(tmp_path: Path, mode: int) -> None:
    file = written(tmp_path, WHOLE)
    file.chmod(mode)
    assert f"chmod 600 {file}" in refusal(file)
    file.chmod(0o400)
    assert Login.read(file).people


@pytest.mark.parametrize(
    ("person", "admitted", "edits"),
    [
        (ANN, True, True),
        (replace(ANN, email="ANN@Example.ORG"), True, True),
        (replace(ANN, verified=False), False, False),
        (replace(ANN, email="", subject="ann@example.org"), False, False),  # at some providers people choose theirs
        (replace(ANN, email="x@example.com"), True, False),
        (replace(ANN, email="x@sub.example.com"), False, False),
        (replace(ANN, email="x@notexample.com"), False, False),
        (replace(ANN, email="@example.com"), True, False),
        (replace(ANN, email="x@example.com", verified=False), False, False),
        (replace(ANN, email="x@example.com@evil.example"), False, False),
        (replace(ANN, email="", subject="subject-7"), True, False),
        (replace(ANN, email="subject-7", subject="8"), False, False),
        (replace(ANN, email="", subject="SUBJECT-7"), False, False),
        (replace(ANN, email="boss@elsewhere.example"), False, False),  # an editor who is not among the people
        (replace(ANN, email="", subject=""), False, False),
    ],
)
def test_only_those_who_are_named_come_in_and_edit(tmp_path: Path, person: Person, admitted: bool, edits: bool) -> None:
    login = Login.read(written(tmp_path, WHOLE))
    assert (login.admits(person), login.may_edit(person)) == (admitted, edits)


def test_letters_that_only_look_small_make_no_two_people_one(tmp_path: Path) -> None:
    kate = Login.read(written(tmp_path, WHOLE.replace("Ann@example.org", "kate@example.org")))
    kelvin = "\u212aate@example.org"
    assert kelvin.lower() == "kate@example.org"
    assert not kate.admits(replace(ANN, email=kelvin))


def test_a_star_lets_in_everybody_and_without_editors_nobody_edits(tmp_path: Path) -> None:
    text = re.sub(r"people = .*\neditors = .*", 'people = ["*"]', WHOLE)
    login = Login.read(written(tmp_path, text))
    stranger = replace(ANN, subject="99", email="", verified=False)
    assert login.admits(stranger)
    assert not login.may_edit(stranger)


def test_a_person_is_told_apart_by_issuer_and_subject_and_by_nothing_else() -> None:
    claims = {"iss": "https://a.example", "sub": "1", "email": "a@b.example", "email_verified": True, "name": "A"}
    person = Person.of(claims)
    assert person == Person("https://a.example", "1", "A", "a@b.example", verified=True)
    assert person is not None
    renamed = Person.of({**claims, "email": "new@b.example", "name": "B"})
    assert renamed is not None
    assert renamed.key == person.key
    assert re.fullmatch("[0-9a-f]{64}", person.key)
    others = [Person.of({**claims, "sub": "2"}), Person.of({**claims, "iss": "https://b.example"})]
    assert [other.key == person.key for other in others if other] == [False, False]


@pytest.mark.parametrize(
    ("said", "verified"), [(True, True), ("true", True), (False, False), ("false", False), (None, False), (2, False)]
)
def test_an_address_counts_as_verified_only_where_the_provider_says_so(said: object, verified: bool) -> None:
    person = Person.of({"iss": "i", "sub": "s", "email": "a@b.example", "email_verified": said})
    assert person is not None
    assert person.verified is verified


@pytest.mark.parametrize("claims", [{}, {"iss": "i"}, {"sub": "s"}, {"iss": "i", "sub": 7}, {"iss": "", "sub": "s"}])
def test_claims_that_name_nobody_make_no_person(claims: dict[str, object]) -> None:
    assert Person.of(claims) is None


# What the command makes of it


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.org"])
def test_another_address_than_this_machines_own_is_refused_unless_people_sign_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("FOOTNOTE_LOGIN", raising=False)
    with pytest.raises(FootnoteError, match="give a login file with --login"):
        launch.run(tmp_path, host, None, open_browser=False)


def started(monkeypatch: pytest.MonkeyPatch, host: str, port: int | None) -> list[str]:
    """What Streamlit would be started with."""
    flags: list[str] = []
    monkeypatch.setattr("streamlit.web.cli.main", lambda given, **_: flags.extend(given))
    launch.run(Path("."), host, port, open_browser=False)
    return flags


def test_a_window_behind_a_proxy_answers_to_its_name_and_tells_its_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, WHOLE)
    monkeypatch.setenv("FOOTNOTE_LOGIN", str(file))
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(tmp_path / "data"))
    flags = started(monkeypatch, "0.0.0.0", 8765)
    assert f"--secrets.files={file}" in flags
    assert {"--server.address=0.0.0.0", "--server.port=8765"} <= set(flags)
    assert {"--server.allowedHosts=footnote.example.org", "--browser.serverAddress=footnote.example.org"} <= set(flags)
    assert "Footnote is open at https://footnote.example.org\n" in capsys.readouterr().out


def test_without_a_login_file_the_window_answers_to_this_machine_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FOOTNOTE_LOGIN", raising=False)
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(tmp_path / "data"))
    flags = started(monkeypatch, launch.ADDRESS, None)
    hosts = {flag for flag in flags if flag.startswith("--server.allowedHosts=")}
    assert hosts == {"--server.allowedHosts=127.0.0.1", "--server.allowedHosts=localhost"}
    assert "--server.address=127.0.0.1" in flags
    assert "/?key=" in capsys.readouterr().out


def test_the_setting_is_a_path_made_absolute_and_unset_means_no_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOOTNOTE_LOGIN", "login.toml")
    assert Settings.read().login == tmp_path / "login.toml"
    monkeypatch.setenv("FOOTNOTE_LOGIN", "")
    assert Settings.read().login is None


def test_the_histories_of_two_people_are_two_files_that_only_the_owner_of_the_folder_reads(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    library = Library.open(tmp_path / "folder", Settings(FOOTNOTE_DATA_DIR=tmp_path / "data"))
    try:
        ann, ben = (library.history_of(person.key) for person in (ANN, replace(ANN, subject="2")))
        turn = ann.add_question(ann.start(), "Who?")
        assert ben.add_question(ben.start(), "What?") == turn
        assert [one.title for one in ann.conversations()] == ["Who?"]
        assert [one.title for one in ben.conversations()] == ["What?"]
        assert library.history.conversations() == ()
        assert library.count_conversations() == 2
        places = {ann.path.parent, ben.path.parent}
        assert places == {library.home / "people" / key for key in library.people()}
        assert [place.stat().st_mode & 0o077 for place in (library.home / "people", *places)] == [0, 0, 0]
        ann.close()
        ben.close()
        ben.path.write_bytes(b"no database" * 100)
        assert any(str(ben.path.parent) in sentence for sentence in library.examine(lambda _: None))
        assert History(ben.path).conversations() == ()
    finally:
        library.close()


def test_a_login_file_that_cannot_be_used_is_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOOTNOTE_LOGIN", "")  # put back when the test ends, for the command sets it
    run = CliRunner().invoke(app, ["chat", str(tmp_path), "--no-browser", "--login", str(tmp_path / "none.toml")])
    assert run.exit_code == 1
    assert "none.toml cannot be read" in run.output


SETTINGS_SEEN = """
import json, os, sys
from streamlit import config
from streamlit.web import cli
from streamlit.web.server import server_util

def seen(*_):  # in place of the server, once Streamlit has read its settings
    server_util.get_cookie_secret()  # reads the secrets, as a server does
    print(json.dumps([config.get_option("server.trustedUserHeaders"), os.environ.get("OPENAI_BASE_URL")]))

cli.bootstrap.run = seen
cli.main(["run", *sys.argv[1:]], standalone_mode=False)
"""


@pytest.mark.parametrize(("ours", "seen"), [(True, [{}, None]), (False, [{"X-Who": "sub"}, "http://evil.example"])])
def test_files_where_one_stands_say_neither_who_somebody_is_nor_where_questions_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ours: bool, seen: list[object]
) -> None:
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "config.toml").write_text('[server.trustedUserHeaders]\n"X-Who" = "sub"\n')
    (tmp_path / ".streamlit" / "secrets.toml").write_text('OPENAI_BASE_URL = "http://evil.example"\n')
    monkeypatch.delenv("FOOTNOTE_LOGIN", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(tmp_path / "data"))
    flags = started(monkeypatch, launch.ADDRESS, None)[1:] if ours else [str(launch.APP)]
    command = [sys.executable, "-c", SETTINGS_SEEN, *flags]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert json.loads(printed.splitlines()[-1]) == seen
