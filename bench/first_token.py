"""How long until the first words of a generated answer show, beside the endpoint's own time to its first token.

    python bench/first_token.py [--questions 8]

A real llama.cpp server with SmolLM2 (as in the tests, which keeps no prompt: each is read anew), and the folder `seeds/`
indexed with the real model. Each question is sent to the endpoint directly, with the messages that Footnote makes of it,
and asked through `assistant.answering.answer`, in turn. Printed as JSON, in seconds, the medians over the questions: the
endpoint's first token, the first words that Footnote gives to be shown, what Footnote takes before it asks, and the
median of the ratios.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import openai
from pydantic import SecretStr

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import llama_server  # noqa: E402

from assistant import evaluation  # noqa: E402
from assistant.answering import answer  # noqa: E402
from assistant.llm import ChatModel, Stream  # noqa: E402
from assistant.prompting import Message  # noqa: E402
from assistant.settings import Endpoint  # noqa: E402
from index.folder import FolderIndex  # noqa: E402


class Listened(ChatModel):
    """The product's model, which keeps what it was asked last and when."""

    messages: Sequence[Message] = ()
    asked_at = 0.0

    def stream(self, messages: Sequence[Message], max_tokens: int) -> Stream:
        self.messages, self.asked_at = messages, time.perf_counter()
        return super().stream(messages, max_tokens)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=8)
    arguments = parser.parse_args()
    asked = [case.question for case in evaluation.read_cases(evaluation.EXAMPLE) if case.answerable]
    with tempfile.TemporaryDirectory(prefix="footnote-token-") as place:
        server = llama_server.start(Path(place) / "log.txt")
        index = FolderIndex.open(ROOT / "seeds", Path(place) / "data")
        try:
            index.sync()
            index.prepare()
            figures = measured(server.base_url, index, asked[: arguments.questions])
        finally:
            index.close()
            server.kill()
    print(json.dumps(figures, indent=1))


def measured(base_url: str, index: FolderIndex, questions: Sequence[str]) -> dict[str, float]:
    client = openai.OpenAI(base_url=base_url, api_key="none")
    model = Listened(Endpoint(base_url, SecretStr(""), llama_server.MODEL))
    shown(index, questions[0], model)  # loads what both need
    own, whole, before = [], [], []
    for number, question in enumerate(questions):
        if number % 2:
            own.append(first_token(client, model.messages))
        model.messages = ()
        started, words = time.perf_counter(), shown(index, question, model)
        if not model.messages:
            raise SystemExit(f"The folder was found to hold no answer to “{question}”: nothing to compare.")
        before.append(model.asked_at - started)
        whole.append(words)
        if not number % 2:
            own.append(first_token(client, model.messages))
    return {
        "questions": len(questions),
        "endpoint's first token, s": round(statistics.median(own), 3),
        "first words shown, s": round(statistics.median(whole), 3),
        "before the endpoint is asked, s": round(statistics.median(before), 4),
        "ratio": round(statistics.median(w / o for w, o in zip(whole, own, strict=True)), 3),
    }


def shown(index: FolderIndex, question: str, model: ChatModel) -> float:
    """Seconds from the question to the first words of its answer."""
    started = time.perf_counter()
    for grown in answer(index, question, model):
        if grown.sentences or grown.pending:
            return time.perf_counter() - started
    raise SystemExit(f"The model said nothing to “{question}”.")


def first_token(client: openai.OpenAI, messages: Sequence[Message]) -> float:
    started = time.perf_counter()
    stream = client.chat.completions.create(
        model=llama_server.MODEL,
        messages=[{"role": m.role, "content": m.content} for m in messages],  # type: ignore[misc]
        max_tokens=768,
        temperature=0,
        stream=True,
    )
    with stream:
        for event in stream:
            if event.choices and event.choices[0].delta.content:
                return time.perf_counter() - started
    raise SystemExit("The endpoint said nothing.")


if __name__ == "__main__":
    main()
