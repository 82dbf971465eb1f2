"""The chat endpoint: messages in, text out. The only module that knows of `openai`.

`openai` takes more than a second to import, so it is imported when the first request is made.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from assistant.budget import fit
from assistant.errors import (
    ContextExceeded,
    EndpointBusy,
    EndpointError,
    EndpointFailed,
    EndpointGarbled,
    EndpointRefused,
    EndpointUnreachable,
    ModelUnknown,
)
from assistant.prompting import Message
from assistant.settings import OPENAI_BASE_URL, Endpoint
from assistant.thoughts import ThoughtFilter, shows_thoughts, without_thoughts

if TYPE_CHECKING:
    import openai

# Tokens a model is taken to read when its endpoint does not say. For OpenAI, the smallest context of a chat model it
# still serves (gpt-3.5-turbo); elsewhere what Ollama gives a model unless told otherwise, because Ollama cuts a longer
# prompt without a word.
OPENAI_CONTEXT = 16_384
UNKNOWN_CONTEXT = 4_096

_CONNECT_SECONDS = 10.0
_RETRIES = 2
# What endpoints call the context size in /v1/models: llama.cpp (inside "meta"), vLLM, Groq, OpenRouter and Together,
# Mistral.
_CONTEXT_NAMES = ("n_ctx", "max_model_len", "context_window", "context_length", "max_context_length")
_TEXT_PARTS = ("text", "output_text")
_CONTEXT_EXCEEDED = re.compile(
    r"context_length_exceeded|exceed_context_size|maximum context|context (?:length|window|size)", re.IGNORECASE
)
_CONTEXT_STATED = re.compile(r"context (?:length|window|size)\D{0,20}(\d{3,8})", re.IGNORECASE)


class ChatModel:
    """A chat model behind an OpenAI-compatible endpoint. Not to be shared between threads.

    Every method that reaches the endpoint raises a kind of `EndpointError` whose text says what to do, and never holds
    the key. Connection faults, 429 and 5xx are retried twice, after the wait the endpoint asks for, before they raise;
    silence is not. Redirects are not followed: documents' text goes to the address that was named and to no other.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._faults = _Faults(endpoint)
        # Replaced when the endpoint says it wants it otherwise; see _adapt.
        self._limit_name = "max_tokens"
        self._sampling: dict[str, object] = {"temperature": 0}

    @cached_property
    def name(self) -> str:
        """The model asked for: the one set, else the first the endpoint offers that is not there for embeddings.

        Raises `ModelUnknown` when it offers none.
        """
        if self._endpoint.model:
            return self._endpoint.model
        names = _names(self._offered)
        if not names:
            raise self._faults.nothing_offered()
        return next((name for name in names if "embed" not in name.casefold()), names[0])

    @property
    def gives_second_opinions(self) -> bool:
        """Whether it was set to say of each sentence whether its source carries it."""
        return self._endpoint.entailment

    @property
    def context(self) -> int:
        """How many tokens the model reads and writes together, as the endpoint says; else a cautious guess."""
        return self._faults.context or self._offered_context

    @cached_property
    def _offered_context(self) -> int:
        try:
            name, offered = self.name, self._offered
        except EndpointUnreachable:
            raise
        except EndpointError:  # an endpoint may answer chats and keep its list of models to itself
            name, offered = "", []
        own = [model for model in offered if name == model.get("id") or name in _list(model.get("aliases"))]
        # A server of one model answers with it whatever name is asked for.
        for model in own or (offered if len(offered) == 1 else []):
            meta = model.get("meta")
            for record in (meta if isinstance(meta, dict) else {}, model):
                sizes = (record.get(key) for key in _CONTEXT_NAMES)
                stated = next((size for size in sizes if isinstance(size, int) and size > 0), None)
                if stated is not None:
                    return stated
        openai_itself = urlsplit(self._endpoint.base_url).hostname == urlsplit(OPENAI_BASE_URL).hostname
        return OPENAI_CONTEXT if openai_itself else UNKNOWN_CONTEXT

    def stream(self, messages: Sequence[Message], max_tokens: int) -> Stream:
        """The answer to `messages` as it is written, of at most `max_tokens` tokens.

        The request is made before this returns, so that an endpoint that refuses raises here.
        """
        with self._faults.translated():
            import openai

            events = self._post(messages, max_tokens, openai.Stream[object])
            content_type = events.response.headers.get("content-type", "")
            if "html" in content_type:
                events.close()
                raise self._faults.web_page()
            # An endpoint that cannot stream answers in one piece.
            pieces = iter([json.loads(events.response.read())]) if "json" in content_type else events
            return Stream(pieces, events.close, self._faults)

    def stream_fitting(
        self, build: Callable[[int], Sequence[Message]], passages: int, max_tokens: int
    ) -> tuple[int, Stream]:
        """As `stream`, with as many of the passages as the model can read: (how many were sent, the stream).

        `build(n)` makes the messages with the first n passages. Should the endpoint count more tokens than were
        estimated, at most half of them are tried once. Raises `ContextExceeded` when that is too much as well.
        """
        sent = fit(build, passages, self.context - max_tokens)
        try:
            return sent, self.stream(build(sent), max_tokens)
        except ContextExceeded:
            if sent < 2:
                raise
        sent = min(sent // 2, fit(build, passages, self.context - max_tokens))
        return sent, self.stream(build(sent), max_tokens)

    def complete(self, messages: Sequence[Message], max_tokens: int) -> str:
        """The whole answer to `messages`, of at most `max_tokens` tokens; never empty."""
        with self._faults.translated():
            choice = self._faults.choice(self._post(messages, max_tokens, None))
            text = without_thoughts(_text(choice)).strip()
            if not text:
                raise self._faults.empty(choice.get("finish_reason"))
            return text

    @cached_property
    def _client(self) -> openai.OpenAI:
        import httpx2  # what openai sends with
        import openai

        silent = self._faults.silent

        class Http(httpx2.Client):
            def send(self, *args: Any, **kwargs: Any) -> httpx2.Response:
                # openai would ask again after a silence, which triples the wait and makes a slow server start anew.
                try:
                    return super().send(*args, **kwargs)
                except httpx2.ReadTimeout:
                    raise silent() from None

        seconds = self._endpoint.timeout
        timeout = httpx2.Timeout(seconds, connect=min(_CONNECT_SECONDS, seconds))
        return openai.OpenAI(
            base_url=self._endpoint.base_url,
            # openai insists on a key; a server that asks for none ignores this one.
            api_key=self._endpoint.key.get_secret_value() or "none",
            max_retries=_RETRIES,
            timeout=timeout,
            http_client=Http(timeout=timeout, follow_redirects=False),
        )

    @cached_property
    def _offered(self) -> list[dict[str, Any]]:
        """The endpoint's models, as its list describes them."""
        with self._faults.translated():
            answer = self._client.get("/models", cast_to=cast(Any, object))
            models = _list(self._faults.record(answer).get("data"))
            return [model for model in models if isinstance(model, dict)]

    def _post(self, messages: Sequence[Message], max_tokens: int, stream_cls: Any) -> Any:
        """The decoded JSON of the answer, or with `stream_cls` the stream of it.

        Plain JSON is asked for, not openai's classes: those are filled unchecked, so that a malformed answer would
        show later, as an attribute of an unexpected type.
        """
        import openai

        while True:
            body = {
                "model": self.name,
                "messages": [{"role": message.role, "content": message.content} for message in messages],
                "stream": stream_cls is not None,
                self._limit_name: max_tokens,
                **self._sampling,
            }
            try:
                return self._client.post(
                    "/chat/completions",
                    cast_to=cast(Any, object),
                    body=body,
                    stream=stream_cls is not None,
                    stream_cls=stream_cls,
                )
            except openai.BadRequestError as error:
                if not self._adapt(error.message):
                    raise
            except openai.NotFoundError:
                raise self._faults.unknown(self.name, self._offered_names()) from None

    def _adapt(self, complaint: str) -> bool:
        """Whether the request can be made as the endpoint wants it: OpenAI's reasoning models refuse two parameters."""
        if "max_completion_tokens" in complaint and self._limit_name == "max_tokens":
            self._limit_name = "max_completion_tokens"
            return True
        if "temperature" in complaint and self._sampling:
            self._sampling = {}
            return True
        return False

    def _offered_names(self) -> list[str]:
        try:
            return _names(self._offered)
        except EndpointError:  # asked only to word another error better
            return []


class Stream(Iterator[str]):
    """The pieces of an answer, none of them empty. What the model thinks before it answers is left out.

    Iterating raises `EndpointUnreachable` when the connection is lost or falls silent; the pieces given until then
    stand. `EndpointGarbled` says that they do not: there was no answer, or it turned out to be the model's thinking.
    Once iterated, `truncated` says whether the answer was cut short, at its token limit or by a content filter.
    `close` ends the request early, and a server then stops writing.
    """

    def __init__(self, events: Iterator[object], close: Callable[[], None], faults: _Faults) -> None:
        self.truncated = False
        self._close = close
        self._pieces = self._read(events, faults)

    def __next__(self) -> str:
        return next(self._pieces)

    def close(self) -> None:
        """End the request. Iterating further gives nothing."""
        self._pieces.close()
        self._close()

    def _read(self, events: Iterator[object], faults: _Faults) -> Generator[str]:
        thoughts = ThoughtFilter()
        spoken = False  # the protocol, that is: at least one event came
        finish = None
        tail = ""  # of what was given; long enough to hold a tag
        with faults.translated(begun=True):
            for event in events:
                choice = faults.choice(event)
                spoken = True
                finish = choice.get("finish_reason") or finish
                piece = thoughts.feed(_text(choice))
                if piece:
                    tail = tail[-16:] + piece
                    if shows_thoughts(tail):
                        raise faults.thinking_aloud()
                    yield piece
            rest = thoughts.close()
            if rest:
                yield rest
            if not spoken:
                raise faults.garbled()
            if not (tail + rest).strip():
                raise faults.empty(finish)
            # A connection can end in order and in the middle of an answer; only the reason tells.
            if finish is None:
                raise faults.broken_off()
        self.truncated = finish != "stop"


@dataclass(slots=True)
class _Faults:
    """What can be wrong with an endpoint's answers, as our errors, each one sentence or two for the person.

    `context` is the context size that the endpoint stated when it refused a prompt as too long.
    """

    endpoint: Endpoint
    context: int | None = None

    @contextmanager
    def translated(self, begun: bool = False) -> Iterator[None]:
        """Every fault of `openai`, and of JSON that is none, as one of our errors; `begun` when an answer has."""
        import openai

        try:
            yield
        except openai.APITimeoutError:
            raise self.silent() from None
        except openai.APIConnectionError as error:
            raise (self.broken_off() if begun else self.unreachable(str(error.__cause__ or error.message))) from None
        except openai.APIStatusError as error:
            raise self.by_status(error) from None
        except openai.APIError as error:
            raise self.reported(error.body or error.message) from None
        except (openai.OpenAIError, ValueError, RecursionError):
            raise self.garbled() from None

    def record(self, answer: object) -> dict[str, Any]:
        """An answer's JSON object. Some proxies label JSON as text, or encode it twice."""
        if isinstance(answer, str):
            if answer.lstrip().startswith("<"):
                raise self.web_page()
            answer = json.loads(answer)
        if not isinstance(answer, dict):
            raise self.garbled()
        return answer

    def choice(self, answer: object) -> dict[str, Any]:
        """The first choice of an answer or of a piece of one; empty where a piece carries none, such as usage."""
        record = self.record(answer)
        if record.get("error"):
            raise self.reported(record["error"])
        if "choices" not in record:
            raise self.garbled()
        choices = _list(record["choices"])
        if not choices:
            return {}
        if not isinstance(choices[0], dict):
            raise self.garbled()
        return choices[0]

    def by_status(self, error: openai.APIStatusError) -> EndpointError:
        """The error for an answer with a status of 300 or more."""
        status, headers = error.status_code, error.response.headers
        if status == 401:
            missing = "" if self.endpoint.key.get_secret_value() else ", which is not set"
            return EndpointRefused(f"{self._where} does not accept the key. Check OPENAI_API_KEY{missing}.")
        if status == 403:
            return EndpointRefused(
                f"{self._where} does not allow this key what was asked. Check OPENAI_API_KEY and FOOTNOTE_MODEL."
            )
        if status == 404:
            return self.unknown(self.endpoint.model, [])
        if status == 429 and error.code == "insufficient_quota":
            return EndpointBusy(f"The account at {self._where} has used up its quota. Top it up, then ask again.")
        if status == 429:
            wait = headers.get("retry-after", "")
            when = f"in {wait} seconds" if wait.isdecimal() else "in a minute"
            return EndpointBusy(f"{self._where} has too much to do or its rate limit is reached. Ask again {when}.")
        if status >= 500:
            return EndpointFailed(
                f"{self._where} failed with status {status}. Ask again; if it stays so, look into that server's log."
            )
        if status < 400:
            return EndpointRefused(
                f"{self._where} redirects to {self._shown(headers.get('location', 'another address'))}. Set "
                "OPENAI_BASE_URL to the address that is meant; redirects are not followed."
            )
        if status == 413 or _CONTEXT_EXCEEDED.search(f"{error.code} {error.type} {error.message}"):
            return self.too_long(f"{error.message} {error.body}")
        return EndpointRefused(
            f'{self._where} refused the request with status {status}: "{self._shown(error.message)}". Check that '
            "FOOTNOTE_MODEL names a chat model."
        )

    def reported(self, body: object) -> EndpointError:
        """The error for an answer whose status was well and whose body is an error."""
        if _CONTEXT_EXCEEDED.search(str(body)):
            return self.too_long(str(body))
        said = body.get("message") if isinstance(body, dict) else body
        return EndpointFailed(f'{self._where} reported a fault: "{self._shown(str(said))}". Ask again.')

    def too_long(self, said: str) -> ContextExceeded:
        stated = _CONTEXT_STATED.search(said)
        if stated:
            self.context = int(stated[1])
        return ContextExceeded(
            "The question and its passages are longer than the model can read. Ask a shorter question, start a new "
            "conversation, or serve the model with a larger context."
        )

    def unreachable(self, cause: str) -> EndpointUnreachable:
        return EndpointUnreachable(
            f"{self._where} cannot be reached: {self._shown(cause)}. Check that the server runs and that "
            "OPENAI_BASE_URL is its address."
        )

    def silent(self) -> EndpointUnreachable:
        return EndpointUnreachable(
            f"{self._where} has been silent for {self.endpoint.timeout:g} seconds. Ask again, or set FOOTNOTE_TIMEOUT to "
            "more seconds if the model is slow."
        )

    def broken_off(self) -> EndpointUnreachable:
        return EndpointUnreachable(f"{self._where} broke off in the middle of the answer. Ask again.")

    def unknown(self, model: str, offered: list[str]) -> ModelUnknown:
        if offered and model not in offered:
            listed = ", ".join(offered[:5]) + (" or another" if len(offered) > 5 else "")
            return ModelUnknown(
                f"{self._where} does not know the model {model}. Set FOOTNOTE_MODEL to one that it offers: {listed}."
            )
        return ModelUnknown(
            f"{self._where} has no such address or no model {model or 'to offer'}. Check OPENAI_BASE_URL, which mostly "
            "ends in /v1, and FOOTNOTE_MODEL."
        )

    def nothing_offered(self) -> ModelUnknown:
        return ModelUnknown(f"{self._where} offers no model. Load one there, or set FOOTNOTE_MODEL to its name.")

    def garbled(self) -> EndpointGarbled:
        return EndpointGarbled(
            f"What {self._where} answered is not the OpenAI chat protocol. Check that OPENAI_BASE_URL is the address of "
            "an OpenAI-compatible server; it mostly ends in /v1."
        )

    def web_page(self) -> EndpointGarbled:
        return EndpointGarbled(
            f"{self._where} answered with a web page. Set OPENAI_BASE_URL to the address of the interface, which mostly "
            "ends in /v1, not of the site."
        )

    def empty(self, finish_reason: object) -> EndpointGarbled:
        if finish_reason == "length":
            return EndpointGarbled(
                "The model spent its whole answer on thinking. Turn its thinking off at the server, or set "
                "FOOTNOTE_MODEL to a model that thinks less."
            )
        return EndpointGarbled("The model gave an empty answer. Ask again, or set FOOTNOTE_MODEL to another model.")

    def thinking_aloud(self) -> EndpointGarbled:
        return EndpointGarbled(
            f"{self._where} mixes the model's thinking into its answer. Turn on the server's reasoning parser, or set "
            "FOOTNOTE_MODEL to a model that does not think."
        )

    @property
    def _where(self) -> str:
        """The endpoint's address, without a user name and password should it hold them."""
        return re.sub(r"//[^/@]*@", "//", self.endpoint.base_url)

    def _shown(self, said: str) -> str:
        """What an endpoint said: short, on one line, and without the key."""
        key = self.endpoint.key.get_secret_value()
        said = " ".join((said.replace(key, "…") if key else said).split()).rstrip(".")
        return said if len(said) <= 200 else said[:199] + "…"


def _names(models: list[dict[str, Any]]) -> list[str]:
    return [str(model["id"]) for model in models if model.get("id")]


def _list(value: object) -> list[Any]:
    """A list, also when it comes as the JSON of one in a string, as some endpoints send theirs; else an empty one."""
    if isinstance(value, str) and value.startswith("["):
        try:
            value = json.loads(value)
        except ValueError:  # text that begins with a bracket
            return []
    return value if isinstance(value, list) else []


def _text(choice: dict[str, Any]) -> str:
    """The text of a choice: its delta's, or its message's where all comes at once.

    Content is a string, null, or a list of parts; of parts only those of text count, not those of thinking.
    """
    carrier = choice.get("delta") or choice.get("message")
    content = carrier.get("content") if isinstance(carrier, dict) else None
    parts = [part for part in _list(content) if isinstance(part, dict) and part.get("type") in _TEXT_PARTS]
    if parts or not isinstance(content, str):
        content = "".join(part["text"] for part in parts if isinstance(part.get("text"), str))
    # JSON can spell half of a surrogate pair, which nothing that writes UTF-8 would take.
    return content.encode("utf-8", "replace").decode("utf-8")
