"""Text -> search terms: what BM25 counts. Pure.

Words are case-folded, compatibility-normalised (so that a ligature or a full-width digit is found), freed of accents
in scripts that people type without them, and stemmed with Snowball's English stemmer, which leaves words of other
languages nearly as they are. Scripts written without spaces are cut into overlapping pairs of characters, the usual way
to search them without a dictionary.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from itertools import chain
from typing import TYPE_CHECKING

import regex

if TYPE_CHECKING:
    from Stemmer import Stemmer

VERSION = "1"

_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
# Dots, commas and apostrophes inside a word hold it together: U.S., 3.5, 1,000, it's. Marks belong to their letter.
_WORD = regex.compile(rf"{_UNSPACED}+|(?:(?!{_UNSPACED})[\p{{L}}\p{{N}}][\p{{M}}]*(?:[.,'’](?=[\p{{L}}\p{{N}}]))?)+")
_ASCII_WORD = re.compile(r"[a-z0-9]+(?:[.,'][a-z0-9]+)*")  # the same where all is ASCII
# What typesetting makes of marks, where it stands for the same ones or parts words just as these do.
_TYPESET = str.maketrans({"’": "'", "‘": " ", "“": " ", "”": " ", "–": " ", "—": " ", "…": "...", "\u00a0": " "})
_ACCENTS = regex.compile(r"(?<=[\p{Latin}\p{Greek}\p{Cyrillic}])\p{Mn}+")
_STARTS_UNSPACED = regex.compile(_UNSPACED)
_DROPPED = str.maketrans("", "", ".,'’")
# A point inside a number is kept, as a sign that no tokenizer of SQLite's takes for a border.
_DROPPED_IN_NUMBER = str.maketrans(".", "·", ",'’")

# Words whose terms are remembered: most of a text is made of few.
_REMEMBERED = 1 << 16

# Words that say how a question is put, not what it is about: the closed classes of English, and how people ask.
_CLOSED_CLASSES = """
    a about above according after again against all also am an and any are article as at be because been before
    being below between both but by can could describe did do document does doing down during each else ever
    exactly explain few for from further had has have having he her here hers herself him himself his how i if
    in into is it its itself just may me mean might more most must my myself no nor not of off on once only or
    other our ours ourselves out over own passage please really refer referring s said same say says shall she
    should so some such t tell text than that the their theirs them themselves then there these they this those
    through to too under until up very was we were what when where which while who whom whose why will with
    would you your yours yourself yourselves
"""
STOPWORDS = frozenset(_CLOSED_CLASSES.split())


def terms(text: str) -> list[str]:
    """The search terms of `text` in order, repeats kept."""
    return list(chain.from_iterable(map(_terms_of, _found(text))))


def question_terms(text: str) -> list[str]:
    """The terms of a question that say what it is about, each once, in order; all of them where none would be left."""
    words = [word for found in _found(text) if (word := _shortened(found))]
    telling = [word for word in words if word not in STOPWORDS] or words
    return list(dict.fromkeys(term for word in telling for term in terms(word)))


def _found(text: str) -> list[str]:
    """The words as they stand in the text, folded, with what will be dropped from them."""
    plain = text if text.isascii() else text.translate(_TYPESET)
    if plain.isascii():  # which the rest would leave as it is
        return _ASCII_WORD.findall(plain.lower())
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", text))
    folded = unicodedata.normalize("NFKC", bare.casefold())
    return [match.group() for match in _WORD.finditer(folded)]


def _shortened(word: str) -> str:
    for ending in ("'s", "’s"):
        word = word.removesuffix(ending)
    return word.translate(_DROPPED_IN_NUMBER if word[0].isdigit() else _DROPPED)


def is_unspaced(word: str) -> bool:
    """Whether a word or term is of a script that is written without spaces."""
    return _STARTS_UNSPACED.match(word) is not None


def _pairs(word: str) -> list[str]:
    return [word[i : i + 2] for i in range(len(word) - 1)] or [word]


@lru_cache(_REMEMBERED)
def _terms_of(found: str) -> tuple[str, ...]:
    word = _shortened(found)
    if not word:
        return ()
    return tuple(_pairs(word)) if is_unspaced(word) else (_stem(word),)


@cache
def _stemmer() -> Stemmer:
    from Stemmer import Stemmer

    return Stemmer("english")


def _stem(word: str) -> str:
    return str(_stemmer().stemWord(word))
