"""The HTTP API: OpenAI's chat completions over a library, and the search under it.

    POST /v1/chat/completions   an answer, streamed or not, with its citations in the message's `annotations`;
                                `scope` ({"in": [...], "since": "", "until": ""}) is the part of the folder to ask
    GET  /v1/models             the one model there is, "footnote"
    GET  /search?q=&limit=      the passages that match best; in=, since= and until= as on the command line
    GET  /health                whether the index is in step with the folder

Every answer is given from the folder as it is when it is asked for, as on the command line.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import asdict
from typing import Annotated, Any

import anyio
from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.sse import EventSourceResponse, format_sse_event
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from assistant.errors import FootnoteError
from assistant.gate import MAX_BODY, Gate
from assistant.keeping import Keeper, NotInStep
from assistant.library import Library
from assistant.protocol import (
    MAX_PATHS,
    MAX_QUESTION,
    MODEL,
    Asked,
    ChatRequest,
    Completion,
    RequestInvalid,
    annotated,
    asked,
    usage,
)
from assistant.types import Answer, Scope, State
from assistant.written import WrittenAnswer
from index.errors import FolderMissing, ScopeUnusable
from index.types import Hit

MAX_PASSAGES = 50
_REMEMBERED = 256
# Seconds after which a client may ask again that came while the documents were being read.
_AGAIN = "5"

_log = logging.getLogger(__name__)


class AnswerFailed(FootnoteError):
    """An answer broke off on its way."""


class NoDocuments(FootnoteError):
    """The folder holds nothing to answer from."""


class Remembered:
    """The answers last given, by their text. A client sends back the text alone, and a follow-up may ask for what the
    answer before it did not show; after a restart such an answer is known by its words only."""

    def __init__(self) -> None:
        self._answers: OrderedDict[str, Answer] = OrderedDict()

    def put(self, text: str, answer: Answer) -> None:
        self._answers[text] = answer
        self._answers.move_to_end(text)
        if len(self._answers) > _REMEMBERED:
            self._answers.popitem(last=False)

    def get(self, text: str) -> Answer | None:
        return self._answers.get(text)


def application(library: Library, token: str, host: str) -> Gate:
    """The ASGI application over an open library, which it keeps in step with its folder; `host` is listened on."""
    keeper = Keeper(library)
    remembered = Remembered()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        keeping = asyncio.create_task(keeper.keep())
        yield
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping

    app = FastAPI(
        lifespan=lifespan,
        max_body_size=MAX_BODY,
        redirect_slashes=False,
        # Pages that load scripts from elsewhere, and reports to elsewhere: nothing here may.
        openapi_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        exception_handlers={
            RequestValidationError: _invalid,
            HTTPException: _http_error,
            FootnoteError: _told,
            Exception: _unforeseen,
        },
    )

    @app.post("/v1/chat/completions", response_model=None)
    async def chat_completions(body: ChatRequest, request: Request) -> Response | dict[str, Any]:
        if body.model != MODEL:
            return _unknown_model(body.model)
        question = asked(body.messages, remembered.get)
        scope = Scope.of(body.scope.paths, body.scope.since, body.scope.until)
        await _ready(keeper, library)
        prompt_tokens = sum(await run_in_threadpool(library.count_tokens, [message.text for message in body.messages]))
        written = WrittenAnswer()
        completion = Completion()
        growing = _growing(library, question, scope)
        if not body.stream:
            answer = await _last(growing, request)
            text = written.finish(answer)
            remembered.put(text, answer)
            tokens = usage(prompt_tokens, *await run_in_threadpool(library.count_tokens, [text]))
            return completion.whole(text, annotated(answer, written), tokens)

        async def chunks(first: Answer) -> AsyncIterator[dict[str, Any]]:
            answer = first
            yield completion.chunk({"role": "assistant", "content": written.grow(first)})
            async with aclosing(growing):
                async for answer in growing:
                    if piece := written.grow(answer):
                        yield completion.chunk({"content": piece})
            _whole(answer)
            if piece := written.finish(answer):
                yield completion.chunk({"content": piece})
            remembered.put(written.text, answer)
            yield completion.chunk({"annotations": annotated(answer, written)}, "stop")
            if body.stream_options and body.stream_options.include_usage:
                tokens = usage(prompt_tokens, *await run_in_threadpool(library.count_tokens, [written.text]))
                yield completion.usage_chunk(tokens)

        # The first is awaited here, so that what hinders an answer still gets a status of its own.
        return EventSourceResponse(_events(chunks(await anext(growing))), headers={"Cache-Control": "no-store"})

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [_MODEL]}

    @app.get("/v1/models/{model}", response_model=None)
    async def model(model: str) -> Response | dict[str, Any]:
        return _MODEL if model == MODEL else _unknown_model(model)

    @app.get("/search")
    async def search(
        q: Annotated[str, Query(min_length=1, max_length=MAX_QUESTION)],
        limit: Annotated[int, Query(ge=1, le=MAX_PASSAGES)] = 10,
        paths: Annotated[list[str], Query(alias="in", max_length=MAX_PATHS)] = [],  # noqa: B006  FastAPI copies it
        since: str = "",
        until: str = "",
    ) -> dict[str, Any]:
        scope = Scope.of(paths, since, until)
        await _ready(keeper, library)
        hits = await run_in_threadpool(library.search, q, limit, scope)
        return {"query": q, "passages": [_shown(hit) for hit in hits]}

    @app.get("/health")
    async def health() -> dict[str, Any]:
        return await run_in_threadpool(_health, keeper, library)

    return Gate(app, token, host)


_MODEL = {"id": MODEL, "object": "model", "created": 0, "owned_by": "footnote"}


async def _ready(keeper: Keeper, library: Library) -> None:
    await keeper.in_step()
    if not await run_in_threadpool(library.files):
        raise NoDocuments(f"There are no documents in {library.folder}. Put some there and ask again.")


async def _growing(library: Library, question: Asked, scope: Scope) -> AsyncGenerator[Answer, None]:
    """The answer as it grows. It is written in threads; whoever stops listening stops it at its next word."""
    answers = library.ask(question.question, question.turns, scope)
    try:
        while (answer := await run_in_threadpool(next, answers, None)) is not None:
            yield answer
    finally:
        # Not to be broken off, or the endpoint would go on writing for nobody.
        with anyio.CancelScope(shield=True):
            await run_in_threadpool(answers.close)


async def _last(growing: AsyncGenerator[Answer, None], request: Request) -> Answer:
    """The answer once it is whole. Raises AnswerFailed where it broke off."""
    async with aclosing(growing):
        answer = await anext(growing)
        async for further in growing:
            if await request.is_disconnected():
                break
            answer = further
    return _whole(answer)


def _whole(answer: Answer) -> Answer:
    if not answer.complete:
        raise AnswerFailed(answer.notice or "The client went away before the answer was whole.")
    return answer


async def _events(chunks: AsyncIterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    """The chunks as server-sent events. A fault on the way is an event too, which clients of OpenAI's API know."""
    try:
        async for chunk in chunks:
            yield format_sse_event(data_str=_json(chunk))
    except FootnoteError as error:
        yield format_sse_event(data_str=_json(_error(500, str(error))))
        return
    except Exception as error:  # noqa: BLE001  the status is sent already: all that is left is to say it
        _log.exception("An answer broke off")
        yield format_sse_event(data_str=_json(_error(500, _unforeseen_in_words(error))))
        return
    yield format_sse_event(data_str="[DONE]")


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)


def _shown(hit: Hit) -> dict[str, Any]:
    passage = hit.passage
    return {
        "score": hit.score,
        "source": passage.source,
        "title": passage.title,
        "metadata": asdict(passage.metadata),
        "start": passage.start,
        "end": passage.end,
        "text": passage.text,
        "place": passage.place_label(passage.start),
        "line": passage.line,
        "last_line": passage.line_at(max(passage.start, passage.end - 1)),
        "passage_id": passage.id,
        "content_hash": passage.content_hash,
    }


def _health(keeper: Keeper, library: Library) -> dict[str, Any]:
    standing = keeper.standing
    files = library.files()
    never = standing.report is None and standing.error is None and not standing.kept_elsewhere
    progress = standing.progress if standing.syncing else None
    return {
        "status": "failed" if standing.error else "reading" if never else "ready",
        "error": str(standing.error or ""),
        "kept_by_another_process": standing.kept_elsewhere,
        "documents": sum(file.state is State.INDEXED for file in files),
        "not_read": [{"source": file.source, "reason": file.reason} for file in files if file.reason],
        "files_done": progress.files_done if progress else None,
        "files_total": progress.files_total if progress else None,
    }


def _error(status: int, message: str, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _refused(status: int, message: str, code: str | None = None, param: str | None = None) -> JSONResponse:
    # OpenAI's clients try again by themselves unless told not to.
    headers = {"x-should-retry": "false"} if status >= 500 else {}
    return JSONResponse(_error(status, message, code, param), status, headers)


def _unknown_model(model: str) -> JSONResponse:
    return _refused(404, f"There is no model '{model}' here. Ask for '{MODEL}'.", "model_not_found", "model")


async def _invalid(_: Request, fault: Exception) -> Response:
    assert isinstance(fault, RequestValidationError)
    first = fault.errors()[0]
    at = ".".join(str(part) for part in first["loc"][1:])
    return _refused(400, f"{at or 'The request'}: {first['msg'].rstrip('.')}.", param=at or None)


async def _http_error(_: Request, fault: Exception) -> Response:
    assert isinstance(fault, HTTPException)
    told = {
        404: "There is nothing at this address. Try /v1/chat/completions, /v1/models, /search or /health.",
        405: "This address takes another method: POST for /v1/chat/completions, GET for the others.",
        413: f"The request is longer than {MAX_BODY} bytes. Send fewer messages.",
    }
    response = _refused(fault.status_code, told.get(fault.status_code, f"{fault.detail}."))
    response.headers.update(fault.headers or {})
    return response


async def _told(_: Request, fault: Exception) -> Response:
    if isinstance(fault, NotInStep):
        return JSONResponse(_error(503, str(fault)), 503, {"Retry-After": _AGAIN})
    unavailable = isinstance(fault, NoDocuments | FolderMissing)
    return _refused(
        400 if isinstance(fault, RequestInvalid | ScopeUnusable) else 503 if unavailable else 500, str(fault)
    )


async def _unforeseen(_: Request, fault: Exception) -> Response:
    # Starlette raises the fault again once this is sent, so that the server's log holds it.
    return _refused(500, _unforeseen_in_words(fault))


def _unforeseen_in_words(fault: Exception) -> str:
    return f"Footnote failed while answering ({type(fault).__name__}). Ask again; the server's log says more."
