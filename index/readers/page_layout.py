"""The runs of letters on a printed page -> its lines in reading order.

A run is letters side by side with no wide gap. Runs on one height make a line, unless a gutter parts them: a strip of
the page that hardly any run crosses, with prose on both sides of it. Runs that do cross it, such as a title over two
columns, part the page into bands that are read one after the other. The rules of thumb (in letter heights, so that
they hold for any size of print) were set by hand on pages of known order; tests/test_readers_pdf.py holds such pages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

_FEWEST_ROWS = 3
_FEWEST_LETTERS = 12
_BIN = 2.0
_BULLET = re.compile(r"[•‣▪●○◦·–—*-]\s|\(?(?:\d{1,3}|[a-z]|[ivx]{1,5})[.)]\s")
_SENTENCE_GOES_ON = re.compile(r"[^.!?:;…。！？\"”’)\]]\Z")


@dataclass(frozen=True, slots=True)
class Run:
    """Letters side by side. The box is in points, y growing upwards; `top - bottom` is the height of the font."""

    text: str
    left: float
    right: float
    bottom: float
    top: float

    @property
    def height(self) -> float:
        return self.top - self.bottom


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text, and what parts it from the one before: a blank, a line end, or an empty line."""

    text: str
    before: str


def rows(runs: list[Run]) -> list[list[Run]]:
    """The runs by height on the page, from the top; each row from left to right."""
    made: list[list[Run]] = []
    for run in sorted(runs, key=lambda run: -(run.bottom + run.top)):
        row = made[-1] if made else []
        if row:
            overlap = min(row[0].top, run.top) - max(row[0].bottom, run.bottom)
            if overlap > 0.5 * min(row[0].height, run.height):
                row.append(run)
                continue
        made.append([run])
    for row in made:
        row.sort(key=lambda run: run.left)
    return made


def reading_order(runs: list[Run]) -> list[Line]:
    """The lines of a page. The first one's `before` says whether it goes on the sentence of an earlier page."""
    lines: list[Line] = []
    for block in _blocks(runs, 0):
        for line in _lines(block):
            if not line.before:
                goes_on = bool(lines) and continues(lines[-1].text, line.text)
                line = Line(line.text, " " if goes_on else "\n\n")
            lines.append(line)
    return lines


def continues(before: str, after: str) -> bool:
    """Whether a sentence seems to run from one block of text into the next."""
    return after[:1].islower() and (before.endswith("-") or _SENTENCE_GOES_ON.search(before) is not None)


def _blocks(runs: list[Run], depth: int) -> list[list[list[Run]]]:
    """The rows of each column of each band, in reading order."""
    gutter = _gutter(runs) if depth < 4 else None
    if gutter is None:
        return [rows(runs)] if runs else []
    left: list[Run] = []
    right: list[Run] = []
    blocks: list[list[list[Run]]] = []
    spanning: list[list[Run]] = []

    def end_band() -> None:
        for column in (left, right):
            blocks.extend(_blocks(column, depth + 1))
            column.clear()

    for row in rows(runs):
        if any(run.left < gutter < run.right for run in row):
            if left or right:
                end_band()
            spanning.append(row)
            continue
        if spanning:
            blocks.append(spanning)
            spanning = []
        for run in row:
            (left if run.right <= gutter else right).append(run)
    end_band()
    if spanning:
        blocks.append(spanning)
    return blocks


def _gutter(runs: list[Run]) -> float | None:
    """The x in the middle of the strip between two columns of prose; None where there is none."""
    if len(runs) < 2 * _FEWEST_ROWS:
        return None
    height = median(run.height for run in runs)
    start, end = min(run.left for run in runs), max(run.right for run in runs)
    bins = int((end - start) / _BIN) + 2
    change = [0] * (bins + 1)
    for run in runs:
        change[int((run.left - start) / _BIN)] += 1
        change[int((run.right - start) / _BIN) + 1] -= 1
    crossing, at = [], 0
    for step in change[:bins]:
        at += step
        crossing.append(at)
    for most in (0, len(runs) // 12, len(runs) // 6):  # a clear strip first, then one that titles cross
        strips: list[tuple[float, float]] = []
        first: int | None = None
        for place, count in enumerate(crossing):
            if count <= most:
                first = place if first is None else first
            elif first is not None:
                strips.append((start + first * _BIN, start + place * _BIN))
                first = None
        for left, right in sorted(strips, key=lambda strip: strip[0] - strip[1]):
            middle = (left + right) / 2
            if right - left >= 0.5 * height and _is_prose(runs, middle, -1) and _is_prose(runs, middle, 1):
                return middle
    return None


def _is_prose(runs: list[Run], gutter: float, side: int) -> bool:
    """Whether the runs on a side of the strip are lines of prose, and not the cells of a table."""
    column = [run for run in runs if (run.right <= gutter if side < 0 else run.left >= gutter)]
    lines = rows(column)
    if len(lines) < _FEWEST_ROWS:
        return False
    width = max(run.right for run in column) - min(run.left for run in column)
    widths = [row[-1].right - row[0].left for row in lines]
    letters = [sum(len(run.text) for run in row) for row in lines]
    return median(letters) >= _FEWEST_LETTERS and median(widths) >= 0.5 * width


def _lines(block: list[list[Run]]) -> list[Line]:
    """The lines of a block; the first one's `before` is left empty."""
    left = min(row[0].left for row in block)
    right = max(row[-1].right for row in block)
    pitches = [above[0].bottom - below[0].bottom for above, below in pairwise(block)]
    pitch = median(pitches) if pitches else 0.0
    lines: list[Line] = []
    for at, row in enumerate(block):
        text = " ".join(run.text for run in row)
        before = "" if at == 0 else _break(block[at - 1], row, left, right, pitch)
        lines.append(Line(text, before))
    return lines


def _break(above: list[Run], below: list[Run], left: float, right: float, pitch: float) -> str:
    height = below[0].height
    if above[0].bottom - below[0].bottom > 1.4 * pitch or not 0.85 < above[0].height / height < 1.18:
        return "\n\n"
    if _BULLET.match(below[0].text) or below[0].left - left > height > above[0].left - left:
        return "\n"
    if len(above) > 1 or len(below) > 1:
        return "\n"  # cells of a table
    # A line that had room for the next word was ended on purpose; one that had none was only wrapped.
    first = below[0]
    word = first.text.partition(" ")[0]
    needed = 1.3 * (first.right - first.left) * len(word) / len(first.text) + 0.3 * height  # some letters are wide
    return "\n" if above[-1].right + needed < right else " "
