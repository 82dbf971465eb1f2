"""Text -> passages with exact offsets. Pure.

Passages are packed from whole sentences and tile the text: nothing is lost, nothing stands in two passages. Small
passages rank better (bench/RESULTS.md), so the aim is well under what the model can read.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence

from index.sentences import Span, sentence_spans
from index.types import Place

VERSION = "1"
TOKENS = 128
"""The most tokens a passage holds, the model's own marks not counted."""

_OWN_PASSAGE = frozenset({"heading", "slide", "chapter", "message", "section"})
_OWN_SENTENCE = _OWN_PASSAGE | {"row", "time"}
_BLANK_LINE = re.compile(r"(?:\r\n|\r|\n)[^\S\r\n]*(?:\r\n|\r|\n)\s*$")
_JOINERS = frozenset("\u200d\u200c\ufe0e\ufe0f")
# Sentences are counted in the tokenizer so many at a time: enough to keep it busy, few enough to hold no file's worth.
_COUNT_BATCH = 512

CountTokens = Callable[[Sequence[str]], Sequence[int]]


def split(text: str, count_tokens: CountTokens, places: Sequence[Place] = (), limit: int = TOKENS) -> Iterator[Span]:
    """The passages of `text` in order, as (start, end) that tile it; none for a text that is empty or all white.

    `count_tokens` gives the number of tokens of each text of a batch. A heading, slide, chapter or message begins a
    passage of its own; a row or a cue never breaks inside a sentence of another. A sentence longer than `limit` tokens
    is divided at a line end, else at white space, else between characters, but never inside one that a person sees as
    one (a letter and its combining marks).
    """
    if not text.strip():
        return
    opens = frozenset(place.start for place in places if place.kind in _OWN_PASSAGE)
    breaks = tuple(place.start for place in places if place.kind in _OWN_SENTENCE)
    start = end = tokens = 0
    for (piece_start, piece_end), count in _pieces(text, sentence_spans(text, breaks), count_tokens, limit):
        full = tokens + count > limit
        # Past half a passage, the end of a paragraph is a better border than the limit.
        paragraph = tokens > limit // 2 and _BLANK_LINE.search(text, max(start, end - 64), end) is not None
        if end > start and (full or paragraph or piece_start in opens) and text[start:end].strip():
            yield start, end
            start, tokens = end, 0
        end, tokens = piece_end, tokens + count
    yield start, end


def _pieces(text: str, sentences: Sequence[Span], count_tokens: CountTokens, limit: int) -> Iterator[tuple[Span, int]]:
    for batch_start in range(0, len(sentences), _COUNT_BATCH):
        batch = sentences[batch_start : batch_start + _COUNT_BATCH]
        # What is far too long is cut before it is counted: a tokenizer given a file without a full stop takes it whole.
        spans = [piece for span in batch for piece in _cut_to(text, span, limit * 8)]
        for span, count in zip(spans, count_tokens([text[s:e] for s, e in spans]), strict=True):
            yield from _fitting(text, span, count, count_tokens, limit)


def _fitting(text: str, span: Span, count: int, count_tokens: CountTokens, limit: int) -> Iterator[tuple[Span, int]]:
    if count <= limit or span[1] - span[0] < 2:
        yield span, count
        return
    # Aim a little under the limit, by this stretch's own characters a token.
    aim = max(1, int((span[1] - span[0]) * limit / count * 0.9))
    parts = list(_cut_to(text, span, aim))
    if len(parts) == 1:
        yield span, count
        return
    for part, part_count in zip(parts, count_tokens([text[s:e] for s, e in parts]), strict=True):
        yield from _fitting(text, part, part_count, count_tokens, limit)


def _cut_to(text: str, span: Span, most: int) -> Iterable[Span]:
    """`span` in pieces of at most `most` characters, cut where it hurts least."""
    start, end = span
    while end - start > most:
        at = _cut_point(text, start, start + most, end)
        if at >= end:
            break
        yield start, at
        start = at
    yield start, end


def _cut_point(text: str, start: int, latest: int, end: int) -> int:
    floor = start + (latest - start) // 2
    newline = max(text.rfind("\n", floor, latest), text.rfind("\r", floor, latest))
    if newline >= 0 and text[newline : newline + 2] != "\r\n":
        return newline + 1
    for at in range(latest, floor, -1):
        if text[at - 1].isspace() and text[at - 1 : at + 1] != "\r\n":
            return at
    at = latest
    while at > start + 1 and _joined(text, at):
        at -= 1
    if at > start + 1:
        return at
    at = latest
    while at < end and _joined(text, at):
        at += 1
    return at


def _joined(text: str, at: int) -> bool:
    """Whether the characters before and after `at` are drawn as one."""
    after, before = text[at], text[at - 1]
    return (
        unicodedata.combining(after) != 0
        or after in _JOINERS
        or before in _JOINERS
        or "\U0001f3fb" <= after <= "\U0001f3ff"  # skin tones
        or ("\U0001f1e6" <= after <= "\U0001f1ff" and "\U0001f1e6" <= before <= "\U0001f1ff")  # the halves of a flag
        or (before == "\r" and after == "\n")
    )
