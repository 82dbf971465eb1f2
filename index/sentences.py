"""Text -> sentences with exact offsets. Pure.

Segmentation is the sentencex library's; what is added here is what exact citing needs of it: the pieces tile the text
with nothing lost, line ends of every kind end a paragraph, and a line that stands alone (a heading, a list item, a
table row) is a sentence of its own although no full stop ends it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import sentencex

Span = tuple[int, int]

# A paragraph ends at a blank line, whatever kind of line end the file uses.
_PARAGRAPH_END = re.compile(r"(?:[^\S\r\n]*(?:\r\n|\r|\n)){2,}")
_LINE_END = re.compile(r"\r\n|\r|\n|\v|\f|\x1c|\x1d|\x1e|\x85|\u2028|\u2029")
_ENDS_SENTENCE = re.compile(r"[.!?:;,…。！？；：、，)\]\"'”’»-]\s*$")
_STARTS_ITEM = re.compile(r"\s*(?:[-*•‣·+#|>]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s")
# Text files are wrapped at 60 columns and more. A line shorter than that which ends in no punctuation was ended on
# purpose, unless the line is short only because its next word would not have fitted.
_WRAP = 60


def sentence_spans(text: str, breaks: tuple[int, ...] = (), language: str = "en") -> tuple[Span, ...]:
    """The sentences of `text` in order, as (start, end) that tile it: the first starts at 0, each ends where the next
    starts, the last ends at len(text). White space belongs to the sentence before it. Empty for an empty text.

    `breaks` are offsets, rising, at which a sentence must not run on (a table row, a heading, a cue of a transcript).
    """
    if not text:
        return ()
    starts = {0}
    starts.update(at for at in breaks if 0 < at < len(text))
    for block_start, block_end in _blocks(text):
        starts.add(block_start)
        starts.update(_line_starts(text, block_start, block_end))
        block = text[block_start:block_end]
        starts.update(block_start + b["start_index"] for b in sentencex.get_sentence_boundaries(language, block))
    ordered = sorted(starts)
    spans: list[Span] = []
    for start, end in zip(ordered, [*ordered[1:], len(text)], strict=True):
        if spans and not text[start:end].strip():
            spans[-1] = (spans[-1][0], end)
        elif spans and not text[spans[-1][0] : spans[-1][1]].strip():
            spans[-1] = (spans[-1][0], end)  # white space that opens the text
        else:
            spans.append((start, end))
    return tuple(spans)


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


def _line_starts(text: str, start: int, end: int) -> Iterator[int]:
    """Offsets in the block at which a line begins that does not continue the sentence of the line before."""
    line_start = start
    for line_end in _LINE_END.finditer(text, start, end):
        line = text[line_start : line_end.start()]
        following = _LINE_END.search(text, line_end.end(), end)
        next_line = text[line_end.end() : following.start() if following else end]
        if _STARTS_ITEM.match(next_line) or (line.strip() and _ended_on_purpose(line, next_line)):
            yield line_end.end()
        line_start = line_end.end()


def _ended_on_purpose(line: str, next_line: str) -> bool:
    if len(line) >= _WRAP or _ENDS_SENTENCE.search(line):
        return False
    first_word = next_line.split(maxsplit=1)[:1]
    if not first_word or first_word[0][:1].islower():
        return False
    # A wrapped line is about as long as its neighbours; one that had room for the next word was ended by its author.
    return len(line) + 1 + len(first_word[0]) < max(len(next_line.rstrip()), 24) or len(next_line.rstrip()) < _WRAP // 2
