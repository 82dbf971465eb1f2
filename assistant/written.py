"""An answer as one text with footnote marks and a list of footnotes, for whoever shows text and nothing else.

The text is written as the answer grows, and what is written stays: streamed or not, it comes to the same characters.
Programs that show it take it for Markdown, so the words of documents and models are kept from becoming links, images
or HTML: an unseen word joiner parts the characters that would make one. The exact words are in the citations.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.citing import NOT_FOUND
from assistant.types import Answer, Citation, Mode, Sentence, Support

_WORD_JOINER = "\u2060"
# Where a link, an image, the definition of either, or HTML would begin.
_MARKUP = re.compile(r"(?<=!)(?=\[)|(?<=\])(?=[(:])|(?<=<)(?=[A-Za-z/!?])")

SHOWN = {
    Support.QUOTED: "",
    Support.SUPPORTED: " (matches the source)",
    Support.PARTLY: " (matches the source in part)",
    Support.UNSUPPORTED: " [unsupported]",
}
"""What a text adds to a sentence to say how far it is supported."""


@dataclass(frozen=True, slots=True)
class Use:
    """A sentence that rests on a citation: text[start:end] of the written text, its marks included."""

    start: int
    end: int
    support: Support
    note: str


class WrittenAnswer:
    """The text of an answer that grows. `text` is what is written so far."""

    def __init__(self) -> None:
        self.text = ""
        self._sentences = 0
        self._uses: dict[int, list[Use]] = {}

    def grow(self, answer: Answer) -> str:
        """The text that the sentences add which were not there yet."""
        before = len(self.text)
        for sentence in answer.sentences[self._sentences :]:
            self._write(sentence)
        self._sentences = len(answer.sentences)
        return self.text[before:]

    def finish(self, answer: Answer) -> str:
        """The text that the whole answer adds: its last sentences, its notice and its footnotes; or that there is none."""
        before = len(self.text)
        self.grow(answer)
        if not answer.found:
            self.text += NOT_FOUND
        if further := offer(answer):
            self.text += f"\n\n{further} Say “more” to see {'it' if answer.more == 1 else 'them'}."
        if answer.notice:
            self.text += ("\n\n" if self.text else "") + unmarked(answer.notice)
        if answer.citations:
            quoted = answer.mode is Mode.GENERATED  # else the sentences are the words cited
            notes = (f"[{citation.number}] {footnote(citation, quoted=quoted)}" for citation in answer.citations)
            self.text += "\n\n" + "\n".join(notes)
        return self.text[before:]

    def uses(self, citation: Citation) -> Sequence[Use]:
        """The sentences written that rest on a citation, in their order."""
        return self._uses.get(citation.number, ())

    def _write(self, sentence: Sentence) -> None:
        if self.text:
            self.text += "\n\n" if sentence.starts_paragraph else " "
        start = len(self.text)
        marks = "".join(f"[{citation.number}]" for citation in sentence.citations)
        self.text += words_of(sentence) + marks + SHOWN[sentence.support]
        for citation in sentence.citations:
            use = Use(start, len(self.text), sentence.support, sentence.note)
            self._uses.setdefault(citation.number, []).append(use)


def unmarked(text: str) -> str:
    """The text, reading as before, in which Markdown finds no link, image or HTML."""
    return _MARKUP.sub(_WORD_JOINER, text)


def words_of(sentence: Sentence) -> str:
    """A sentence's words for Markdown. A quotation is given on one line; a model's line ends may be those of a table or of
    code."""
    return unmarked(one_line(sentence.text) if sentence.support is Support.QUOTED else sentence.text)


def where(citation: Citation) -> str:
    """The source, the place in it where its format has one, and the lines."""
    lines = f"line {citation.line}" if citation.line == citation.last_line else None
    parts = [citation.source, citation.place, lines or f"lines {citation.line}-{citation.last_line}"]
    return ", ".join(part for part in parts if part)


def offer(answer: Answer) -> str:
    """That further sentences of the documents come near, in a sentence; empty where none does."""
    if not answer.more:
        return ""
    return "1 further sentence comes near." if answer.more == 1 else f"{answer.more} further sentences come near."


def about(citation: Citation) -> str:
    """What the cited file says of itself: title, author and day, as far as it does."""
    metadata = citation.metadata
    title = f"“{metadata.title}”" if metadata.title else ""
    return ", ".join(part for part in (title, metadata.author, metadata.day) if part)


def footnote(citation: Citation, *, quoted: bool) -> str:
    """A footnote's text for Markdown, on one line, without its number; with the words cited where it is `quoted`."""
    also = f" ({told})" if (told := about(citation)) else ""
    also += f" (also in {', '.join(citation.also_in)})" if citation.also_in else ""
    quote = f": “{citation.quote}”" if quoted else ""
    return unmarked(one_line(where(citation) + also + quote))


def one_line(text: str) -> str:
    """The text with single spaces for all its white space."""
    return " ".join(text.split())
