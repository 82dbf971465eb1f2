"""A model's rewriting of a follow-up into a question that is whole by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from assistant.history import Turn
from assistant.prompting import Message, render_condense

if TYPE_CHECKING:
    from assistant.llm import ChatModel

# What went before is told by the last turns; a long conversation must not fill the model's context.
_TURNS = 3
_TURN_CHARACTERS = 600
_TOKENS = 100
_LONGEST = 300


def condensed(model: ChatModel, question: str, turns: Sequence[Turn]) -> str:
    """The question rewritten; empty where what came back is no question of a usable length. Raises EndpointError."""
    history: list[Message] = []
    for turn in turns[-_TURNS:]:
        history.append(Message("user", turn.question[:_TURN_CHARACTERS]))
        if turn.answer is not None and turn.answer.found:
            history.append(Message("assistant", turn.answer.text[:_TURN_CHARACTERS]))
    said = model.complete(render_condense(history, question), _TOKENS).strip().strip('"“”')
    usable = 0 < len(said) <= _LONGEST and "\n" not in said
    return said if usable else ""
