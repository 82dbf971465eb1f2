"""Who may ask the HTTP API: a client that knows the token, asks for this server by name, and is no web page.

A page in a browser could have its own name resolve to this machine (DNS rebinding) and would then be let in by the
address; it cannot choose the Host header, nor leave out Origin where the request could change or read anything.
"""

from __future__ import annotations

import hmac
import re
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

MAX_BODY = 1024 * 1024
"""Bytes of a request."""

_HOST = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::\d{1,5})?")
_BEARER = re.compile(r"bearer +(\S+) *", re.IGNORECASE)


class Gate:
    """An ASGI application in front of another, which lets through what may pass and answers the rest."""

    def __init__(self, app: ASGIApp, token: str, host: str) -> None:
        """`host` is the address that is listened on."""
        self._app = app
        self._token = token.encode()
        self._host = host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(Headers(scope=scope), scope.get("scheme", "http"))
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, headers: Headers, scheme: str) -> JSONResponse | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_own(hosts[0]):
            return refused(403, "Ask for this server under the address it was started with.", "host_not_allowed")
        if any(origin != f"{scheme}://{hosts[0]}" for origin in headers.getlist("origin")):
            return refused(403, "Web pages may not use this server. Ask from a program.", "origin_not_allowed")
        given = _BEARER.fullmatch(headers.get("authorization", ""))
        # Compared as bytes in constant time, so that the time taken tells nothing of the token.
        if given is None or not hmac.compare_digest(given[1].encode(), self._token):
            sentence = (
                "Send the token as the API key ('Authorization: Bearer ...'). It is FOOTNOTE_TOKEN of the server, or "
                "else was printed when it started."
            )
            return refused(401, sentence, "invalid_api_key", {"WWW-Authenticate": "Bearer"})
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MAX_BODY:
            sentence = f"The request is longer than {MAX_BODY} bytes. Send fewer messages."
            return refused(413, sentence, "request_too_large")
        return None

    def _is_own(self, host: str) -> bool:
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = (match["v6"] or match["name"]).lower()
        if is_loopback(self._host):
            return is_loopback(name)
        # An address as such is nobody's name, so no rebinding comes with one.
        return name in (self._host.lower(), socket.gethostname().lower(), "localhost") or _address(name) is not None


def refused(status: int, message: str, code: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """An error as OpenAI's API words it."""
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return JSONResponse({"error": error}, status, headers)


def is_loopback(host: str) -> bool:
    """Whether the name or address can be reached from this machine only."""
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
