"""Plain text: the text is the decoded bytes, so every offset is exact to the file."""

from __future__ import annotations

from index.readers.decoding import decode
from index.types import Extract


def read_plain(data: bytes) -> Extract:
    decoded = decode(data)
    return Extract(decoded.text, notices=decoded.notices)
