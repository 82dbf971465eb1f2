"""A model's text -> sentences and the passages each one names; and the phrase a model abstains with.

A mark is a bracket that holds passage numbers and nothing else: [1], [1][2], [1, 2], [1-3], [[1]], [^1], [passage 1],
and 【1】 or 【1†L5-L7】, which some models were trained to write. Whatever else stands in brackets is text: [2019], [0],
[Summary of X], a Markdown link. Nothing here makes a link of anything.

Numbers are plain positions, so that a mark can point only at a passage that was sent: one outside 1..n is dropped, mark
and all, for left in the text it would look like a footnote.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise

from sentencex import get_sentence_boundaries

NOT_FOUND = "The documents do not hold the answer."

_NUMBER = r"[1-9]\d{0,2}"
_NUMBERS = rf"{_NUMBER}(?:\s*(?:[,;–-]|and|&)\s*\^?{_NUMBER})*"
_LABEL = r"(?:\^|(?:passages?|sources?)\s*)?"
_MARK = re.compile(
    rf"\[\[\s*(?P<double>{_LABEL}{_NUMBERS})\s*\]\]"
    rf"|\[\s*(?P<single>{_LABEL}{_NUMBERS})\s*\]"
    rf"|【\s*(?P<wide>{_LABEL}{_NUMBERS})\s*(?:†[^\[\]【】\n]{{0,40}})?】",
    re.IGNORECASE,
)
# What may yet become a mark when more text comes.
_HALF_MARK = re.compile(r"(?:\[{1,2}|【)[\s\w,;–&^-]{0,40}(?:†[^\[\]【】\n]{0,40})?\]?\Z")
_RANGE = re.compile(rf"({_NUMBER})(?:\s*[–-]\s*({_NUMBER}))?")

_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})")
# Lines that are a paragraph of their own: a list item, a heading, a table row, a quotation, a rule.
_OWN_LINE = re.compile(r"[ \t]*(?:[-*+•–]|\d{1,3}[.)]|#{1,6})(?=\s)|[ \t]*[|>]|[ \t]*[-*_]{3,}[ \t]*$")
_ONE_LINE = re.compile(r"[ \t]*(?:#{1,6}\s|\|)")
_ITEM_MARKER = re.compile(r"[ \t]*(?:[-*+•–]|\d{1,3}[.)]|#{1,6}|>)[ \t]+")
_CODE_SPAN = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)
_LINE_ENDS = re.compile(r"[\]】.!?:。！？][\"'”’»)*_]*\s*$")
# The first word of a sentence, from its first letter on, once it is whole. One ideograph is enough.
_FIRST_WORD = re.compile(
    r"\w[^\s\u2e80-\u9fff\uff00-\uff9f]*[\s\u2e80-\u9fff\uff00-\uff9f]|[\u2e80-\u9fff\uff00-\uff9f]"
)
_CLOSERS = ".,;:!?…)]}\"'”’»。、！？）」』"
_OPENERS = {"(": ")", "“": "”", "«": "»", "「": "」", "『": "』", "（": "）"}


@dataclass(frozen=True, slots=True)
class CitedSentence:
    """A sentence as a model wrote it, without its marks, and the passages it names.

    `numbers` count from 1, each once, in the order the model named them. `paragraph_start` is True for the first
    sentence of a paragraph, a list item, a heading, a table row or a block of code. `text` is plain text: whatever
    Markdown or HTML is in it is there to be shown as it stands.
    """

    text: str
    numbers: tuple[int, ...]
    paragraph_start: bool


def is_not_found(sentence: str) -> bool:
    """Whether a sentence is the abstention phrase, give or take quotes, case, emphasis, marks and a close synonym.

    Small models seldom repeat a phrase to the letter: "the passages don't contain the answer to this question." counts.
    A sentence that goes on to say something does not.
    """
    plain = re.sub(r"[\"'“”‘’«»*_`#>.!\s]+", " ", _MARK.sub(" ", sentence)).strip().casefold()
    return _ABSTENTION.fullmatch(plain) is not None


_ABSTENTION = re.compile(
    r"(?:(?:i am |i m )?sorry,? )?(?:but )?(?:the |these )?(?:provided |given )?"
    r"(?:documents?|passages?|texts?|sources?) (?:provided |given )?"
    r"(?:do not|does not|don t|doesn t|did not) (?:hold|contain|have|provide|include|give) (?:the|an|any) answers?"
    r"(?: (?:to|for) [^,;:]{1,120})?"
)


class MarkParser:
    """Takes a model's text as it comes and gives each sentence once it can no longer change.

    However the text is cut into deltas, the sentences are the same: the text is taken character by character, and a
    sentence is given out when the first word after it is whole, for until then a mark could follow that belongs to it.
    All characters of the text are in the sentences, but for marks, white space around sentences and lines that hold
    neither letter nor digit, such as rules.
    """

    def __init__(self, passages: int) -> None:
        """`passages` is how many were sent; they are numbered from 1."""
        self._passages = passages
        self._text = ""  # begins with the block that holds the first sentence not yet given out
        self._done = 0  # where in _text the sentences given out end

    def feed(self, delta: str) -> list[CitedSentence]:
        """The sentences that this further piece of text completes."""
        given: list[CitedSentence] = []
        for character in delta:
            self._text += character
            if character.isspace() or _is_ideographic(character):
                given += self._settled()
        return given

    @property
    def pending(self) -> str:
        """The text after the last sentence given out, without its marks and without one that may have begun."""
        shown = _parse(self._text[: _whole(self._text)], self._done, self._passages)
        lines = ((("\n" if s.paragraph_start and at else " " if at else "") + s.text) for at, s in enumerate(shown))
        return "".join(lines)

    def close(self) -> list[CitedSentence]:
        """The sentences still open when the text has ended; a bracket left open is text."""
        rest = _parse(self._text, self._done, self._passages)
        self._text, self._done = "", 0
        return [sentence.cited() for sentence in rest]

    def _settled(self) -> list[CitedSentence]:
        whole = _whole(self._text)
        sentences = _parse(self._text[:whole], self._done, self._passages)
        settled = 0
        for at, (sentence, following) in enumerate(pairwise(sentences), start=1):
            if not _FIRST_WORD.match(self._text, following.first, whole):
                break
            if following.block == sentence.block and _unbalanced(sentence.text):
                break
            settled = at
        if not settled:
            return []
        last, following = sentences[settled - 1], sentences[settled]
        self._text = self._text[following.block :]
        self._done = max(0, last.end - following.block)
        return [sentence.cited() for sentence in sentences[:settled]]


@dataclass(slots=True)
class _Sentence:
    """A sentence and where it is in the text parsed: its block's start, its first letter or digit, its end."""

    text: str
    block: int
    first: int
    end: int
    paragraph_start: bool
    numbers: list[int]

    def cited(self) -> CitedSentence:
        return CitedSentence(self.text, tuple(dict.fromkeys(self.numbers)), self.paragraph_start)


@dataclass(frozen=True, slots=True)
class _Mark:
    start: int
    end: int
    numbers: tuple[int, ...]
    leads: bool  # stands before its sentence, at the beginning of a line


def _parse(text: str, done: int, passages: int) -> list[_Sentence]:
    """The sentences of `text` after offset `done`, which is 0 or lies in its first block."""
    sentences: list[_Sentence] = []
    for start, end in _blocks(text):
        fenced = _FENCE.match(text, start, end) is not None
        begin = max(start, done)
        marks = [] if fenced else list(_marks(text, start, begin, end, passages))
        kept = _kept(text, begin, end, marks)
        fragments = [kept] if fenced else _divided(text, kept, marks, start)
        fragments = [fragment for fragment in fragments if _says_something(text, fragment)]
        own = [_sentence(text, fragment, start, begin == start and not at) for at, fragment in enumerate(fragments)]
        for mark in marks:
            _attach(mark, own, sentences)
        sentences += own
    return sentences


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Paragraphs, list items, headings, table rows and fenced code, as spans of whole lines; blank lines lie between.

    A line goes on with the paragraph above it, unless that line ended as sentences end: models do not wrap lines, but
    they copy wrapped ones.
    """
    start: int | None = None
    fence = ""
    previous = ""
    at = 0
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        opening = _FENCE.match(line)
        if fence:
            if opening and opening[1].startswith(fence) and not line[opening.end() :].strip():
                yield start or 0, at + len(line)
                start, fence = None, ""
        elif opening:
            if start is not None:
                yield start, at
            start, fence = at, opening[1]
        elif not line.strip():
            if start is not None:
                yield start, at
            start = None
        elif start is None:
            start = at
        elif _OWN_LINE.match(line) or _ONE_LINE.match(previous) or _LINE_ENDS.search(previous):
            yield start, at
            start = at
        previous = line
        at += len(line)
    if start is not None:
        yield start, len(text)


def _marks(text: str, block: int, begin: int, end: int, passages: int) -> Iterator[_Mark]:
    """The marks in text[begin:end] outside code. `block` is where the block begins."""
    code = [span.span() for span in _CODE_SPAN.finditer(text, block, end)]
    for match in _MARK.finditer(text, begin, end):
        if any(first <= match.start() < last for first, last in code):
            continue
        line = max(text.rfind("\n", 0, match.start()) + 1, block)
        before = _MARK.sub("", _ITEM_MARKER.sub("", text[line : match.start()], count=1))
        after = text[match.end() : end].partition("\n")[0]
        leads = not before.strip() and any(c.isalnum() for c in _MARK.sub("", after))
        yield _Mark(match.start(), match.end(), tuple(_numbers(match, passages)), leads)


def _numbers(match: re.Match[str], passages: int) -> Iterator[int]:
    """The passages a mark names, in its order, those that were sent."""
    inside = match["double"] or match["single"] or match["wide"]
    for first, last in _RANGE.findall(inside):
        yield from (range(int(first), min(int(last or first), passages) + 1) if int(first) <= passages else ())


def _kept(text: str, begin: int, end: int, marks: list[_Mark]) -> list[int]:
    """The offsets of text[begin:end] that are not marks, nor the white space that a mark leaves behind."""
    kept: list[int] = []
    at = begin
    for mark in marks:
        kept += range(at, mark.start)
        at = mark.end
        if mark.leads:
            while at < end and text[at] in " \t":
                at += 1
        elif at == end or text[at].isspace() or text[at] in _CLOSERS:
            while kept and text[kept[-1]].isspace():
                kept.pop()
    kept += range(at, end)
    return kept


def _divided(text: str, kept: list[int], marks: list[_Mark], block: int) -> list[list[int]]:
    """The kept offsets of a block, sentence by sentence. One that would hold no letter or digit joins its neighbour.

    A boundary counts only where white space, a mark or a full-width stop divides the two: not in "report.final.pdf".
    """
    marker = _ITEM_MARKER.match(text, block)
    skip = bisect_right(kept, marker.end() - 1) if marker and kept and kept[0] == block else 0
    clean = "".join(text[at] for at in kept[skip:])
    marked = {bisect_right(kept, mark.start) for mark in marks}
    ends = []
    for end in accumulate(len(boundary["text"]) for boundary in get_sentence_boundaries("en", clean)):
        divided = clean[end - 1].isspace() or clean[end : end + 1].isspace() or _is_ideographic(clean[end - 1])
        if divided or end + skip in marked:
            ends.append(end + skip)
    fragments: list[list[int]] = []
    start = 0
    for end in [*ends, len(kept)]:
        fragment = kept[start:end]
        start = end
        if fragments and not (_says_something(text, fragment) and _says_something(text, fragments[-1])):
            fragments[-1] += fragment
        else:
            fragments.append(fragment)
    return fragments


def _says_something(text: str, fragment: list[int]) -> bool:
    return any(text[at].isalnum() for at in fragment)


def _sentence(text: str, fragment: list[int], block: int, paragraph_start: bool) -> _Sentence:
    written = "".join(text[at] for at in fragment)
    first = next((at for at in fragment if text[at].isalnum()), fragment[0])
    end = next((at for at in reversed(fragment) if not text[at].isspace()), fragment[-1]) + 1
    return _Sentence(written.strip(), block, first, end, paragraph_start, [])


def _attach(mark: _Mark, own: list[_Sentence], earlier: list[_Sentence]) -> None:
    """Give a mark to the sentence it stands after, or before which it leads; else to the last one of an earlier block.

    `own` are the sentences of the mark's block.
    """
    before = [sentence for sentence in own if sentence.first < mark.start]
    after = [sentence for sentence in own if sentence.end > mark.end]
    if after and (mark.leads or not before):
        after[0].numbers += mark.numbers
    elif before:
        before[-1].numbers += mark.numbers
        before[-1].end = max(before[-1].end, mark.end)
    elif earlier:
        earlier[-1].numbers += mark.numbers


def _whole(text: str) -> int:
    """Where the mark begins that the text may have broken off in; the text's length where it has not."""
    half = _HALF_MARK.search(text)
    return half.start() if half and not _MARK.fullmatch(half[0]) else len(text)


def _unbalanced(text: str) -> bool:
    """Whether a quotation, a parenthesis or a code span is still open at the end of `text`."""
    if text.count('"') % 2 or text.count("`") % 2:
        return True
    return any(text.count(opener) > text.count(closer) for opener, closer in _OPENERS.items())


def _is_ideographic(character: str) -> bool:
    """Whether the character belongs to a script that puts no spaces between words, or is one of its stops."""
    return "\u2e80" <= character <= "\u9fff" or "\uff00" <= character <= "\uff9f" or character >= "\U00020000"
