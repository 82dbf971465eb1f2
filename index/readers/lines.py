"""Where the lines of a text begin, by the line ends that files have: CRLF, LF or a lone CR."""

from __future__ import annotations

import re
from collections.abc import Iterator

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")


def lines_of(text: str) -> Iterator[tuple[int, str]]:
    """The lines with the offset each begins at; each keeps its line end."""
    for found in _LINE.finditer(text):
        yield found.start(), found[0]
