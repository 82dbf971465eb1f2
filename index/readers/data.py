"""JSON and lines of JSON: the text is the decoded bytes, so offsets are exact to the file.

Places are the values of the two outer levels of a JSON document ("tenants[2] > name"), and the lines of a .jsonl file.
The json module of the standard library says whether a document is sound, and where its strings and numbers end.
"""

from __future__ import annotations

import json
import re
from array import array

from index.readers.decoding import decode
from index.readers.lines import MOST_PLACES, lines_of, row_places
from index.types import Extract, Place

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)


def read_json(data: bytes) -> Extract:
    decoded = decode(data)
    text = decoded.text
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
        return Extract(text, notices=(*decoded.notices, f"This is no sound JSON ({reason}); it is read as plain text."))
    return Extract(text, _outer_places(text), notices=decoded.notices)


def read_json_lines(data: bytes) -> Extract:
    decoded = decode(data)
    starts, numbers = array("q"), array("q")
    for number, (start, line) in enumerate(lines_of(decoded.text), 1):
        if not line.isspace():
            starts.append(start)
            numbers.append(number)
    return Extract(decoded.text, row_places(starts, numbers, "line"), notices=decoded.notices)


def _outer_places(text: str) -> tuple[Place, ...]:
    """The places of as many of the outer levels as give no more than are kept."""
    for depth in (2, 1):
        places = _places(text, depth)
        if len(places) <= MOST_PLACES:
            return tuple(places)
    return ()


def _places(text: str, depth: int) -> list[Place]:
    """The members of the outer levels, `depth` of them, each from its key, or from its value in a list.

    Stops one beyond the most that are kept.
    """
    places: list[Place] = []
    path: list[str | int] = []  # the key or index reached in each open object or list
    in_list: list[bool] = []
    value_next = True  # whether the next string is a value, and not a key
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark == ",":
            if in_list[-1]:
                path[-1] = int(path[-1]) + 1
            value_next = in_list[-1]
            continue
        if mark == ":":
            value_next = True
            continue
        if mark in "}]":
            path.pop()
            in_list.pop()
            continue
        if path and len(path) <= depth and len(places) <= MOST_PLACES:
            if not value_next:
                path[-1] = json.loads(mark)
                places.append(Place(token.start(), "section", _label(path, in_list)))
            elif in_list[-1] and (not places or places[-1].start != token.start()):
                places.append(Place(token.start(), "section", _label(path, in_list)))
        if mark in "{[":
            path.append(0 if mark == "[" else "")
            in_list.append(mark == "[")
            value_next = mark == "["
    return places


def _label(path: list[str | int], in_list: list[bool]) -> str:
    """Keys with " > " between them, and positions in lists in brackets, counted from 1."""
    label = ""
    for step, listed in zip(path, in_list, strict=True):
        if listed:
            label += f"[{int(step) + 1}]"
        else:
            label += f" > {step}" if label else str(step)
    return label
