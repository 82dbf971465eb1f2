"""Text -> sentences with exact offsets. Pure.

Segmentation is the sentencex library's; what is added here is what exact citing needs of it: the pieces tile the text
with nothing lost, line ends of every kind end a paragraph, and a line that stands alone (a heading, a list item, a
table row) is a sentence of its own although no full stop ends it.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise

import sentencex

from index.cutting import cut_point

Span = tuple[int, int]

# A paragraph ends at a blank line, whatever kind of line end the file uses. Looking for one only where no
# white space comes before keeps a long run of blanks from being gone through again from each of its characters.
_PARAGRAPH_END = re.compile(r"(?<![^\S\r\n])(?:[^\S\r\n]*+(?:\r\n|\r|\n)){2,}")
_LINE_END = re.compile(r"\r\n|\r|\n|\v|\f|\x1c|\x1d|\x1e|\x85|\u2028|\u2029")
_PLAIN_END = re.compile(r"[.!?…]+[\"'”’»)\]]*\s+|[。！？]+\s*")
_ENDS_SENTENCE = re.compile(r"[.!?:;,…。！？；：、，)\]\"'”’»-]\s*$")
_STARTS_ITEM = re.compile(r"\s*(?:[-*•‣·+#|>]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s")
# Text files are wrapped at 60 columns and more. A line shorter than that which ends in no punctuation was ended on
# purpose, unless the line is short only because its next word would not have fitted.
_WRAP = 60
# Blocks longer than this are gone through in windows, so that a file without a blank line is not held over again.
_WINDOW = 65536
# As much of a line as tells whether the line before was ended on purpose.
_HEAD = 200


def sentence_spans(text: str, breaks: tuple[int, ...] = (), language: str = "en") -> tuple[Span, ...]:
    """The sentences of `text`, all at once: see `sentences`."""
    return tuple(sentences(text, breaks, language))


def sentences(text: str, breaks: Sequence[int] = (), language: str = "en") -> Iterator[Span]:
    """The sentences of `text` in order, as (start, end) that tile it: the first starts at 0, each ends where the next
    starts, the last ends at len(text). White space belongs to the sentence before it. None for an empty text.

    `breaks` are offsets, rising, at which a sentence must not run on (a table row, a heading, a cue of a transcript).
    """
    held: Span | None = None
    held_is_white = False
    for start, end in pairwise(chain(_starts(text, breaks, language), [len(text)])):
        white = not text[start:end].strip()
        if held is not None and not white and not held_is_white:
            yield held
            held = None
        # White space that opens the text belongs to the first sentence.
        held, held_is_white = (start if held is None else held[0], end), white and (held is None or held_is_white)
    if held is not None:
        yield held


def _starts(text: str, breaks: Sequence[int], language: str) -> Iterator[int]:
    """Where sentences begin, white ones among them; rising. Empty for an empty text."""
    for block_start, block_end in _blocks(text):
        start = block_start
        while start < block_end:
            latest = min(start + _WINDOW, block_end)
            window_end = latest if latest == block_end else cut_point(text, start, latest, block_end)
            found = {start}
            found.update(_line_starts(text, start, window_end, block_end))
            window = text[start:window_end]
            found.update(start + at for at in _boundaries(window, language))
            # The last sentence of a window may go on in the next one.
            following = max(found) if window_end < block_end and len(found) > 1 else window_end
            found.update(breaks[bisect_right(breaks, start) : bisect_left(breaks, following)])
            yield from sorted(at for at in found if at < following)
            start = following


def _boundaries(window: str, language: str) -> list[int]:
    """Where sentencex sees sentences begin. It panics on some texts, as on "V\u00a0." (1.0.32), which must not end a
    sync: there, a sentence begins after a mark that ends one and white space.

    A panic reaches Python as pyo3's PanicException, which is a BaseException of no importable name.
    """
    try:
        return [boundary["start_index"] for boundary in sentencex.get_sentence_boundaries(language, window)]
    except BaseException as fault:
        if type(fault).__name__ != "PanicException":
            raise
        return [end.end() for end in _PLAIN_END.finditer(window)]


def trimmed(text: str, span: Span) -> Span:
    """`span` without the white space at either end; an all-white span collapses to its start."""
    start, end = span
    stretch = text[start:end]
    left = len(stretch) - len(stretch.lstrip())
    if left == len(stretch):
        return start, start
    return start + left, start + len(stretch.rstrip())


def _blocks(text: str) -> Iterator[Span]:
    at = 0
    for gap in _PARAGRAPH_END.finditer(text):
        if gap.end() > at:
            yield at, gap.end()
            at = gap.end()
    if at < len(text):
        yield at, len(text)


def _line_starts(text: str, start: int, end: int, block_end: int) -> Iterator[int]:
    """Offsets up to `end` at which a line begins that does not continue the sentence of the line before."""
    line_start = start
    for line_end in _LINE_END.finditer(text, start, end):
        next_start = line_end.end()
        latest = min(next_start + _HEAD, block_end)
        following = _LINE_END.search(text, next_start, latest)
        next_line = text[next_start : following.start() if following else latest]
        long = line_end.start() - line_start >= _WRAP
        line = "" if long else text[line_start : line_end.start()]
        if _STARTS_ITEM.match(next_line) or (line.strip() and _ended_on_purpose(line, next_line)):
            yield next_start
        line_start = next_start


def _ended_on_purpose(line: str, next_line: str) -> bool:
    if _ENDS_SENTENCE.search(line):
        return False
    first_word = next_line.split(maxsplit=1)[:1]
    if not first_word or first_word[0][:1].islower():
        return False
    # A wrapped line is about as long as its neighbours; one that had room for the next word was ended by its author.
    return len(line) + 1 + len(first_word[0]) < max(len(next_line.rstrip()), 24) or len(next_line.rstrip()) < _WRAP // 2
