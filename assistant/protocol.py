"""OpenAI's chat completions as they come in, as a question with its conversation, and as they go out.

What is not named here is let pass and changes nothing, such as temperature: clients send it unasked, and an answer of
Footnote is the same each time. What would promise an answer of another kind is refused.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from assistant.citing import is_not_found
from assistant.errors import FootnoteError
from assistant.history import Turn
from assistant.types import Answer, Mode, Sentence, Support
from assistant.written import WrittenAnswer

MODEL = "footnote"
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
MAX_MESSAGES = 1000
MAX_PATHS = 200
MAX_QUESTION = 4000
"""Characters of a question."""


class RequestInvalid(FootnoteError):
    """The request asks for what cannot be given."""


class TextPart(BaseModel):
    """A part of a message that is text; other kinds are refused."""

    type: Literal["text"]
    text: str


class ChatMessage(BaseModel):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[TextPart] | None = None

    @property
    def text(self) -> str:
        parts = self.content or ""
        return parts if isinstance(parts, str) else "\n".join(part.text for part in parts)


class StreamOptions(BaseModel):
    include_usage: bool | None = None


class ResponseFormat(BaseModel):
    type: Literal["text"]


class AskedScope(BaseModel):
    """The part of the folder to be asked, as `Scope.of` takes it."""

    paths: Annotated[list[str], Field(alias="in", max_length=MAX_PATHS)] = []
    since: str = ""
    until: str = ""


class ChatRequest(BaseModel):
    model: Annotated[str, Field(max_length=200)]
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=MAX_MESSAGES)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = None
    response_format: ResponseFormat | None = None
    scope: AskedScope = AskedScope()


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and the turns that went before it."""

    question: str
    turns: tuple[Turn, ...]


def asked(messages: Sequence[ChatMessage], given: Callable[[str], Answer | None]) -> Asked:
    """The last message of the user as the question, those before it as turns. Raises RequestInvalid.

    `given` finds the answer that was once written as a text. Instructions to the system are not followed: how an answer
    is made, and that it rests on the documents, is not for the client to say.
    """
    last = max((at for at, message in enumerate(messages) if message.role == "user"), default=None)
    if last is None or not messages[last].text.strip():
        raise RequestInvalid("Ask something: the last message of the role 'user' is the question.")
    question = messages[last].text.strip()
    if any(_HALF_CHARACTER.search(message.text) for message in messages):
        raise RequestInvalid("A message holds half a character (a lone surrogate). Send whole ones.")
    if len(question) > MAX_QUESTION:
        raise RequestInvalid(f"The question has {len(question)} characters; ask it in at most {MAX_QUESTION}.")
    turns: list[Turn] = []
    for message in messages[:last]:
        if message.role == "user":
            turns.append(Turn(len(turns) + 1, message.text.strip(), None, time.time()))
        elif message.role == "assistant" and turns and message.text.strip():
            turn = turns[-1]
            answer = given(message.text) or _told(turn.question, message.text.strip())
            turns[-1] = Turn(turn.id, turn.question, answer, turn.asked_at)
    return Asked(question, tuple(turns))


def _told(question: str, text: str) -> Answer:
    """An answer of which nothing is known but what a client says it was."""
    if is_not_found(text):
        return Answer(question, Mode.GENERATED, found=False)
    return Answer(question, Mode.GENERATED, found=True, sentences=(Sentence(text, (), Support.UNSUPPORTED),))


def annotated(answer: Answer, written: WrittenAnswer) -> list[dict[str, Any]]:
    """Each citation of an answer once, in the order of its number, with the sentences of the text that rest on it.

    `start` and `end` count in the document, `start_index` and `end_index` in the text of the message; all count code
    points.
    """
    return [
        {
            "type": "file_citation",
            "file_citation": {
                **asdict(citation),
                "sentences": [
                    {"start_index": use.start, "end_index": use.end, "support": use.support.value, "note": use.note}
                    for use in written.uses(citation)
                ],
            },
        }
        for citation in answer.citations
    ]


def usage(prompt_tokens: int, completion_tokens: int) -> dict[str, int]:
    """Tokens of the messages that came in and of the text that went out."""
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


class Completion:
    """The identity that one completion and all its chunks share."""

    def __init__(self) -> None:
        self._id = f"chatcmpl-{secrets.token_hex(12)}"
        self._created = int(time.time())

    def whole(self, text: str, notes: list[dict[str, Any]], tokens: dict[str, int]) -> dict[str, Any]:
        message = {"role": "assistant", "content": text, "refusal": None, "annotations": notes}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        return {**self._head("chat.completion"), "choices": [choice], "usage": tokens}

    def chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return {**self._head("chat.completion.chunk"), "choices": [choice]}

    def usage_chunk(self, tokens: dict[str, int]) -> dict[str, Any]:
        return {**self._head("chat.completion.chunk"), "choices": [], "usage": tokens}

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self._id, "object": kind, "created": self._created, "model": MODEL}
