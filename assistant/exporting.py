"""Answers and conversations as files to take along: Markdown with footnotes for people, JSON for programs.

The words of documents and models are kept from becoming links, images or HTML, as in `assistant.written`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from assistant.citing import NOT_FOUND
from assistant.history import Conversation, Turn
from assistant.types import Answer
from assistant.written import SHOWN, footnote, one_line, unmarked, words_of

JSON_VERSION = 1
"""Version of the exported form; grows when a field changes its meaning."""


def answer_markdown(answer: Answer, prefix: str = "") -> str:
    """An answer with its footnotes, which `prefix` tells apart from those of other answers in one text."""
    parts: list[str] = []
    for sentence in answer.sentences:
        marks = "".join(f"[^{prefix}{citation.number}]" for citation in sentence.citations)
        gap = "" if not parts else "\n\n" if sentence.starts_paragraph else " "
        parts.append(f"{gap}{words_of(sentence)}{SHOWN[sentence.support]}{marks}")
    blocks = ["".join(parts)] if parts else []
    if answer.complete and not answer.found:
        blocks.append(NOT_FOUND)
    if answer.notice:
        blocks.append(unmarked(answer.notice))
    if answer.citations:
        blocks.append(
            "\n".join(
                f"[^{prefix}{citation.number}]: {footnote(citation, quoted=True)}" for citation in answer.citations
            )
        )
    return "\n\n".join(blocks) + "\n"


def conversation_markdown(conversation: Conversation, turns: Sequence[Turn]) -> str:
    """All questions with their answers, each answer followed by its footnotes."""
    blocks = [f"# {unmarked(one_line(conversation.title))}", _moment(conversation.created)]
    for at, turn in enumerate(turns, 1):
        blocks.append(f"## {unmarked(one_line(turn.question))}")
        blocks.append(answer_markdown(turn.answer, f"{at}-").rstrip("\n") if turn.answer else "Not answered.")
    return "\n\n".join(blocks) + "\n"


def conversation_json(conversation: Conversation, turns: Sequence[Turn]) -> str:
    """All that is kept of a conversation. Offsets count Unicode code points of the document's text; times are ISO 8601
    in UTC."""
    exported = {
        "version": JSON_VERSION,
        "title": conversation.title,
        "created": _moment(conversation.created),
        "updated": _moment(conversation.updated),
        "turns": [
            {
                "question": turn.question,
                "asked_at": _moment(turn.asked_at),
                "answer": asdict(turn.answer) if turn.answer else None,
                "rating": asdict(turn.rating) if turn.rating else None,
            }
            for turn in turns
        ],
    }
    return json.dumps(exported, ensure_ascii=False, indent=2) + "\n"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
