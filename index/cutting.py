"""Where a text may be cut that has no better border: at a line end, else at white space, else between characters as
people see them. Pure."""

from __future__ import annotations

import unicodedata

import regex

# An extended grapheme cluster (Unicode Standard Annex 29): a letter with its marks, a flag, a family of emoji, CRLF.
_CLUSTER = regex.compile(r"\X")


def cut_point(text: str, start: int, latest: int, end: int) -> int:
    """The best offset in (start, latest] to cut `text[start:end]` at. Beyond `latest`, up to `end`, only where all of
    it is drawn as one character."""
    floor = start + (latest - start) // 2
    newline = max(text.rfind("\n", floor, latest), text.rfind("\r", floor, latest))
    if newline >= 0 and text[newline : newline + 2] != "\r\n":
        return newline + 1
    for at in range(latest, floor, -1):
        if text[at - 1].isspace() and not _joins(text[at - 1], text[at]):
            return at
    if text[start : latest + 1].isascii():
        return latest if text[latest - 1 : latest + 1] != "\r\n" else latest - 1 if latest - 1 > start else latest + 1
    at = start
    for cluster in _CLUSTER.finditer(text, start, end):
        if cluster.end() > latest:
            return at if at > start else cluster.end()
        at = cluster.end()
    return at


def _joins(before: str, after: str) -> bool:
    """Whether `after` is drawn on the white space `before`, or ends the line end that it begins."""
    return after == "\u200d" or unicodedata.category(after)[0] == "M" or (before == "\r" and after == "\n")
