"""Start the window: Streamlit, with its settings given here and none read from where one stands. Without a login file it
answers to this machine only."""

from __future__ import annotations

import logging
import signal
import socket
import sys
import threading
import time
import webbrowser
from contextlib import closing, suppress
from pathlib import Path
from types import FrameType

from assistant.errors import FootnoteError
from assistant.gate import is_loopback
from assistant.loading import load_ahead
from assistant.login import Login
from assistant.settings import Settings
from assistant.shelf import MOST_BYTES
from assistant.window_key import window_key
from ui.visit import login_of

APP = Path(__file__).with_name("app.py")
ADDRESS = "127.0.0.1"
PORTS = range(8501, 8601)
_STARTS_WITHIN = 60.0  # seconds
# Seconds after which a thread at work lets another one go on. An import or an answer lets go hundreds of times, for a file
# or a search; with Python's 5 ms each time, they take twice as long beside a page that is being drawn.
_SWITCH = 0.0005

# Whoever asks under another name is turned away: a page elsewhere could have its name resolve to this machine.
_HOSTS = (ADDRESS, "localhost")

_SETTINGS = {
    # It would open the browser at an address without the key.
    "server.headless": "true",
    "server.enableCORS": "true",
    "server.enableXsrfProtection": "true",
    # Who somebody is says the provider alone.
    "server.trustedUserHeaders": "{}",
    "server.maxUploadSize": str(MOST_BYTES // 2**20),
    "server.fileWatcherType": "none",
    "server.showEmailPrompt": "false",
    "browser.gatherUsageStats": "false",
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": "false",
    "logger.hideWelcomeMessage": "true",
    "logger.level": "warning",
    "runner.magicEnabled": "false",
    # A full collection after every look at a growing answer made the first answer take 33 s of processor, not 5.
    "runner.postScriptGC": "false",
    "theme.font": "sans-serif",
    "theme.headingFont": "serif",
    "theme.baseRadius": "small",
    "theme.paddingTop": "1rem",
    "theme.sidebar.paddingTop": "0rem",
    "theme.light.primaryColor": "#8a3324",
    "theme.light.backgroundColor": "#fdfcf9",
    "theme.light.secondaryBackgroundColor": "#f3f0e8",
    "theme.light.textColor": "#24211d",
    "theme.light.borderColor": "#ddd7ca",
    "theme.light.linkColor": "#8a3324",
    "theme.light.yellowBackgroundColor": "#fbe9a9",
    "theme.dark.primaryColor": "#e0937f",
    "theme.dark.backgroundColor": "#1a1917",
    "theme.dark.secondaryBackgroundColor": "#242220",
    "theme.dark.textColor": "#e9e5dd",
    "theme.dark.borderColor": "#403c36",
    "theme.dark.linkColor": "#e0937f",
    "theme.dark.yellowBackgroundColor": "#5c4a12",
}


def run(folder: Path, host: str, port: int | None, open_browser: bool) -> None:
    """Serve the window on `folder` until interrupted, at the address `host` of this machine.

    Raises FootnoteError when no port can be had, LoginUnusable, and where others could reach `host` and nobody signs in.
    """
    settings = Settings.read()
    login = login_of(settings.login) if settings.login else None
    if login is None and not is_loopback(host):
        raise FootnoteError(
            f"Others can reach this machine at {host}, so have them sign in: give a login file with --login, "
            "as the README shows under 'For a team'."
        )
    port = _free_port(host, login.port or PORTS[0] if login and port is None else port)
    address = login.origin if login else f"http://{_shown(host)}:{port}/?key={window_key(settings.data_dir)}"
    print(f"Footnote is open at {address}\nPress Ctrl-C to end it.", flush=True)
    if open_browser:
        threading.Thread(target=_open, args=(address, host, port), daemon=True).start()

    from click import Abort
    from streamlit.web.cli import main  # only here: it takes a second, which an early error need not wait for

    sys.setswitchinterval(_SWITCH)
    interrupted = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        interrupted.set()
        logging.disable()  # what Streamlit's server, cut off half-way, would tell of itself is pages of tracebacks
        signal.default_int_handler(number, frame)

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # and not ignored, as under nohup
        signal.signal(signal.SIGINT, interrupt)  # until Streamlit has started, and sets its own
    load_ahead()
    try:
        main(["run", str(APP), *_flags(host, port, login), "--", str(folder)], standalone_mode=False)
    except Abort:  # what click makes of Ctrl-C while Streamlit is still starting
        raise KeyboardInterrupt from None
    except SystemExit:  # and what its server makes of it
        if not interrupted.is_set():
            raise
        raise KeyboardInterrupt from None


def _flags(host: str, port: int, login: Login | None) -> list[str]:
    """Streamlit's settings as it takes them on its command line."""
    settings = {
        **_SETTINGS,
        "server.address": host,
        "server.port": str(port),
        # Whose pages may speak to this server, behind a proxy too, which may ask for it under another name.
        "browser.serverAddress": login.host if login else host,
        # One that is not there keeps Streamlit from reading one from where one stands, which could set variables.
        "secrets.files": str(login.file if login else APP.with_name("no-secrets.toml")),
    }
    hosts = dict.fromkeys((*_HOSTS, host, *([login.host] if login else [])))
    return [f"--{name}={value}" for name, value in settings.items()] + [
        f"--server.allowedHosts={name}" for name in hosts
    ]


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _open(address: str, host: str, port: int) -> None:
    """Open the browser once the server answers."""
    deadline = time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection((host, port), timeout=1):
            webbrowser.open(address)
            return
        time.sleep(0.1)


def _free_port(host: str, wanted: int | None) -> int:
    for port in PORTS if wanted is None else (wanted,):
        try:
            family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
            with closing(socket.socket(family)) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        except (OSError, OverflowError):
            continue
        return port
    if wanted is None:
        raise FootnoteError(
            f"Every port from {PORTS[0]} to {PORTS[-1]} at {host} is taken, or it is no address of this machine. "
            "Name others with --port and --host."
        )
    raise FootnoteError(
        f"Port {wanted} cannot be used at {host}: it is taken or not allowed. Name another one with --port."
    )
