"""Text -> passages with exact offsets. Pure.

Passages are packed from whole sentences and tile the text: nothing is lost, nothing stands in two passages. Small
passages rank better (bench/RESULTS.md), so the aim is well under what the model can read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from index.cutting import cut_point
from index.sentences import Span, sentences
from index.types import Place

VERSION = "4"
TOKENS = 160
"""The most tokens a passage holds, the model's own marks not counted."""
_LEAST = 48
"""A passage of fewer tokens joins its neighbour where both fit."""

_OWN_PASSAGE = frozenset({"heading", "slide", "chapter", "message", "section"})
_OWN_SENTENCE = _OWN_PASSAGE | {"row", "time"}
_LINE_END = re.compile(r"[\r\n]")
_BLANK_LINE = re.compile(r"(?:\r\n|\r|\n)[^\S\r\n]*(?:\r\n|\r|\n)")
# Lines of these lengths were wrapped by a program: their ends say nothing of paragraphs.
_WRAPPED = range(60, 100)
# Sentences are counted in the tokenizer so many at a time: enough to keep it busy, few enough to hold no file's worth.
_COUNT_BATCH = 512
# Nobody writes a paragraph of so many sentences; a file of one endless line is not held as one.
_LONGEST_PARAGRAPH = 2048

CountTokens = Callable[[Sequence[str]], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A passage to be: its sentences, which tile it, and the tokens they have."""

    sentences: tuple[Span, ...]
    tokens: int

    @property
    def start(self) -> int:
        return self.sentences[0][0]

    @property
    def end(self) -> int:
        return self.sentences[-1][1]


def split(text: str, count_tokens: CountTokens, places: Sequence[Place] = (), limit: int = TOKENS) -> Iterator[Stretch]:
    """The passages of `text` in order; they tile it. None for a text that is empty or all white.

    `count_tokens` gives the number of tokens of each text of a batch. A paragraph that fits is kept whole, a longer one
    is cut between sentences into parts of about one size, and what is very short joins its neighbour. A heading, slide,
    chapter or message begins a passage of its own; a row or a cue never shares a sentence with another. A sentence
    longer than `limit` tokens is divided at a line end, else at white space, else between characters, but never inside
    one that a person sees as one (a letter and its combining marks).
    """
    if not text.strip():
        return
    opens = frozenset(place.start for place in places if place.kind in _OWN_PASSAGE)
    breaks = tuple(place.start for place in places if place.kind in _OWN_SENTENCE)
    pieces = _pieces(text, sentences(text, breaks), count_tokens, limit)
    held: Stretch | None = None
    for paragraph in _paragraphs(text, pieces, opens):
        for part in _equal_parts(paragraph, limit):
            small = held is not None and (held.tokens < _LEAST or part.tokens < _LEAST)
            if held is not None and small and held.tokens + part.tokens <= limit and part.start not in opens:
                held = Stretch(held.sentences + part.sentences, held.tokens + part.tokens)
                continue
            if held is not None:
                yield held
            held = part
    if held is not None:
        yield held


def _paragraphs(
    text: str, pieces: Iterable[tuple[Span, int]], opens: frozenset[int]
) -> Iterator[list[tuple[Span, int]]]:
    paragraph: list[tuple[Span, int]] = []
    for span, count in pieces:
        if paragraph and (
            span[0] in opens or len(paragraph) == _LONGEST_PARAGRAPH or _ends_paragraph(text, paragraph[-1][0])
        ):
            yield paragraph
            paragraph = []
        paragraph.append((span, count))
    if paragraph:
        yield paragraph


def _ends_paragraph(text: str, sentence: Span) -> bool:
    """Whether a paragraph ends with this sentence: after it comes a blank line, or a line end that no program made."""
    start, end = sentence
    last = len(text[start:end].rstrip()) + start
    if not _LINE_END.search(text, last, end):
        return False
    if _BLANK_LINE.search(text, last, end):
        return True
    # Long paragraphs are looked at no further back than matters.
    begin = max(text.rfind("\n", max(0, last - 200), last), text.rfind("\r", max(0, last - 200), last)) + 1
    return last - begin not in _WRAPPED


def _equal_parts(paragraph: Sequence[tuple[Span, int]], limit: int) -> Iterator[Stretch]:
    """A paragraph in as few parts as the limit allows, of about one size each."""
    total = sum(count for _, count in paragraph)
    goal = total / -(-total // limit) if total else 0
    part: list[Span] = []
    size = done = 0
    for span, count in paragraph:
        past_goal = done + size + count / 2 > goal * (1 + round(done / goal)) if goal else False
        if part and (size + count > limit or (total > limit and past_goal)):
            yield Stretch(tuple(part), size)
            part, done, size = [], done + size, 0
        part.append(span)
        size += count
    yield Stretch(tuple(part), size)


def _pieces(text: str, spans: Iterator[Span], count_tokens: CountTokens, limit: int) -> Iterator[tuple[Span, int]]:
    while batch := list(islice(spans, _COUNT_BATCH)):
        # What is far too long is cut before it is counted: a tokenizer given a file without a full stop takes it whole.
        parts = [part for span in batch for part in _cut_to(text, span, limit * 8)]
        for part, count in zip(parts, count_tokens([text[s:e] for s, e in parts]), strict=True):
            yield from _fitting(text, part, count, count_tokens, limit)


def _fitting(text: str, span: Span, count: int, count_tokens: CountTokens, limit: int) -> Iterator[tuple[Span, int]]:
    if count <= limit:
        yield span, count
        return
    # Aim a little under the limit, by this stretch's own characters a token; white space around it has none.
    aim = max(1, int(len(text[span[0] : span[1]].strip()) * limit / count * 0.9))
    parts = _cut_to(text, span, aim)
    if len(parts) == 1:
        yield span, count
        return
    for part, part_count in zip(parts, count_tokens([text[s:e] for s, e in parts]), strict=True):
        yield from _fitting(text, part, part_count, count_tokens, limit)


def _cut_to(text: str, span: Span, most: int) -> list[Span]:
    """`span` in pieces of at most `most` characters, cut where it hurts least. White space that would make a piece by
    itself stays with the piece before, or at the beginning with the one after."""
    start, end = span
    parts: list[Span] = []
    white = True  # whether the last of `parts` is
    while start < end:
        at = cut_point(text, start, start + most, end) if end - start > most else end
        is_white = not text[start:at].strip()
        if parts and (white or is_white):
            parts[-1], white = (parts[-1][0], at), white and is_white
        else:
            parts.append((start, at))
            white = is_white
        start = at
    return parts
