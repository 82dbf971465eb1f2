"""Signing in, in a real Chromium and with a real OpenID provider: who comes in, what each person sees, and who may change
what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from oidc_provider_mock import User, run_server_in_thread
from playwright.sync_api import Browser, BrowserContext, Page, expect
from servers import free_port
from window_server import Window, ask, handshake, ready, serving, until

FERRY = "The ferry to Ostwick leaves at seven in the morning."
BRIDGE = "The bridge over the Elda is 398 metres long."
WHEN, HOW_LONG = "When does the ferry to Ostwick leave?", "How long is the bridge over the Elda?"
CLIENT_SECRET = "client-secret-that-nobody-may-see"
COOKIE_SECRET = "cookie-secret-that-nobody-may-see-0123456789"

USERS = (
    User(
        sub="1",
        claims={"email": "ann@example.org", "email_verified": True, "name": "Ann [Ambler](http://evil.example)"},
    ),
    User(sub="2", claims={"email": "ben@example.org", "email_verified": True, "name": "Ben Brook"}),
    User(sub="3", claims={"email": "mallory@example.net", "email_verified": True, "name": "Mallory"}),
    User(sub="4", claims={"email": "ann@example.org", "email_verified": False, "name": "Ann Ambler"}),
    User(sub="ann@example.org", claims={"name": "Ann Ambler"}),
)
ANN, BEN, STRANGER, UNVERIFIED, NAMED_LIKE_ANN = (user.sub for user in USERS)


def login_file(base: Path, window: str, provider: str) -> Path:
    """The login file of a window at an address; Ann may edit, and Ben may come in."""
    file = base / "login.toml"
    file.write_text(
        f"""
        [auth]
        redirect_uri = "{window}/oauth2callback"
        cookie_secret = "{COOKIE_SECRET}"
        client_id = "footnote"
        client_secret = "{CLIENT_SECRET}"
        server_metadata_url = "{provider}/.well-known/openid-configuration"

        [footnote]
        people = ["ann@example.org", "ben@example.org"]
        editors = ["ann@example.org"]
        """
    )
    file.chmod(0o600)
    return file


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    """The window of a team of two."""
    base = tmp_path_factory.mktemp("team")
    folder = base / "harbour-papers"
    folder.mkdir()
    (folder / "ferry.txt").write_text(FERRY)
    (folder / "bridge.txt").write_text(BRIDGE)
    port = free_port()
    with run_server_in_thread(user_claims=USERS, require_nonce=True) as provider:
        login = login_file(base, f"http://127.0.0.1:{port}", f"http://localhost:{provider.server_port}")
        window = serving(base, folder, settings={"FOOTNOTE_LOGIN": str(login)}, port=port)
        yield window
        code, output = window.stop()
    assert code == 0
    assert f"Footnote is open at {window.url[:-1]}\n" in output
    assert not any(word in output for word in (CLIENT_SECRET, COOKIE_SECRET, "Traceback", "key="))


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Callable[[], BrowserContext]]:
    """Another browser each time, which knows nothing yet."""
    contexts: list[BrowserContext] = []

    def opened() -> BrowserContext:
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 800}))
        return contexts[-1]

    yield opened
    for context in contexts:
        context.close()


def signing_in(context: BrowserContext, window: Window, subject: str) -> Page:
    """Sign in as somebody, up to whatever the window says then."""
    page = context.new_page()
    page.goto(window.url)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_placeholder("sub").fill(subject)
    page.get_by_role("button", name="Authorize").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    return page


def signed_in(context: BrowserContext, window: Window, subject: str) -> Page:
    page = signing_in(context, window, subject)
    expect(page.get_by_text("Can be asked (2)")).to_be_visible(timeout=120_000)
    expect(page.get_by_role("button", name="Reindex")).to_be_enabled()
    return page


def parted(text: str) -> str:
    """A text as the window shows it, with its addresses parted so that they become no links."""
    return text.replace("@", "@\u2060")


@contextmanager
def told_nothing_of_the_folder(window: Window, page: Page) -> Iterator[None]:
    """Nothing that the server sends meanwhile holds a word of the folder: not its name, a document's, or its words."""
    received: list[bytes] = []

    def take(payload: str | bytes) -> None:
        received.append(payload.encode() if isinstance(payload, str) else payload)

    page.on("websocket", lambda socket: socket.on("framereceived", take))
    yield
    everything = b"".join(received) + page.content().encode()
    assert b"Footnote" in everything
    told = (window.folder.name, str(window.folder), str(window.data), "ferry", "bridge", "Library", "Settings")
    assert [word for word in told if word.encode() in everything] == []


def test_who_is_not_signed_in_sees_a_way_to_and_nothing_of_the_folder(
    window: Window, visitor: Callable[[], BrowserContext]
) -> None:
    page = visitor().new_page()
    with told_nothing_of_the_folder(window, page):
        for asked in ("", "?v=library", "?v=settings", "?d=f", "?key=a-key-for-tests"):
            page.goto(window.url + asked)
            expect(page.get_by_role("button", name="Sign in")).to_be_visible()
            expect(page.get_by_role("button")).to_have_count(1)
    assert not (window.data / "folders").exists()


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        (STRANGER, "You are signed in as mallory@example.net, and whoever runs this window has not let you in"),
        (UNVERIFIED, "signed in as ann@example.org, an address that your provider has not verified"),
        (NAMED_LIKE_ANN, "You are signed in as ann@example.org, and whoever"),
    ],
)
def test_who_is_not_among_the_people_is_told_so_and_shown_nothing_and_can_sign_out(
    window: Window, visitor: Callable[[], BrowserContext], subject: str, said: str
) -> None:
    page = visitor().new_page()
    with told_nothing_of_the_folder(window, page):
        refused = signing_in(page.context, window, subject)
        page.goto(window.url + "?v=library")
        expect(page.get_by_text(parted(said))).to_be_visible()
        expect(refused.get_by_text(parted(said))).to_be_visible()
        expect(page.get_by_role("button")).to_have_count(1)
    assert not (window.data / "folders").exists()
    page.get_by_role("button", name="Sign out").click()
    leave(page, window)


def leave(page: Page, window: Window) -> None:
    """Signing out ends at the provider, which asks whether that is meant, and leads back."""
    until(lambda: not page.url.startswith(window.url) or page.get_by_role("button", name="Sign in").is_visible(), 30)
    if not page.url.startswith(window.url):
        page.get_by_role("button").first.click()
    page.goto(window.url)
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_each_person_is_answered_at_the_same_time_and_sees_their_own_conversations_only_also_after_a_restart(
    window: Window, visitor: Callable[[], BrowserContext]
) -> None:
    anns, bens = visitor(), visitor()
    ann, ben = signed_in(anns, window, ANN), signed_in(bens, window, BEN)
    expect(ann.get_by_text("Ann [Ambler](http")).to_be_visible()  # what the provider says of somebody is no markup
    expect(ben.get_by_text("Ben Brook")).to_be_visible()
    for page, question in ((ann, WHEN), (ben, HOW_LONG)):
        page.get_by_placeholder("Ask the documents").fill(question)
    for page in (ann, ben):
        page.get_by_placeholder("Ask the documents").press("Enter")
    for page, question, words, others in ((ann, WHEN, "at seven", "metres"), (ben, HOW_LONG, "398 metres", "seven")):
        turn = page.locator(".turn")
        expect(turn).to_have_count(1)
        expect(turn.get_by_role("heading", name=question)).to_be_visible()
        expect(turn).to_have_attribute("aria-busy", "false")
        expect(turn).to_contain_text(words)
        expect(turn).not_to_contain_text(others)
    assert len(list(window.data.glob("folders/*/people/*/history.sqlite"))) == 2

    link = ann.url
    assert "c=" in link
    ready(ben, link, 2)
    expect(ben.get_by_role("heading", name="Ask harbour-papers")).to_be_visible()
    expect(ben.locator(".turn")).to_have_count(0)
    expect(ben.get_by_role("button", name=HOW_LONG)).to_be_visible()
    expect(ben.get_by_text(WHEN)).to_have_count(0)
    ben.get_by_placeholder("Search conversations").fill("ferry")
    ben.get_by_placeholder("Search conversations").press("Enter")
    expect(ben.get_by_text("No conversation holds these words.")).to_be_visible()
    ask(ben, "Who built the bridge over the Elda?")  # in a conversation of their own, whatever the address said
    assert ben.url != link

    assert window.stop()[0] == 0
    window.start()
    ready(ann, link, 2)
    expect(ann.locator(".turn")).to_have_count(1)
    expect(ann.locator(".turn")).to_contain_text("at seven")
    expect(ann.get_by_text("bridge over the Elda?")).to_have_count(0)


@pytest.mark.slow
def test_signing_out_ends_every_tab_of_that_person_and_no_one_elses(
    window: Window, visitor: Callable[[], BrowserContext]
) -> None:
    anns, bens = visitor(), visitor()
    ann, ben = signed_in(anns, window, ANN), signed_in(bens, window, BEN)
    second = anns.new_page()
    ready(second, window.url, 2)
    kept = anns.cookies()
    ann.get_by_role("button", name="Sign out").click()
    leave(ann, window)
    expect(second.get_by_role("button", name="Sign in")).to_be_visible()
    expect(second.get_by_role("button")).to_have_count(1)
    expect(second.get_by_text("harbour-papers")).to_have_count(0)
    copied = visitor()
    copied.add_cookies([{key: cookie[key] for key in ("name", "value", "domain", "path")} for cookie in kept])  # type: ignore[misc, literal-required]
    with told_nothing_of_the_folder(window, page := copied.new_page()):
        page.goto(window.url)
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    ask(ben, WHEN)
    ready(signing_in(anns, window, ANN), window.url, 2)


@pytest.mark.slow
def test_only_an_editor_can_change_settings_and_documents(
    window: Window, visitor: Callable[[], BrowserContext]
) -> None:
    ann, ben = signed_in(visitor(), window, ANN), signed_in(visitor(), window, BEN)
    for page, count in ((ann, 1), (ben, 0)):
        page.get_by_role("button", name="Settings").click()
        expect(page.get_by_role("heading", name="Settings")).to_be_visible()
        expect(page.get_by_role("button", name="Save")).to_have_count(count)
        expect(page.get_by_text(parted("The settings are kept by ann@example.org."))).to_have_count(1 - count)
        page.get_by_role("button", name="Library").click()
        expect(page.get_by_role("button", name="ferry.txt", exact=True)).to_be_visible()
        expect(page.get_by_role("button", name="Remove ferry.txt")).to_have_count(count)
        expect(page.locator("[data-testid=stFileUploader]")).to_have_count(count)
    ann.get_by_role("button", name="Remove ferry.txt").click()
    ann.get_by_role("button", name="Remove", exact=True).click()
    expect(ann.get_by_role("button", name="Undo")).to_be_visible()
    expect(ann.get_by_text("Trash (1)")).to_be_visible()
    expect(ben.get_by_role("button", name="ferry.txt", exact=True)).to_have_count(0)
    expect(ben.get_by_text("Trash")).to_have_count(0)
    ann.get_by_role("button", name="Undo").click()
    expect(ben.get_by_role("button", name="ferry.txt", exact=True)).to_be_visible()


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [("127.0.0.1", "", 101), ("evil.example", "", 403), ("127.0.0.1", "http://evil.example", 403)],
)
@pytest.mark.slow
def test_a_page_of_another_site_cannot_talk_to_the_window_of_a_team(
    window: Window, host: str, origin: str, status: int
) -> None:
    name = f"{host}:{window.port}"
    assert handshake(window, name, origin or f"http://{name}") == status


@pytest.mark.slow
def test_behind_a_proxy_the_window_is_reached_by_its_public_address_and_from_no_other(tmp_path: Path) -> None:
    (tmp_path / "papers").mkdir()
    login = login_file(tmp_path, "https://footnote.example.org", "https://accounts.example.org")
    window = serving(tmp_path, tmp_path / "papers", settings={"FOOTNOTE_LOGIN": str(login)})
    own, handed_on = "footnote.example.org", f"127.0.0.1:{window.port}"
    try:
        for host in (own, handed_on):  # a proxy may hand on the name that was asked for, or ask under its own
            assert handshake(window, host, "https://footnote.example.org") == 101
            assert handshake(window, host, "https://evil.example") == 403
        assert handshake(window, "evil.example", "https://footnote.example.org") == 403
    finally:
        window.stop()
