"""What a model writes to itself before it answers, told apart from the answer. Pure.

Most servers send it aside, as `reasoning_content`; others leave it in the text, between <think> and </think>. Only at
the beginning is it a thought: an answer may speak of these tags.
"""

from __future__ import annotations

import re

_OPEN = re.compile(r"\s*<(think|thinking)>", re.IGNORECASE)
_OPENINGS = ("<think>", "<thinking>")
_STRAY_CLOSE = re.compile(r"</think(?:ing)?>\s*", re.IGNORECASE)


class ThoughtFilter:
    """Takes an answer piece by piece and gives back what is not thought."""

    def __init__(self) -> None:
        self._held = ""
        self._closing: str | None = None  # the tag that ends the thought being read
        self._answering = False

    def feed(self, piece: str) -> str:
        """What this piece adds to the answer; white space before its first word is dropped."""
        if self._answering:
            return piece
        self._held += piece
        while True:
            if self._closing is not None:
                at = self._held.casefold().find(self._closing)
                if at < 0:
                    self._held = self._held[-len(self._closing) :]
                    return ""
                self._held = self._held[at + len(self._closing) :]
                self._closing = None
            opening = _OPEN.match(self._held)
            if opening is None:
                break
            self._closing = f"</{opening[1].casefold()}>"
            self._held = self._held[opening.end() :]
        begun = self._held.lstrip()
        if any(tag.startswith(begun.casefold()) for tag in _OPENINGS):
            return ""  # nothing yet, or what may become a tag
        self._answering = True
        self._held = ""
        return begun

    def close(self) -> str:
        """What was held back and turned out to be no thought, once the answer has ended."""
        held = "" if self._closing is not None else self._held.lstrip()
        self._held = ""
        return held


def without_thoughts(answer: str) -> str:
    """A whole answer without its thought, also where the server has swallowed the tag that opened it."""
    thoughts = ThoughtFilter()
    answer = thoughts.feed(answer) + thoughts.close()
    *_, answer = _STRAY_CLOSE.split(answer)
    return answer


def shows_thoughts(answer: str) -> bool:
    """Whether an answer holds the end of a thought that never began, so that its beginning was no answer."""
    return _STRAY_CLOSE.search(answer) is not None
