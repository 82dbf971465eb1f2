"""Run the HTTP API on an address of this machine."""

from __future__ import annotations

import secrets
import socket
import sys
from pathlib import Path

import uvicorn

from assistant.api import application
from assistant.errors import FootnoteError
from assistant.gate import is_loopback
from assistant.library import Library
from assistant.settings import Settings


def run(folder: Path, host: str, port: int) -> None:
    """Serve a folder until interrupted; port 0 is any free one.

    The token is FOOTNOTE_TOKEN, else one made up and printed on stderr. Raises FootnoteError where the address cannot
    be had, or where others could reach it and no token was chosen.
    """
    settings = Settings.read()
    token = settings.token.get_secret_value()
    if not token and not is_loopback(host):
        raise FootnoteError(
            f"Others can reach this machine at {host}, so choose the token they must know: set FOOTNOTE_TOKEN."
        )
    listening = _listening(host, port)
    library = Library.open(folder, settings)
    try:
        shown = f"[{host}]" if ":" in host else host
        print(
            f"Footnote serves {library.folder} at http://{shown}:{listening.getsockname()[1]}/v1. Ctrl-C ends it.\n"
            + ("The API key is FOOTNOTE_TOKEN." if token else f"The API key is {(token := secrets.token_urlsafe(24))}"),
            file=sys.stderr,
            flush=True,
        )
        server(library, token, host).run(sockets=[listening])
    finally:
        listening.close()
        library.close()


def server(library: Library, token: str, host: str) -> uvicorn.Server:
    """The server of an open library, to be run on a socket that listens at `host`."""
    # Requests hold people's questions, so none is logged; neither is a header believed about where one came from.
    config = uvicorn.Config(
        application(library, token, host),
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=5,
    )
    return uvicorn.Server(config)


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listening = socket.socket(family)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen()  # so that nobody who has read the address is refused while the rest is loaded
        except BaseException:
            listening.close()
            raise
    except (OSError, OverflowError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "no such port"
        raise FootnoteError(
            f"Footnote cannot listen at {host}, port {port} ({reason}). Choose another one with --host and --port."
        ) from fault
    return listening
