"""What a question asks for and names, by its surface. Pure.

These signs are rough on purpose: they can make an answer more or less likely and never decide by themselves.
"""

from __future__ import annotations

import re
from enum import StrEnum

from index.rarity import chance
from index.terms import STOPWORDS, terms


class Kind(StrEnum):
    """What kind of words must answer: a number, a point in time, a name of someone or somewhere, or anything."""

    NUMBER = "number"
    WHEN = "when"
    WHO = "who"
    WHERE = "where"
    ANY = "any"


# A word of this much of general English is no name although it begins a sentence with a capital.
_COMMON = 0.01
_WORD = re.compile(r"[^\W_]+(?:['’.,-][^\W_]+)*")
_SPELT = """
    one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
    nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred hundreds thousand thousands million millions
    billion half third quarter first second fourth fifth sixth twice once dozen dozens several
"""
_NUMBER_WORDS = frozenset(_SPELT.split())
_MONTHS_AND_DAYS = (
    "january|february|march|april|may|june|july|august|september|october|november|december"
    "|monday|tuesday|wednesday|thursday|friday|saturday|sunday"
)
_DATE = re.compile(rf"\b({_MONTHS_AND_DAYS}|century|decade|years?|[0-9]{{3,4}}s?)\b", re.I)
_TIME = re.compile(
    rf"\d|\b({_MONTHS_AND_DAYS}|century|decades?|years?|months?|weeks?|days?|hours?|today|tomorrow|yesterday|ago|recently"
    r"|during|after|before|since|until|later|early|late|once|while|when|war|age|era|period|season|spring|summer|autumn"
    r"|winter|night|morning|evening|time)\b",
    re.I,
)
_ASKED = (
    (
        Kind.NUMBER,
        r"\bhow (many|much|long|old|far|large|tall|high|often|big|fast|wide|deep|few)\b|\b(percentage|number) of\b"
        r"|\bwhat (is the |was the )?(number|percent|percentage|amount|fraction|proportion|population|age|price|cost)\b",
    ),
    (
        Kind.WHEN,
        # Not every "when": "What happens when it rains?" asks for no time.
        r"\bwhen (?:did|do|does|is|are|was|were|will|would|has|had|have|can|could|shall|should|might|must)\b"
        r"|\b(?:since|until|till|by|from) when\b|\bwhen\W*$"
        r"|\b(what|which) (year|date|day|month|century|decade|period|era|time)\b",
    ),
    (
        Kind.WHO,
        r"\bwho(m|se)?\b|\b(what|which) (person|man|woman|people|scientist|king|general|president|leader|author)\b",
    ),
    (
        Kind.WHERE,
        r"\bwhere\b|\b(what|which) (city|country|state|place|town|continent|location|region|area|river|district)\b",
    ),
)
_ASKED_PATTERNS = tuple((kind, re.compile(pattern, re.I)) for kind, pattern in _ASKED)


def kind_asked(question: str) -> Kind:
    """The kind of words that must answer the question."""
    return next((kind for kind, pattern in _ASKED_PATTERNS if pattern.search(question)), Kind.ANY)


def numbers(text: str) -> set[str]:
    """The numbers in a text, in figures or in words, as they are written but in lower case."""
    found = {word.lower() for word in _words(text)}
    return {word for word in found if _has_digit(word) or _NUMBER_WORDS & set(word.split("-"))}


def names(text: str) -> set[str]:
    """The words with a capital that do not open the text, in lower case."""
    return {
        word.lower()
        for at, word in enumerate(_words(text))
        if at and word[0].isupper() and word.lower() not in STOPWORDS and not _has_digit(word)
    }


def figures(text: str) -> set[str]:
    """The words of a text that hold a digit, in lower case."""
    return {word.lower() for word in _words(text) if _has_digit(word)}


def holds_kind(kind: Kind, sentence: str, question: str) -> bool:
    """Whether the sentence holds words of the kind asked for that the question does not hold itself."""
    if kind is Kind.ANY:
        return False
    asked = {word.lower() for word in _words(question)}
    match kind:
        case Kind.NUMBER:
            return bool(numbers(sentence) - asked)
        case Kind.WHEN:
            return any(found.lower() not in asked for found in _DATE.findall(sentence))
        case Kind.WHO:
            return bool((names(sentence) | _opening_name(sentence)) - asked)
        case Kind.WHERE:
            return bool(names(sentence) - asked)


def could_hold(kind: Kind, text: str, question: str) -> bool:
    """Whether the text holds anything that could be of the kind asked for; weaker than `holds_kind`."""
    match kind:
        case Kind.NUMBER:
            return bool(numbers(text) - {word.lower() for word in _words(question)})
        case Kind.WHEN:
            return _TIME.search(text) is not None
        case _:
            return True


def _opening_name(sentence: str) -> set[str]:
    opening = _words(sentence)[:1]
    if not opening or not opening[0][0].isupper() or opening[0].lower() in STOPWORDS:
        return set()
    return {opening[0].lower()} if all(chance(term) < _COMMON for term in terms(opening[0])) else set()


def _words(text: str) -> list[str]:
    """The words as they are written, abbreviations without their points: U.S. is US."""
    return [word.replace(".", "") if word[0].isalpha() else word for word in _WORD.findall(text)]


def _has_digit(word: str) -> bool:
    return any(character.isdigit() for character in word)
