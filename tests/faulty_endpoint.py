"""An endpoint that misbehaves on purpose, for the faults that a real server cannot be made to show."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

JSON = "application/json"
EVENTS = "text/event-stream"


@dataclass
class Reply:
    """What is sent for one request. `then` runs when the body has been sent and the connection is still open."""

    body: bytes | str | object = b""
    status: int = 200
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
    then: Callable[[], object] | None = None

    @property
    def payload(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


@dataclass
class FaultyEndpoint:
    """`replies` are given one after the other to chat requests, the last one for ever; `models` to GET /models."""

    base_url: str
    replies: list[Reply]
    models: Reply
    requests: list[dict[str, object]] = field(default_factory=list)


@contextmanager
def faulty_endpoint(*replies: Reply, models: Reply | None = None) -> Iterator[FaultyEndpoint]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            endpoint.requests.append(json.loads(body))
            self._send(endpoint.replies[min(len(endpoint.requests), len(endpoint.replies)) - 1])

        def do_GET(self) -> None:
            self._send(endpoint.models)

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.content_type)
            # No length: the connection's end ends the body, in order, wherever that is.
            self.send_header("Connection", "close")
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.payload)
            self.wfile.flush()
            if reply.then is not None:
                reply.then()

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    endpoint = FaultyEndpoint(f"http://127.0.0.1:{server.server_port}/v1", list(replies), models or Reply({"data": []}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()


def events(*chunks: object, done: bool = True) -> Reply:
    """A stream of these chunks as server-sent events."""
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return Reply("".join(lines) + ("data: [DONE]\n\n" if done else ""), content_type=EVENTS)


def delta(content: object, finish: str | None = None, **other: object) -> dict[str, object]:
    """A chunk of a stream that carries this content."""
    return {"choices": [{"index": 0, "delta": {"content": content, **other}, "finish_reason": finish}]}


def message(content: object, finish: str = "stop", **other: object) -> dict[str, object]:
    """A whole answer that carries this content."""
    return {"choices": [{"index": 0, "message": {"content": content, **other}, "finish_reason": finish}]}
