"""Bytes -> text, exactly: nothing is normalised, no line ending changed; only a byte order mark is taken off.

A byte order mark decides; then strict UTF-8; then detection on samples spread through the file, whose outcome must
decode the whole file strictly. Detection is chardet's: of 30 short texts in 19 encodings it named 29 rightly where
charset-normalizer named 19, and a wrong encoding is a wrong quotation.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from dataclasses import dataclass

from index.errors import SourceUnreadable
from index.readers.kinds import kind_of

# UTF-32 comes first: its little-endian mark begins with that of UTF-16.
_MARKS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
# C0 controls that text does not hold; tab, line ends, form feed, backspace, DOS end of file and escape it may.
_CONTROLS = bytes(set(range(32)) - {8, 9, 10, 11, 12, 13, 26, 27})
_MOST_CONTROLS = 0.01
_ISO_2022 = ("iso2022_jp_2", "iso2022_jp_3", "iso2022_kr")
# The Windows superset of each: it differs only where ISO has control characters, which text does not hold.
_SUPERSETS = {"ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254"}
_SAMPLES = 64
_SAMPLE_BYTES = 2048
_FEWEST_TO_DETECT = 6
_PIECE = 1024 * 1024
_NOT_ASCII = re.compile(rb"[\x80-\xff]")


@dataclass(frozen=True, slots=True)
class Decoded:
    """The text of a file, the Python name of its encoding, and what the person should know of how it was read."""

    text: str
    encoding: str
    notices: tuple[str, ...] = ()


def decode(data: bytes, declared: str = "") -> Decoded:
    """The text that `data` holds. `declared` is the encoding the file itself names, tried after UTF-8.

    Raises SourceUnreadable for bytes that are no text, or text in an encoding that cannot be told.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            text = _strict(data, encoding, len(mark))
            if text is not None:
                _refuse_controls(text, data)
                return Decoded(text, encoding)
    if b"\0" in data:
        return _decode_wide(data)
    if len(data) - len(data.translate(None, _CONTROLS)) > _MOST_CONTROLS * len(data):
        raise _binary(data)
    if b"\x1b$" in data:  # seven-bit Japanese, Chinese or Korean, which strict UTF-8 would let pass as ASCII
        for encoding in _ISO_2022:
            text = _strict(data, encoding)
            if text is not None:
                return Decoded(text, encoding)
    text = _strict(data, "utf-8")
    if text is not None:
        return Decoded(text, "utf-8")
    if declared:
        text = _strict(data, declared)
        if text is not None:
            return Decoded(text, declared)
    return _detect(data)


def _strict(data: bytes, encoding: str, start: int = 0) -> str | None:
    """The text from `start`, or None where the bytes are not of this encoding or Python does not know it."""
    try:
        b"\0\0\0\0".decode(encoding)  # refuses codecs that are no encoding of text, such as base64
        decoder = codecs.getincrementaldecoder(encoding)()
        # By the piece: decoded at once, one emoji in 200 MB of ASCII makes Python hold the text twice, at four times
        # its size.
        pieces = [decoder.decode(data[at : at + _PIECE]) for at in range(start, len(data), _PIECE)]
        pieces.append(decoder.decode(b"", final=True))
    except (UnicodeError, LookupError):
        return None
    return "".join(pieces)


def _decode_wide(data: bytes) -> Decoded:
    """Bytes with NULs among them are UTF-16 or UTF-32 without a mark, or no text at all."""
    best, best_score = None, 0
    for encoding in _WIDE:
        text = _strict(data, encoding)
        if text is None:
            continue
        head = text[:65536]
        odd = sum(unicodedata.category(c) in ("Cc", "Cn", "Co") and c not in "\t\n\r\f" for c in head)
        # Blanks and line ends tell the byte order: read the wrong way round they are rare or no characters.
        score = sum(c in " \n\t,.、。" for c in head)
        if odd <= _MOST_CONTROLS * len(head) and score > best_score:
            best, best_score = Decoded(text, encoding), score
    if best is None:
        raise _binary(data)
    return best


def _detect(data: bytes) -> Decoded:
    from chardet import detect_all

    broken = data.decode("utf-8", "replace")
    bad = broken.count("\ufffd")
    good = len(broken) - len(broken.encode("ascii", "ignore")) - bad
    if good > 10 * bad:  # valid UTF-8 sequences hardly occur in other encodings: this is UTF-8 with damage
        return Decoded(
            broken,
            "utf-8",
            (f"{bad} characters were damaged in the file and are shown as \ufffd.",),
        )
    del broken
    sample = _sample(data)
    names = [str(guess["encoding"]) for guess in detect_all(sample) if guess["encoding"]]
    if len(_NOT_ASCII.findall(sample)) < _FEWEST_TO_DETECT:
        names.insert(0, "cp1252")  # too little to tell by: the commonest of them
    for name in names:
        try:
            encoding = codecs.lookup(name).name
        except LookupError:
            continue
        for candidate in (_SUPERSETS.get(encoding, encoding), encoding):
            text = _strict(data, candidate)
            if text is not None:
                return Decoded(
                    text,
                    candidate,
                    (f"The file is not in Unicode; its text was read as {candidate}.",),
                )
    raise SourceUnreadable("The encoding of the text cannot be told. Save the file as UTF-8 to have it read.")


def _sample(data: bytes) -> bytes:
    """Up to 128 KB from all over `data`, cut at line ends, from spots that hold characters beyond ASCII."""
    if len(data) <= _SAMPLES * _SAMPLE_BYTES:
        return data
    pieces: list[bytes] = []
    done = 0
    for step in range(_SAMPLES):
        found = _NOT_ASCII.search(data, max(done, step * len(data) // _SAMPLES))
        if found is None:
            break
        # A line end is never the second byte of a character in the encodings in use, so a cut there splits none.
        start = data.rfind(b"\n", done, found.start()) + 1 or max(done, found.start() - _SAMPLE_BYTES)
        done = min(len(data), start + _SAMPLE_BYTES)
        end = data.rfind(b"\n", found.start(), done)
        pieces.append(data[start : end if end >= 0 else done])
    return b"\n".join(pieces)


def _refuse_controls(text: str, data: bytes) -> None:
    head = text[:65536]
    if "\0" in text or sum(c < " " and c not in "\t\n\v\f\r\b\x1a\x1b" for c in head) > _MOST_CONTROLS * len(head):
        raise _binary(data)


def _binary(data: bytes) -> SourceUnreadable:
    kind = kind_of(data)
    if kind:
        return SourceUnreadable(f"By its contents this is {kind}, not text. Give it the name ending of its kind.")
    return SourceUnreadable("The file holds binary data, not text. Export the text from the program that wrote it.")
