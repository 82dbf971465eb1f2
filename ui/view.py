"""What is shown, as plain data: answers, sources and documents turned into what the page's parts draw. Pure."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from assistant.citing import NOT_FOUND
from assistant.grid import Grid
from assistant.history import Conversation, Rating
from assistant.types import (
    Answer,
    Citation,
    Document,
    FileStatus,
    Mode,
    PagePicture,
    Progress,
    Sentence,
    State,
    Support,
)
from ui.markup import plain

NOT_MARKED = "The words are on this page, but were not found in one certain spot; under Text they are marked."
CHANGED = "source has changed since"
GONE = "source no longer present"

CONTEXT = 6000
"""Characters of a document shown before and after the cited words, until more are asked for."""

PREVIEWED = 400
"""Characters of the cited words that a footnote shows before it is opened."""

NOTE_LENGTH = 2000
"""Characters of a note on an answer that are kept."""

YEARS_SHOWN, CHARTED = 30, 12
"""Years that a chart shows before it goes by decades; conversations, and sources of each, that are charted."""

FILES_SHOWN = 300
"""Files named in one group of the list of documents; the rest are counted."""

_SIGNS = {
    Support.QUOTED: ("❝", "quoted word for word"),
    Support.SUPPORTED: ("●", "seems supported by its source"),
    Support.PARTLY: ("◐", "seems only partly supported"),
    Support.UNSUPPORTED: ("○", "no support found in the documents"),
}
_GROUPS = (
    (State.UNREADABLE, "Could not be read"),
    (State.INDEXED, "Can be asked"),
    (State.SKIPPED, "Skipped"),
)


_STATES = dict(_GROUPS)
_KINDS = {
    ".txt": "Text",
    ".text": "Text",
    ".log": "Text",
    ".md": "Markdown",
    ".markdown": "Markdown",
    ".htm": "HTML",
    ".xhtml": "HTML",
    ".docx": "Word",
    ".odt": "OpenDocument",
    ".pptx": "Slides",
    ".xlsx": "Workbook",
    ".xlsm": "Workbook",
    ".csv": "Table",
    ".tsv": "Table",
    ".epub": "Book",
    ".srt": "Transcript",
    ".vtt": "Transcript",
    ".eml": "Mail",
    ".mbox": "Mail",
}

# Places that the text itself does not name.
_LABELLED = frozenset({"page", "slide", "time", "message"})

BY_NAME, BY_NEED, BY_DATE, BY_SIZE = "Name", "What needs a look", "Newest", "Largest"
ORDERS = (BY_NAME, BY_NEED, BY_DATE, BY_SIZE)


@dataclass(frozen=True, slots=True)
class Opened:
    """The footnote whose source is open: the `at`-th of the turn's citations, or of its closest passages."""

    turn: int
    closest: bool
    at: int

    def among(self, answer: Answer) -> tuple[Citation, ...]:
        """The citations that previous and next walk through."""
        return answer.closest if self.closest else answer.citations


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A place in a document that is open without a footnote leading there; `end` is 0 for the document as a whole."""

    source: str
    start: int = 0
    end: int = 0


def where(citation: Citation) -> str:
    """The place in its source, for people: a page, time or heading, else the lines."""
    if citation.place:
        return plain(citation.place)
    if citation.last_line > citation.line:
        return f"lines {citation.line}–{citation.last_line}"
    return f"line {citation.line}"


def turn(
    question: str,
    answer: Answer | None,
    *,
    writing: bool,
    aged: Callable[[Citation], str],
    opened: Opened | None,
    rating: Rating | None = None,
    copied: str = "",
) -> dict[str, Any]:
    """A question and its answer, the same way whether it is being written, complete, or read back.

    `aged` gives CHANGED, GONE or nothing for a citation. `copied` is what is put on the clipboard.
    """
    drawn: dict[str, Any] = {
        "question": question,
        "asked": f"Asked of documents {plain(str(answer.scope))}" if answer and not answer.scope.is_everything else "",
        "writing": writing,
        "blocks": [],
        "actions": None if writing else _actions(answer, rating, copied),
    }
    if answer is None:
        return drawn
    at = {citation.number: index for index, citation in enumerate(answer.citations)}
    blocks = drawn["blocks"]
    blocks += [_sentence(sentence, answer.mode, at, opened) for sentence in answer.sentences]
    if writing and answer.pending:
        blocks.append({"kind": "pending", "text": answer.pending})
    if answer.complete and not answer.found:
        blocks.append({"kind": "plain", "text": NOT_FOUND})
    if answer.closest:
        blocks.append({"kind": "heading", "text": "Closest passages"})
        blocks.append({"kind": "closest", "items": _listed(answer.closest, True, aged, opened)})
    if answer.citations and not writing:
        signs = {sentence.support for sentence in answer.sentences}
        blocks.append({"kind": "sources", "items": _listed(answer.citations, False, aged, opened)})
        blocks.append({"kind": "legend", "items": [_sign(support) for support in Support if support in signs]})
    return drawn


def source(
    citation: Citation, document: Document | None, age: str, *, closest: bool = False, context: int = CONTEXT
) -> dict[str, Any]:
    """The document around the cited words; the words alone when the version they were cited from is gone."""
    drawn = _source_head(citation, document, age, closest) | {
        "before": "",
        "after": "",
        "earlier": 0,
        "later": 0,
        "labels": [],
    }
    if drawn["note"] or document is None:
        return drawn
    first = max(0, citation.start - context)
    last = min(len(document.text), citation.end + context)
    drawn["before"] = document.text[first : citation.start]
    drawn["after"] = document.text[citation.end : last]
    drawn["earlier"] = first
    drawn["later"] = len(document.text) - last
    drawn["labels"] = [
        {"at": _utf16(document.text[first : place.start]), "kind": place.kind, "label": plain(place.label)}
        for place in document.places
        if place.kind in _LABELLED and first <= place.start < last
    ]
    return drawn


def pages(
    citation: Citation, document: Document, pictures: Iterable[PagePicture], *, closest: bool = False
) -> dict[str, Any]:
    """The pages that a citation touches, with its words marked where they were found."""
    drawn = _source_head(citation, document, "", closest)
    drawn["pages"] = [
        {
            "png": base64.b64encode(picture.png).decode("ascii"),
            "name": f"Page {picture.number} of {plain(document.source)}",
            "width": picture.width,
            "height": picture.height,
            "boxes": [[round(100 * share, 3) for share in box] for box in picture.boxes],
        }
        for picture in pictures
    ]
    if citation.quote and not all(page["boxes"] for page in drawn["pages"]):
        drawn["note"] = NOT_MARKED
    return drawn


def table(citation: Citation, document: Document, found: Grid, *, closest: bool = False) -> dict[str, Any]:
    """The rows around the cited words, in columns."""
    drawn = _source_head(citation, document, "", closest)
    drawn["table"] = {
        "columns": list(found.columns),
        "earlier": found.earlier,
        "later": found.later,
        "rows": [
            {
                "name": plain(row.name),
                "cited": bool(citation.quote) and row.cited,
                "cells": [
                    {"text": cell, "cited": bool(citation.quote and row.cited and cell and cell in citation.quote)}
                    for cell in row.cells
                ],
            }
            for row in found.rows
        ],
    }
    return drawn


def _source_head(citation: Citation, document: Document | None, age: str, closest: bool) -> dict[str, Any]:
    called = f"{'passage' if closest else 'footnote'} {citation.number}" if citation.number else ""
    moved = age or document is None or document.text[citation.start : citation.end] != citation.quote
    about = [where(citation) if citation.quote else "", plain(citation.metadata.day), called]
    return {
        "name": plain(citation.source),
        "title": plain(citation.metadata.title),
        "where": " · ".join(filter(None, about)),
        "quote": citation.quote,
        "note": f"The {age or CHANGED}. These are the words as they were cited." if moved else "",
        "also": [plain(name) for name in citation.also_in],
        "identity": [citation.passage_id, citation.content_hash, citation.start, citation.end, citation.number],
    }


def _utf16(text: str) -> int:
    """The length of a text as scripts in the page count it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def documents(files: Iterable[FileStatus]) -> list[dict[str, Any]]:
    """The files of the folder by what became of them, those that need a look first."""
    by_state: dict[State, list[FileStatus]] = {}
    for file in files:
        by_state.setdefault(file.state, []).append(file)
    groups = []
    for state, title in _GROUPS:
        if members := sorted(by_state.get(state, ()), key=lambda file: (not file.reason, file.source)):
            groups.append(
                {
                    "state": state.value,
                    "title": f"{title} ({len(members)})",
                    "open": state is not State.SKIPPED,
                    "files": [
                        {"name": plain(file.source), "reason": plain(file.reason)} for file in members[:FILES_SHOWN]
                    ],
                    "more": max(0, len(members) - FILES_SHOWN),
                }
            )
    return groups


def listing(files: Iterable[FileStatus], wanted: str, order: str, *, editable: bool = True) -> dict[str, Any]:
    """The files whose name holds the words, in one of ORDERS, as rows of a table."""
    words = wanted.casefold().split()
    rows = [file for file in files if all(word in file.source.casefold() for word in words)]
    rows.sort(key=_order(order))
    return {
        "files": [
            {
                "source": file.source,
                "name": plain(file.source),
                "kind": kind(file.source),
                "size": size(file.size),
                "date": plain(file.metadata.day),
                "state": file.state.value,
                "words": _STATES[file.state],
                "reason": plain(file.reason),
            }
            for file in rows[:FILES_SHOWN]
        ],
        "more": max(0, len(rows) - FILES_SHOWN),
        "editable": editable,
    }


def _order(order: str) -> Callable[[FileStatus], Any]:
    if order == BY_NEED:
        states = [state for state, _ in _GROUPS]
        return lambda file: (states.index(file.state), not file.reason, file.source)
    if order == BY_SIZE:
        return lambda file: (-file.size, file.source)
    if order == BY_DATE:
        return lambda file: (not file.metadata.date, [-ord(letter) for letter in file.metadata.date], file.source)
    return lambda file: file.source.casefold()


def collection(
    files: Iterable[FileStatus], conversations: Iterable[Conversation], cited: Mapping[str, Mapping[str, int]]
) -> list[dict[str, Any]]:
    """Charts of the collection: its documents over time, and what each conversation cited."""
    dates = [plain(file.metadata.day) for file in files if file.content_hash]
    years = Counter(date[:4] for date in dates if date[:4].isdigit())
    if len(years) > YEARS_SHOWN:
        decades: Counter[str] = Counter()
        for year, count in years.items():
            decades[f"{year[:3]}0s"] += count
        years = decades
    charts = []
    if years:
        undated = len(dates) - sum(years.values())
        note = f"{_count(undated, 'document')} without a date of its own" if undated == 1 else ""
        note = note or (f"{_count(undated, 'document')} without a date of their own" if undated else "")
        charts.append(_chart("Documents by the date they give", sorted(years.items()), note))
    for conversation in list(conversations)[:CHARTED]:
        if counts := cited.get(conversation.id):
            bars = [(plain(source), count) for source, count in list(counts.items())[:CHARTED]]
            charts.append(_chart(f"Cited in “{clipped(conversation.title, 60)}”", bars, ""))
    return charts


def _chart(title: str, bars: Iterable[tuple[str, int]], note: str) -> dict[str, Any]:
    bars = list(bars)
    most = max(count for _, count in bars)
    return {
        "title": title,
        "bars": [{"name": name, "count": count, "share": round(100 * count / most, 1)} for name, count in bars],
        "note": note,
    }


def hits(found: Iterable[Citation]) -> list[dict[str, Any]]:
    """Sentences found in the documents, each with its place."""
    return [{"source": plain(one.source), "where": where(one), "quote": clipped(one.quote, PREVIEWED)} for one in found]


def kind(source: str) -> str:
    """What a file is by the ending of its name, in a word."""
    ending = PurePosixPath(source).suffix.lower()
    return _KINDS.get(ending, ending.removeprefix(".").upper())


def size(count: int) -> str:
    """A number of bytes, for people."""
    if count < 1000:
        return _count(count, "byte")
    for unit in ("KB", "MB"):
        count_in = count / (1000 if unit == "KB" else 1_000_000)
        if count_in < 1000:
            return f"{count_in:.1f} {unit}" if count_in < 10 else f"{count_in:.0f} {unit}"
    return f"{count / 1e9:.1f} GB"


def day(seconds: float) -> str:
    """The local day of a moment."""
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d")


def progress(made: Progress | None) -> tuple[float, str]:
    """How full the bar is, from 0 to 1, and the words on it."""
    if made is None:
        return 0.0, "Looking through the folder"
    if made.passages_total:
        share = made.passages_done / made.passages_total
    else:
        share = made.files_done / made.files_total if made.files_total else 0.0
    words = f"{made.stage.capitalize()}: {made.files_done} of {_count(made.files_total, 'file')}"
    if made.seconds_left is not None:
        words += f", about {_duration(made.seconds_left)} left"
    return min(1.0, max(0.0, share)), words


def gone(count: int) -> str:
    """What is said when more than half of the documents went at once."""
    return (
        f"{_count(count, 'document')}, more than half of all, went from the folder at once. If a drive is not mounted, "
        "mount it: they come back as they were. No answer rests on them meanwhile."
    )


def readable(files: Iterable[FileStatus]) -> str:
    """How many documents can be asked, in words."""
    return _count(sum(file.state is State.INDEXED for file in files), "document")


def clipped(text: str, length: int) -> str:
    """The beginning of a text, as one line."""
    line = plain(text)
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def file_name(title: str) -> str:
    """A name for a file, without its ending, that any system takes."""
    words = "".join(letter if letter.isalnum() or letter in "-_" else " " for letter in title).split()
    return "-".join(words)[:60] or "conversation"


def _actions(answer: Answer | None, rating: Rating | None, copied: str) -> dict[str, Any]:
    return {
        "copied": copied,
        "rateable": answer is not None and answer.complete,
        "rated": "" if rating is None else "good" if rating.good else "bad",
        "note": rating.note if rating else "",
    }


def _sentence(sentence: Sentence, mode: Mode, at: dict[int, int], opened: Opened | None) -> dict[str, Any]:
    sign = _sign(sentence.support)
    return {
        "kind": "sentence",
        "quote": mode is Mode.QUOTE,
        "begins": sentence.starts_paragraph,
        "text": sentence.text,
        "chips": [
            {
                "number": citation.number,
                "at": at[citation.number],
                "name": f"Footnote {citation.number}: {plain(citation.source)}, {where(citation)}",
                "open": _is_open(opened, False, at[citation.number]),
                "preview": _preview(citation),
            }
            for citation in sentence.citations
        ],
        "sign": sign,
        "note": sentence.note,
        # What is in doubt says so in words where it stands; what is not needs no more than its sign.
        "spoken": sentence.support in (Support.PARTLY, Support.UNSUPPORTED),
    }


def _preview(citation: Citation) -> dict[str, str]:
    quote, day = citation.quote, plain(citation.metadata.day)
    return {
        "source": plain(citation.source),
        "where": where(citation) + (f" · dated {day}" if day else ""),
        "quote": quote if len(quote) <= PREVIEWED else quote[: PREVIEWED - 1] + "…",
    }


def _listed(
    citations: Iterable[Citation], closest: bool, aged: Callable[[Citation], str], opened: Opened | None
) -> list[dict[str, Any]]:
    return [
        {
            "number": citation.number,
            "at": at,
            "closest": closest,
            "source": plain(citation.source),
            "where": where(citation),
            "quote": citation.quote if closest else "",
            "aged": aged(citation),
            "open": _is_open(opened, closest, at),
        }
        for at, citation in enumerate(citations)
    ]


def _sign(support: Support) -> dict[str, str]:
    glyph, words = _SIGNS[support]
    return {"support": support.value, "glyph": glyph, "words": words}


def _is_open(opened: Opened | None, closest: bool, at: int) -> bool:
    return opened is not None and (opened.closest, opened.at) == (closest, at)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{round(seconds / 3600)} h"
