"""reStructuredText: the text is the raw source; section titles are its places.

Titles and the field list at the head are found by the rules of the reStructuredText specification ("Sections",
"Bibliographic Fields"). docutils is not used: it would carry out directives such as `include`.
"""

from __future__ import annotations

import re

from index.readers.dates import iso_date
from index.readers.decoding import decode
from index.readers.headings import Outline
from index.readers.lines import lines_of
from index.types import Extract, Metadata, Place

_RULE = re.compile(r"([!-/:-@\[-`{-~])\1*\s*\Z")
_FIELD = re.compile(r":(title|author|authors|date):[ \t]+(.+?)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


def read_restructured(data: bytes) -> Extract:
    decoded = decode(data)
    text = decoded.text
    outline = Outline()
    levels: list[str] = []
    places: list[Place] = []
    title = ""
    before, before_start = "", 0  # the line above the title, which may be its overline
    above, above_start = (
        "",
        0,
    )  # the line that is the title, if the one below it underlines it
    for start, written in lines_of(text):
        line = written.rstrip()
        if _is_rule(line) and above.strip() and not _is_rule(above) and len(line) >= len(above.rstrip()):
            over = before == line
            if over or above[0] not in " \t":
                style = line[0] * (2 if over else 1)
                if style not in levels:
                    levels.append(style)
                title = title or above.strip()
                label = outline.enter(levels.index(style) + 1, above)
                places.append(Place(before_start if over else above_start, "heading", label))
        before, before_start = above, above_start
        above, above_start = line, start
    fields = {field[1].lower(): field[2] for field in _FIELD.finditer(text[:4096])}
    metadata = Metadata(
        title=fields.get("title", title),
        author=fields.get("author", fields.get("authors", "")),
        date=iso_date(fields.get("date", "")),
    )
    return Extract(text, tuple(places), metadata, decoded.notices)


def _is_rule(line: str) -> bool:
    return len(line) > 1 and _RULE.match(line) is not None
