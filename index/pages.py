"""A page of a PDF as a picture, and where on it words stand.

Drawn in a process of its own with bounds on time and memory, since a PDF may be made to harm the program that draws it.
What is printed and what was read differ in blanks, in hyphens at line ends and in ligatures (see readers/pdf.py), so
words are looked for without those. They are told only where there is no doubt which ones are meant.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from index.errors import SourceUnreadable
from index.processes import command_of

_SECONDS = 20
_MEMORY = 1 << 30  # bytes
_WIDTH, _HEIGHT = 1100, 2200  # the most that a picture measures, in pixels
_LARGEST_SCALE = 3.0
_DROPPED = "-‐‑\xad\ufffe"
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, as shares of the picture's width and height from its upper left corner."""


@dataclass(frozen=True, slots=True)
class PagePicture:
    """A page, counted from 1, as a PNG. `boxes` are the lines of the words looked for; empty where they were not found,
    or could be several."""

    number: int
    png: bytes
    width: int
    height: int
    boxes: tuple[Box, ...]


def picture(data: bytes, number: int, before: str, words: str, after: str) -> PagePicture:
    """The page of a PDF with `words`, which the page's text holds between `before` and `after`. Raises SourceUnreadable."""
    wanted = flat(words)
    earlier = _occurrences(flat(before + words), wanted)[:-1]
    all_of_them = _occurrences(flat(before + words + after), wanted)
    request = {"page": number, "words": wanted, "which": len(earlier), "of": len(all_of_them)}
    try:
        ended = subprocess.run(
            command_of("index.pages"),
            input=json.dumps(request).encode() + b"\n" + data,
            capture_output=True,
            timeout=_SECONDS,
            check=True,
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as fault:
        raise SourceUnreadable("The page cannot be drawn. Open the original to see it.") from fault
    about, _, png = ended.stdout.partition(b"\n")
    told: dict[str, Any] = json.loads(about)
    boxes = tuple((box[0], box[1], box[2], box[3]) for box in told["boxes"])
    return PagePicture(number, png, told["width"], told["height"], boxes)


def flat(text: str) -> str:
    """The text without what print and reading differ in."""
    return "".join(letter for letter in text.translate(_LIGATURES) if not _is_dropped(letter))


def _is_dropped(letter: str) -> bool:
    return letter.isspace() or letter in _DROPPED or ord(letter) < 32


def _occurrences(text: str, wanted: str) -> list[int]:
    found: list[int] = []
    at = text.find(wanted) if wanted else -1
    while at >= 0:
        found.append(at)
        at = text.find(wanted, at + 1)
    return found


def _draw(request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    from pypdfium2 import PdfDocument  # type: ignore[import-untyped]

    page = PdfDocument(data)[request["page"] - 1]
    width, height = page.get_size()
    bitmap = page.render(scale=min(_LARGEST_SCALE, _WIDTH / width, _HEIGHT / height))
    png = io.BytesIO()
    bitmap.to_pil().save(png, "PNG")
    conversion = bitmap.get_posconv(page)
    boxes = _boxes(page, request["words"], request["which"], request["of"])
    shares = []
    for left, bottom, right, top in boxes:
        (x1, y1), (x2, y2) = conversion.to_bitmap(left, bottom), conversion.to_bitmap(right, top)
        shares.append(
            [
                min(x1, x2) / bitmap.width,
                min(y1, y2) / bitmap.height,
                max(x1, x2) / bitmap.width,
                max(y1, y2) / bitmap.height,
            ]
        )
    return {"width": bitmap.width, "height": bitmap.height, "boxes": shares}, png.getvalue()


def _boxes(page: Any, wanted: str, which: int, of: int) -> list[Box]:
    """The lines of the words in points of the page: left, bottom, right, top."""
    from pypdfium2.raw import FPDFText_GetUnicode  # type: ignore[import-untyped]

    textpage = page.get_textpage()
    letters: list[tuple[str, int]] = []
    for index in range(textpage.count_chars()):
        code = FPDFText_GetUnicode(textpage.raw, index)
        letters += [(letter, index) for letter in flat(chr(code) if code <= 0x10FFFF else "\ufffd")]
    found = _occurrences("".join(letter for letter, _ in letters), wanted)
    if not found or (len(found) > 1 and len(found) != of):
        return []
    start = found[which] if len(found) > 1 else found[0]
    indexes = sorted({index for _, index in letters[start : start + len(wanted)]})
    return _lines([textpage.get_charbox(index, loose=True) for index in indexes])


def _lines(boxes: Sequence[Box]) -> list[Box]:
    """The boxes of letters in their order, those of one line joined."""
    lines: list[Box] = []
    for left, bottom, right, top in boxes:
        if lines:
            begun, low, ended, high = lines[-1]
            beside = min(high, top) - max(low, bottom) > 0.5 * min(high - low, top - bottom)
            if beside and left >= begun and left - ended < 3 * (top - bottom):
                lines[-1] = (begun, min(low, bottom), max(ended, right), max(high, top))
                continue
        lines.append((left, bottom, right, top))
    return lines


def _bound() -> None:
    """Bound this process, where the system lets it."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))


if __name__ == "__main__":
    _bound()
    asked = json.loads(sys.stdin.buffer.readline())
    about, png = _draw(asked, sys.stdin.buffer.read())
    sys.stdout.buffer.write(json.dumps(about).encode() + b"\n" + png)
