"""Documents -> first questions about them. Made without a model, from sentences whose form tells what they answer, and
given only where the folder is found to answer them from the very document they were made from.

The forms are English; documents in other languages yield names at most.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from assistant.answering import answered_by
from index.folder import FolderIndex

_DOCUMENTS = 24
"""Documents looked at, spread evenly over the folder."""

_READ = 40_000
"""Characters of each that are looked at."""

_CHECKED = 3
"""Questions tried for each document and round before the next document has its turn."""

_CAPITAL = r"[A-Z][\w’'-]+"
_NAME = rf"{_CAPITAL}(?: {_CAPITAL}){{0,3}}"
_THING = r"[Tt]he [a-z]+(?: [a-z]+)?(?: of [A-Z]\w+)?"
_SAYING = {
    "said": "say",
    "told": "say",
    "wrote": "write",
    "announced": "announce",
    "decided": "decide",
    "demanded": "demand",
    "confirmed": "confirm",
    "denied": "deny",
    "promised": "promise",
    "proposed": "propose",
    "explained": "explain",
    "found": "find",
}
_BEGINNING = {"began": "begin", "started": "start", "ended": "end", "opened": "open", "closed": "close", "met": "meet"}
_NUMBERS = r"\d[\d,.]*|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"

_SAID = re.compile(rf"\b({_NAME}|{_THING}) (?:\w+ly |later |then |also )?({'|'.join(_SAYING)})\b")
_BEGAN = re.compile(rf"\b({_THING}) ({'|'.join(_BEGINNING)})\b[^.\n]{{0,60}}\b(?:1\d{{3}}|20\d{{2}})\b")
_CALLED = re.compile(rf"\b({_THING}) (is|was) (?:called|named) ")
_COUNTED = re.compile(rf"\b({_THING}) (has|had) (?:{_NUMBERS}) ([a-z]+s)\b")
_FULL_NAME = re.compile(rf"\b{_CAPITAL}(?: {_CAPITAL}){{1,4}}\b(?! of\b)")
# Capitals that begin a sentence and name nobody.
_OPENERS = """
    A After All Also An And As At Before But By During Each For From He Her Here His How However I If In It Its Many My No
    Nobody Not Of On One Or Our Several She So Some Such That The Their Then There These They This Those Though To Today
    Under What When Where Which While Who With You
"""
_NO_NAMES = frozenset(_OPENERS.split())


def suggestions(index: FolderIndex) -> Iterator[str]:
    """Questions that the folder answers, each from a document of its own until every document had its turn."""
    sources = [file.source for file in index.files() if file.passages]
    chosen = sources[:: max(1, -(-len(sources) // _DOCUMENTS))]
    waiting = {source: list(_questions(index, source)) for source in chosen}
    given: set[str] = set()
    while any(waiting.values()):
        for source, questions in waiting.items():
            tried, waiting[source] = questions[:_CHECKED], questions[_CHECKED:]
            for at, question in enumerate(tried):
                if question not in given and answered_by(index, question) == source:
                    given.add(question)
                    waiting[source] = tried[at + 1 :] + waiting[source]
                    yield question
                    break


def _questions(index: FolderIndex, source: str) -> Iterator[str]:
    document = index.document(source)
    if document is not None:
        yield from dict.fromkeys(questions_in(document.text[:_READ]))


def questions_in(text: str) -> Iterator[str]:
    """Questions that sentences of the text seem to answer, the forms that tell most first."""
    for found in _CALLED.finditer(text):
        yield f"What {found[2]} {_low(found[1])} called?"
    for found in _BEGAN.finditer(text):
        yield f"When did {_low(found[1])} {_BEGINNING[found[2]]}?"
    for found in _SAID.finditer(text):
        if found[1].split()[0] not in _NO_NAMES - {"The"}:
            yield f"What did {_low(found[1])} {_SAYING[found[2]]}?"
    for found in _COUNTED.finditer(text):
        yield f"How many {found[3]} {'does' if found[2] == 'has' else 'did'} {_low(found[1])} have?"
    names = Counter(name for name in _FULL_NAME.findall(text) if name.split()[0] not in _NO_NAMES)
    for name, _ in names.most_common(_CHECKED):
        yield f"What is said about {name}?"


def _low(thing: str) -> str:
    return "the" + thing[3:] if thing.startswith("The ") else thing
