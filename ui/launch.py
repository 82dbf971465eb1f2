"""Start the window: Streamlit on this machine only, with its settings given here and none read from where one stands."""

from __future__ import annotations

import socket
import threading
import time
import webbrowser
from contextlib import closing, suppress
from pathlib import Path

from assistant.errors import FootnoteError
from assistant.settings import Settings
from assistant.window_key import window_key

APP = Path(__file__).with_name("app.py")
ADDRESS = "127.0.0.1"
PORTS = range(8501, 8601)
_STARTS_WITHIN = 60.0  # seconds

# Whoever asks under another name is turned away: a page elsewhere could have its name resolve to this machine.
_HOSTS = (ADDRESS, "localhost")

_SETTINGS = {
    "server.address": ADDRESS,
    # It would open the browser at an address without the key.
    "server.headless": "true",
    "server.enableCORS": "true",
    "server.enableXsrfProtection": "true",
    "server.fileWatcherType": "none",
    "server.showEmailPrompt": "false",
    "browser.gatherUsageStats": "false",
    "browser.serverAddress": ADDRESS,
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


def run(folder: Path, port: int | None, open_browser: bool) -> None:
    """Serve the window on `folder` until interrupted. Raises FootnoteError when no port can be had."""
    port = _free_port(port)
    address = f"http://{ADDRESS}:{port}/?key={window_key(Settings.read().data_dir)}"
    print(f"Footnote is open at {address}\nPress Ctrl-C to end it.", flush=True)
    if open_browser:
        threading.Thread(target=_open, args=(address, port), daemon=True).start()
    settings = {**_SETTINGS, "server.port": str(port)}
    flags = [f"--{name}={value}" for name, value in settings.items()]
    flags += [f"--server.allowedHosts={host}" for host in _HOSTS]

    from streamlit.web.cli import main  # only here: it takes a second, which an early error need not wait for

    main(["run", str(APP), *flags, "--", str(folder)], standalone_mode=False)


def _open(address: str, port: int) -> None:
    """Open the browser once the server answers."""
    deadline = time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection((ADDRESS, port), timeout=1):
            webbrowser.open(address)
            return
        time.sleep(0.1)


def _free_port(wanted: int | None) -> int:
    for port in PORTS if wanted is None else (wanted,):
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((ADDRESS, port))
            except OSError:
                continue
            return port
    if wanted is None:
        raise FootnoteError(f"Every port from {PORTS[0]} to {PORTS[-1]} is taken. Name a free one with --port.")
    raise FootnoteError(f"Port {wanted} cannot be used: it is taken or not allowed. Name another one with --port.")
