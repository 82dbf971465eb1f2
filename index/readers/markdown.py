"""Markdown: the text is the raw source, so every offset is exact to the file; headings are its places.

markdown-it-py (MIT) because it follows CommonMark and tells the line of every block; PyYAML (MIT) for front matter.
"""

from __future__ import annotations

import re
from itertools import pairwise

from index.readers.dates import iso_date
from index.readers.decoding import decode
from index.readers.headings import Outline
from index.types import Extract, Metadata, Place

_FRONT = re.compile(r"---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*\r?(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_FRONT_LONGEST = 65536
# Parsing takes about 0.15 s and 10 MB for each megabyte; a file beyond this is no hand-written page.
_LONGEST_PARSED = 16 * 1024 * 1024


def read_markdown(data: bytes) -> Extract:
    decoded = decode(data)
    text, notices = decoded.text, decoded.notices
    front = _FRONT.match(text, 0, _FRONT_LONGEST)
    metadata = _front_matter(front[1]) if front else Metadata()
    if len(text) > _LONGEST_PARSED:
        return Extract(
            text,
            (),
            metadata,
            (*notices, "The file is too long for its headings to be looked up."),
        )
    return Extract(text, _headings(text, front.end() if front else 0), metadata, notices)


def _headings(text: str, start: int) -> tuple[Place, ...]:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark").disable("inline")  # headings need no more than blocks
    starts = [
        start,
        *(found.end() for found in re.compile(r"\r\n|\r|\n").finditer(text, start)),
    ]
    inline = MarkdownIt("commonmark")
    outline = Outline()
    places: list[Place] = []
    tokens = parser.parse(text[start:])
    for token, content in pairwise(tokens):
        if token.type == "heading_open" and token.map:
            parts = inline.parseInline(content.content)[0].children or []
            title = "".join(" " if p.type in ("softbreak", "hardbreak") else p.content for p in parts)
            label = outline.enter(int(token.tag[1:]), title)
            if label:
                places.append(Place(starts[token.map[0]], "heading", label))
    return tuple(places)


def _front_matter(source: str) -> Metadata:
    import yaml

    try:
        # BaseLoader makes strings, lists and dicts only: nothing in the file can name a type to be built.
        fields = yaml.load(source, Loader=yaml.BaseLoader)
    except yaml.YAMLError:
        return Metadata()
    if not isinstance(fields, dict):
        return Metadata()
    lower = {str(key).lower(): value for key, value in fields.items()}
    author = lower.get("author") or lower.get("authors") or ""
    if isinstance(author, list):
        author = ", ".join(name for name in author if isinstance(name, str))
    title, date = lower.get("title", ""), lower.get("date", "")
    return Metadata(
        title=title if isinstance(title, str) else "",
        author=author if isinstance(author, str) else "",
        date=iso_date(date) if isinstance(date, str) else "",
    )
