"""How many passages fit into what a model can read. Pure; the model's own tokenizer is not at hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from assistant.prompting import Message

_PIECES = re.compile(
    r"(?P<free> (?=[A-Za-z]))|(?P<space>\s+)|(?P<word>[A-Za-z]+)|(?P<one>[\x00-\u07ff])"
    r"|(?P<three>[\uac00-\ud7a3\U00010000-\U0010ffff])|(?P<two>.)"
)
# A chat template puts a few tokens around each message: 5 for ChatML, at most 10 for those of llama.cpp.
_MESSAGE_TOKENS = 10


def tokens(text: str) -> int:
    """More tokens than `text` is likely to be, in whole tokens: a cautious estimate and no proof.

    One token for 3 letters of a lower-case or capitalised Latin word, for 2 where it is longer than 9; one for every
    letter of other Latin words, every digit, sign, line break and run of spaces, and every letter of one or two UTF-8
    bytes (accents, Greek, Cyrillic, Arabic); two for others (Chinese, Japanese, Devanagari), three for Korean and emoji.
    SmolLM2's tokenizer, whose vocabulary is English, counted no more than this for 14 kinds of text out of 15, and an
    eighth more for German; for English prose it counted two thirds of it (tests/test_budget.py).
    """
    halves = thirds = whole = 0
    for piece in _PIECES.finditer(text):
        found = piece[0]
        match piece.lastgroup:
            case "word" if not (found.islower() or found.istitle()):
                whole += len(found)
            case "word" if len(found) > 9:
                halves += len(found)
            case "word":
                thirds += len(found)
            case "space":
                whole += 1 + sum(character != " " for character in found[1:])
            case "one":
                whole += 1
            case "two":
                whole += 2
            case "three":
                whole += 3
    return whole + -(-halves // 2) + -(-thirds // 3)


def prompt_tokens(messages: Sequence[Message]) -> int:
    """The estimate for messages as a chat template joins them."""
    return sum(_MESSAGE_TOKENS + tokens(message.content) for message in messages)


def fit(build: Callable[[int], Sequence[Message]], passages: int, room: int) -> int:
    """The most passages, of `passages`, whose messages `build(n)` take at most `room` tokens.

    At least 1 where there is one, whatever it takes: the estimate is cautious and the endpoint has the last word.
    """
    for count in range(passages, 1, -1):
        if prompt_tokens(build(count)) <= room:
            return count
    return min(passages, 1)
