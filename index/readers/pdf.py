"""PDF: the text layer in reading order; pages are its places.

pypdfium2 (Apache-2.0 or BSD-3) because PDFium reads what browsers read, gives every letter's box, and is 20 times
faster than the parsers in Python, in little memory. What is printed and what is meant differ in three ways, and the
text is what is meant: a word parted by a hyphen at a line end is joined; a line that was only wrapped goes on after a
blank; and a line repeated at the head or foot of the pages is kept once, at its first page if it is a header, at its
last if it is a footer, so that it stands in the middle of no sentence.
"""

from __future__ import annotations

import ctypes
import re
import threading
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from index.errors import SourceUnreadable
from index.readers.assembly import Assembly
from index.readers.dates import iso_pdf_date
from index.readers.kinds import kind_of
from index.readers.page_layout import Line, Run, continues, reading_order, rows
from index.types import Extract, Metadata

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage  # type: ignore[import-untyped]

_PDFIUM = threading.Lock()  # PDFium may not be called by two threads at once
_EDGE_ROWS = 3
_FEWEST_REPEATS = 3
_WIDE_GAP = 1.2  # letter heights
_NUMBER = re.compile(r"\d{1,9}")
_MOST_UNTOLD = 0.3
_HYPHENS = "\x02\xad\ufffe"  # how PDFium gives a hyphen at a line end; and the soft hyphen, seen only there
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
_PARTED = re.compile(r"\w-\Z")
_HYPHENATED = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)+")
_FIRST_WORD = re.compile(r"[^\W\d_]+")
_LAST_WORD = re.compile(r"[^\W_]+-\Z")


def read_pdf(data: bytes) -> Extract:
    if b"%PDF-" not in data[:1024]:
        kind = kind_of(data)
        raise SourceUnreadable(
            f"By its contents this is {kind}, not a PDF. Give it the name ending of its kind."
            if kind
            else "The file is no PDF, or is damaged at its beginning. Get it anew from where it comes from."
        )
    with _PDFIUM:
        document = _open(data)
        try:
            return _read(document)
        finally:
            document.close()


def _open(data: bytes) -> PdfDocument:
    from pypdfium2 import PdfDocument, PdfiumError
    from pypdfium2.raw import FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY  # type: ignore[import-untyped]

    try:
        return PdfDocument(data)
    except PdfiumError as error:
        if error.err_code == FPDF_ERR_PASSWORD:
            raise SourceUnreadable(
                "The PDF is locked with a password. Save a copy without one to have it read."
            ) from error
        if error.err_code == FPDF_ERR_SECURITY:
            raise SourceUnreadable("The PDF is locked in a way that is not known. Save a copy without it.") from error
        raise SourceUnreadable("The PDF is damaged. Open it in a PDF program and save it anew.") from error


def _read(document: PdfDocument) -> Extract:
    from pypdfium2 import PdfiumError

    pages: list[list[Run]] = []
    asides: list[list[str]] = []
    textless: list[int] = []
    untold: list[int] = []
    damaged: list[int] = []
    for number in range(1, len(document) + 1):
        runs: list[Run] = []
        turned: list[str] = []
        try:
            page = document[number - 1]
            runs, turned = _runs(page)
            if not runs and _has_objects(page):
                textless.append(number)
            page.close()
        except PdfiumError:
            damaged.append(number)
        letters = "".join(run.text for run in runs)
        if sum(c == "\ufffd" or "\ue000" <= c <= "\uf8ff" for c in letters) > _MOST_UNTOLD * len(letters):
            untold.append(number)
            runs, turned = [], []
        pages.append(runs)
        asides.append(turned)
    notices = [
        *_notice(textless, "no text layer (a scan, perhaps). Run text recognition (OCR) on the file to have it read."),
        *_notice(untold, "letters whose meaning the file does not tell. Run text recognition (OCR) on the file."),
        *_notice(damaged, "damage and could not be read. Open the file in a PDF program and save it anew."),
    ]
    if notices and not any(pages):
        raise SourceUnreadable(" ".join(notices))
    _keep_running_rows_once(pages)
    return _put_together(pages, asides, _metadata(document), notices)


def _notice(numbers: list[int], what: str) -> list[str]:
    if not numbers:
        return []
    if len(numbers) == 1:
        return [f"Page {numbers[0]} has {what}"]
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    named = ", ".join(f"{first}" if first == last else f"{first}–{last}" for first, last in spans)
    return [f"Pages {named} have {what}"]


def _has_objects(page: PdfPage) -> bool:
    from pypdfium2.raw import FPDFPage_CountObjects

    return bool(FPDFPage_CountObjects(page.raw) > 0)


def _runs(page: PdfPage) -> tuple[list[Run], list[str]]:
    """The runs of the page's main direction of writing, and the texts of those that stand in another."""
    from pypdfium2.raw import FS_RECTF, FPDFText_GetCharAngle, FPDFText_GetLooseCharBox, FPDFText_GetUnicode

    textpage = page.get_textpage()
    handle = textpage.raw
    by_turn: dict[int, list[Run]] = {}
    box = FS_RECTF()
    reference = ctypes.byref(box)
    letters: list[str] = []
    turn = 0
    left = right = bottom = top = 0.0  # of the run so far, turned so that it is written from left to right
    blank = False

    def end_run() -> None:
        nonlocal blank
        text = "".join(letters).translate(_LIGATURES).strip()
        letters.clear()
        blank = False
        if text and text[-1] in _HYPHENS:
            text = text[:-1] + "-"
        for hyphen in _HYPHENS:
            text = text.replace(hyphen, "")
        if text:
            by_turn.setdefault(turn, []).append(Run(text, left, right, bottom, top))

    for index in range(textpage.count_chars()):
        code = FPDFText_GetUnicode(handle, index)
        if code in (10, 13):
            end_run()
            continue
        if code in (9, 32):
            blank = True
            continue
        if code == 0 or (code < 32 and code != 2):
            continue
        FPDFText_GetLooseCharBox(handle, index, reference)
        one = _turned(box, turn)
        height = one[3] - one[2]
        if letters:
            middle = (one[2] + one[3]) / 2
            apart = one[0] - right
            if not (bottom <= middle <= top) or apart > 0.9 * max(height, 1.0) or one[0] < left - 0.5 * height:
                end_run()
        if not letters:
            turn = round(FPDFText_GetCharAngle(handle, index) / (3.141592653589793 / 2)) % 4
            left, right, bottom, top = _turned(box, turn)
        elif blank:
            letters.append(" ")
        blank = False
        right = max(right, one[1]) if letters else right
        letters.append(chr(code) if code <= 0x10FFFF else "\ufffd")
    end_run()
    textpage.close()
    if not by_turn:
        return [], []
    main = max(by_turn, key=lambda turn: sum(len(run.text) for run in by_turn[turn]))
    return by_turn.pop(main), [" ".join(run.text for run in runs) for runs in by_turn.values()]


def _turned(box: Any, turn: int) -> tuple[float, float, float, float]:
    """Left, right, bottom and top of a letter's box when the page is turned so that the letter stands upright.

    `turn` counts quarter turns clockwise of the letter.
    """
    if turn == 0:
        return box.left, box.right, box.bottom, box.top
    if turn == 1:
        return -box.top, -box.bottom, box.left, box.right
    if turn == 2:
        return -box.right, -box.left, -box.top, -box.bottom
    return box.bottom, box.top, -box.right, -box.left


def _keep_running_rows_once(pages: list[list[Run]]) -> None:
    """Takes out the rows that are repeated at the head or foot of the pages, apart from the body.

    They are on a third of the pages between the first and the last that has them: chapters have rows of their own, and
    so have left and right pages. The first of a header and the last of a footer
    stay; numbers of pages alone all go.
    """
    full = [number for number, runs in enumerate(pages) if runs]
    if not full:
        return
    middle = (max(run.top for runs in pages for run in runs) + min(run.bottom for runs in pages for run in runs)) / 2
    edges = {number: _edges(pages[number], middle) for number in full}
    for side in (0, 1):
        found: dict[str, list[tuple[int, list[Run]]]] = {}
        for number in full:
            for row in edges[number][side]:
                found.setdefault(_NUMBER.sub("#", _text(row)), []).append((number, row))
        for instances in (same for alike in found.values() for same in _same_but_for_page_numbers(alike)):
            spread = instances[-1][0] - instances[0][0] + 1
            if len(instances) < max(_FEWEST_REPEATS, spread / 3):
                continue
            if any(c.isalpha() for c in _text(instances[0][1])):
                instances.pop(0 if side == 0 else -1)
            for number, row in instances:
                gone = set(map(id, row))
                pages[number] = [run for run in pages[number] if id(run) not in gone]


def _edges(runs: list[Run], middle: float) -> tuple[list[list[Run]], list[list[Run]]]:
    """The rows at the head and at the foot of a page that a wide gap parts from its body.

    `middle` is the height on the page that parts the two.
    """
    all_rows = rows(runs)
    head, foot = 0, len(all_rows)
    for at in range(1, len(all_rows)):
        above, below = all_rows[at - 1][0], all_rows[at][0]
        if above.bottom - below.top > _WIDE_GAP * min(above.height, below.height):
            if at <= _EDGE_ROWS and above.bottom > middle:
                head = at
            if at >= len(all_rows) - _EDGE_ROWS and below.top < middle:
                foot = min(foot, at)
    return all_rows[:head], all_rows[foot:]


def _same_but_for_page_numbers(alike: list[tuple[int, list[Run]]]) -> list[list[tuple[int, list[Run]]]]:
    """Rows that differ in their numbers at most, grouped so that those of a group differ in page numbers only.

    A number is a page's if it differs from the count of the page by as much as on most pages of its kind.
    """
    numbers = [[int(n) for n in _NUMBER.findall(_text(row))] for _, row in alike]
    shifts = [
        Counter(n - page for n, (page, _) in zip(column, alike, strict=True)) for column in zip(*numbers, strict=True)
    ]
    usual = [shift.most_common(1)[0] for shift in shifts]
    groups: dict[tuple[int | None, ...], list[tuple[int, list[Run]]]] = {}
    for own, (page, row) in zip(numbers, alike, strict=True):
        key = tuple(
            None if count >= _FEWEST_REPEATS and n - page == shift else n
            for n, (shift, count) in zip(own, usual, strict=True)
        )
        groups.setdefault(key, []).append((page, row))
    return list(groups.values())


def _text(row: list[Run]) -> str:
    return " ".join(run.text for run in row)


def _put_together(pages: list[list[Run]], asides: list[list[str]], metadata: Metadata, notices: list[str]) -> Extract:
    lines: list[tuple[int, Line]] = []
    for number, (runs, turned) in enumerate(zip(pages, asides, strict=True), 1):
        for line in [*reading_order(runs), *(Line(text, "\n\n") for text in turned)]:
            if lines and lines[-1][0] != number and continues(lines[-1][1].text, line.text):
                line = Line(line.text, " ")
            lines.append((number, line))
    hyphenated = {word.lower() for _, line in lines for word in _HYPHENATED.findall(line.text)}
    assembly = Assembly()
    assembly.notices.extend(notices)
    page, joined = 0, False
    for (number, line), (_, following) in pairwise([*lines, (0, Line("", ""))]):
        if number != page:
            page = number
            assembly.place("page", f"page {number}", number)
        if not joined:
            {" ": assembly.blank, "\n": assembly.line, "\n\n": assembly.paragraph}[line.before]()
        text = line.text
        joined = _PARTED.search(text) is not None and following.before in (" ", "\n") and following.text[:1].isalnum()
        if joined and _is_one_word(text, following.text, hyphenated):
            text = text[:-1]
        assembly.add(text)
    return assembly.extract(metadata)


def _is_one_word(before: str, after: str, hyphenated: set[str]) -> bool:
    """Whether the hyphen at the end of `before` only parts a word, and is not one of its letters.

    It is one of its letters before a capital or a figure, and where the document writes the same word with it
    within a line.
    """
    head, tail = _LAST_WORD.search(before), _FIRST_WORD.match(after)
    if head is None or tail is None or not after[0].islower():
        return False
    return (head[0] + tail[0]).lower() not in hyphenated


def _metadata(document: PdfDocument) -> Metadata:
    fields = document.get_metadata_dict(skip_empty=True)
    return Metadata(
        title=fields.get("Title", "").strip(),
        author=fields.get("Author", "").strip(),
        date=iso_pdf_date(fields.get("CreationDate", "") or fields.get("ModDate", "")),
    )
