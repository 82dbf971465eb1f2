"""What a document is called, for search. Pure."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from index.types import Metadata

_LONGEST = 200
_NOT_A_TITLE = tuple(".!?;:,\"'”’")
_FIRST_LINES = re.compile(r"\s*(?:#+\s*)?([^\r\n]+?)\s*[\r\n]+\s*\S")


def title_of(text: str, metadata: Metadata) -> str:
    """The title the file gives, else its first line where that looks like a heading, else nothing."""
    if metadata.title:
        return metadata.title
    first = _FIRST_LINES.match(text[: 4 * _LONGEST])
    if first and len(first[1]) <= _LONGEST and not first[1].endswith(_NOT_A_TITLE):
        return first[1]
    return ""


def name_words(source: str) -> str:
    """The words of a file's name without its ending; nothing for a name without any, such as a number."""
    words = re.sub(r"[\W_]+", " ", PurePosixPath(source).stem).strip()
    return words if re.search(r"[^\W\d_]{3}", words) else ""
