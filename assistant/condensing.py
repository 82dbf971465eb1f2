"""A model's rewriting of a follow-up into a question that is whole by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from assistant.history import Turn
from assistant.prompting import Message, render_condense
from assistant.written import one_line
from index.terms import STOPWORDS, is_unspaced, question_terms, terms

if TYPE_CHECKING:
    from assistant.llm import ChatModel

# What went before is told by the last turns; a long conversation must not fill the model's context.
_TURNS = 3
_TURN_CHARACTERS = 600
_TOKENS = 100
_LONGEST = 300  # characters
# Without them, some words of Persian and of the languages of India are other words.
_JOINERS = "\u200c\u200d"


def condensed(model: ChatModel, question: str, turns: Sequence[Turn]) -> str:
    """The question rewritten; empty where what came back is not to be used. Raises EndpointError.

    The turns hold words of documents, which may have talked the model into anything. So what is used is one line of a
    question's length that can be shown, and says nothing that the conversation does not: a question may be made whole,
    and not be exchanged for one about something else.
    """
    history: list[Message] = []
    for turn in turns[-_TURNS:]:
        history.append(Message("user", turn.question[:_TURN_CHARACTERS]))
        if turn.answer is not None and turn.answer.found:
            history.append(Message("assistant", turn.answer.text[:_TURN_CHARACTERS]))
    said = model.complete(render_condense(history, question), _TOKENS).strip().strip('"“”')
    if not 0 < len(said) <= _LONGEST or len(said.splitlines()) > 1:
        return ""
    said = one_line(said)
    shown = all(sign.isprintable() or sign in _JOINERS for sign in said)
    spoken_of = " ".join([question, *(message.content for message in history)])
    return said if shown and _is_made_of(said, spoken_of) else ""


def _is_made_of(said: str, known: str) -> bool:
    """Whether every telling word of `said` stands in `known`, in whatever form; where words are not parted by spaces,
    every sign of it."""
    held, signs = set(terms(known)), set(known.casefold())
    asked = question_terms(said)
    return bool(asked) and all(
        term in held or term in STOPWORDS or (is_unspaced(term) and signs.issuperset(term)) for term in asked
    )
