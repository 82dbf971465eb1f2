"""The prompts of prompts/*.md, filled in.

A prompt file holds one section for each message, headed `# system`, `# user` or `# assistant`, with `$name` where a
value goes (`string.Template`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template
from typing import Literal, cast

from assistant.citing import NOT_FOUND

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat, as an endpoint is sent it."""

    role: Role
    content: str


@cache
def _sections(name: str) -> tuple[tuple[Role, Template], ...]:
    text = (files("prompts") / f"{name}.md").read_text(encoding="utf-8")
    _, *parts = re.split(r"^# (system|user|assistant)$", text, flags=re.MULTILINE)
    return tuple((cast(Role, role), Template(body.strip())) for role, body in zip(parts[::2], parts[1::2], strict=True))


def render(name: str, **values: str) -> tuple[Message, ...]:
    """The messages of the prompt `name`, with `values` in their places and the abstention phrase as $not_found.

    A value is put in as it is: text of a document goes through `delimited` first. Raises KeyError when a value the
    prompt needs is missing.
    """
    return tuple(Message(role, template.substitute(values, not_found=NOT_FOUND)) for role, template in _sections(name))


def delimited(label: str, texts: Sequence[str]) -> str:
    """The texts numbered from 1, each between lines that no text can write itself.

    The lines carry a hash of the texts, so that the same texts give the same prompt; a text that held it would have to
    hold a hash of itself. Should one hold it all the same, another is drawn.
    """
    digest = hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass"))
    while any((tag := digest.hexdigest()[:8]) in text for text in texts):
        digest.update(b"again")
    return "\n\n".join(
        f"<{label} {number} {tag}>\n{text.strip()}\n</{label} {number} {tag}>"
        for number, text in enumerate(texts, start=1)
    )


def render_answer(question: str, passages: Sequence[str]) -> tuple[Message, ...]:
    """The messages that ask for an answer to `question` out of `passages`, which are cited as [1], [2] and so on."""
    return render("answer", question=question.strip(), passages=delimited("passage", passages))


def render_condense(history: Sequence[Message], question: str) -> tuple[Message, ...]:
    """The messages that ask to rewrite `question` so that it can be understood without `history`."""
    turns = tuple(f"{message.role}: {message.content}" for message in history)
    return render("condense", question=question.strip(), conversation=delimited("turn", turns))


def render_verify(passage: str, sentence: str) -> tuple[Message, ...]:
    """The messages that ask whether `passage` carries `sentence`: "supported", "partly" or "unsupported"."""
    return render("verify", passage=delimited("passage", [passage]), sentence=delimited("sentence", [sentence]))
