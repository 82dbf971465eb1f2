"""A second opinion on a sentence: the endpoint's, on whether the passages it cites carry it. It is off unless set.

It can lower what the check in code found and never raise it, so that neither a model's mistake nor an order hidden in a
document makes a sentence look better supported.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from assistant.errors import EndpointError
from assistant.prompting import render_verify
from assistant.types import Support

if TYPE_CHECKING:
    from assistant.llm import ChatModel

# One word is asked for; a few more are let pass, such as "The answer is: partly."
_TOKENS = 16
_WORD = re.compile(r"\b(supported|partly|unsupported)\b")


class Entailment:
    """The second opinions on one answer. `fault` is why they ended early; from then on there are none."""

    def __init__(self, model: ChatModel) -> None:
        self._model = model
        self.fault: EndpointError | None = None

    def judged(self, sentence: str, passages: Sequence[str]) -> Support | None:
        """SUPPORTED, PARTLY or UNSUPPORTED; None where the endpoint gives no verdict that can be told for sure."""
        if self.fault is not None:
            return None
        try:
            said = self._model.complete(render_verify("\n\n".join(passages), sentence), _TOKENS)
        except EndpointError as fault:
            self.fault = fault
            return None
        verdicts = set(_WORD.findall(said.casefold()))
        return Support(verdicts.pop()) if len(verdicts) == 1 else None
