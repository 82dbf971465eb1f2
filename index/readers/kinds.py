"""What a file is by its first bytes, for saying so when its name says otherwise.

The signatures are those of the formats' own specifications, as the `file` command and RFC 8118, RFC 1952 and others
give them.
"""

from __future__ import annotations

import re

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "a PDF"),
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF87a", "a GIF picture"),
    (b"GIF89a", "a GIF picture"),
    (b"PK\x03\x04", "a zip archive or an Office or EPUB document"),
    (b"PK\x05\x06", "an empty zip archive"),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "an Office document of the old kind, or one locked with a password",
    ),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"{\\rtf", "an RTF document"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\x00", "a SQLite database"),
)
_HTML = re.compile(
    rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)


def kind_of(data: bytes) -> str:
    """What the first bytes show the file to be, with its article ("a PDF"); empty where they show nothing."""
    for signature, kind in _SIGNATURES:
        if data.startswith(signature):
            return kind
    if _HTML.match(data[:2048].removeprefix(b"\xef\xbb\xbf")):
        return "a web page (HTML)"
    return ""
