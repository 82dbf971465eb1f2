"""The HTTP API, asked by the real openai client over a real server, beside the command line and the library itself."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from faulty_endpoint import Reply, delta, events, faulty_endpoint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llama_server import LlamaServer
from markdown_it import MarkdownIt
from typer.testing import CliRunner

from assistant import keeping
from assistant.citing import NOT_FOUND
from assistant.cli import app
from assistant.gate import Gate
from assistant.history import Turn
from assistant.library import Library
from assistant.protocol import MAX_MESSAGES, MAX_QUESTION
from assistant.serving import server
from assistant.settings import Settings
from assistant.types import Answer, Support
from assistant.written import WrittenAnswer, unmarked

SEEDS = Path(__file__).parent.parent / "seeds"
TOKEN = "a-token-for-tests"
WHOM = "Who did the US Deputy Secretary of State meet?"
WANTS = "What does Russia want from the United States?"
WHERE = "Where did Sherman speak about missile deployments and exercises?"
PRIME = "What is a prime number?"
MET = (
    "The US Deputy Secretary of State met the Russian Deputy Foreign Minister in Geneva on Monday. "
    "They spoke for eight hours about missiles and about exercises."
)


@dataclass(frozen=True)
class Served:
    """A running server, the library under it, and the environment in which the command line finds the same index."""

    url: str
    library: Library
    environment: dict[str, str]

    @property
    def client(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=TOKEN)

    @property
    def http(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60)

    def document(self, source: str) -> str:
        document = self.library.document(source)
        assert document is not None
        return document.text


@contextmanager
def serving(folder: Path, data: Path, endpoint: str = "") -> Iterator[Served]:
    environment = {"FOOTNOTE_DATA_DIR": str(data), "OPENAI_BASE_URL": endpoint, "OPENAI_API_KEY": ""}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        library = Library.open(folder, Settings.read())
    listening = socket.create_server(("127.0.0.1", 0))
    running = server(library, TOKEN, "127.0.0.1")
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield Served(f"http://127.0.0.1:{listening.getsockname()[1]}", library, environment)
    finally:
        running.should_exit = True
        thread.join()
        listening.close()
        library.close()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SEEDS, tmp_path / "seeds"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Iterator[Served]:
    folder = Path(shutil.copytree(SEEDS, tmp_path_factory.mktemp("folder") / "seeds"))
    with serving(folder, data) as running:
        yield running


@pytest.fixture(scope="module")
def generating(tmp_path_factory: pytest.TempPathFactory, data: Path, llama: LlamaServer) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("short")  # a model on one thread reads a long prompt for a minute
    (folder / "met.txt").write_text(MET)
    with serving(folder, data, llama.base_url) as running:
        yield running


@dataclass(frozen=True)
class Heard:
    """What a client has of an answer."""

    text: str
    citations: list[dict[str, Any]]
    sentences: list[list[dict[str, Any]]]


def _heard(text: str, annotations: list[dict[str, Any]]) -> Heard:
    cited = [dict(annotation["file_citation"]) for annotation in annotations]
    sentences = [citation.pop("sentences") for citation in cited]
    return Heard(text, cited, sentences)


def whole(served: Served, *messages: str, **more: Any) -> Heard:
    completion = served.client.chat.completions.create(model="footnote", messages=_messages(messages), **more)
    (choice,) = completion.choices
    assert choice.finish_reason == "stop"
    return _heard(choice.message.content, completion.model_dump()["choices"][0]["message"]["annotations"])


def streamed(served: Served, *messages: str) -> Heard:
    chunks = list(served.client.chat.completions.create(model="footnote", messages=_messages(messages), stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    return _heard(text, chunks[-1].choices[0].delta.model_extra["annotations"])


def _messages(texts: tuple[str, ...]) -> Any:
    """Texts as a conversation that ends with the user's question."""
    return [
        {"role": "user" if (len(texts) - at) % 2 else "assistant", "content": text} for at, text in enumerate(texts)
    ]


def on_the_command_line(served: Served, question: str) -> dict[str, Any]:
    run = CliRunner().invoke(
        app, ["ask", question, "--json", "--folder", str(served.library.folder)], env=served.environment
    )
    assert run.exit_code == 0, run.output
    return dict(json.loads(run.stdout))


def citations_of(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Each citation of an answer as the command line prints it once, by its number."""
    by_number = {c["number"]: c for sentence in answer["sentences"] for c in sentence["citations"]}
    return [by_number[number] for number in sorted(by_number)]


def as_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


@pytest.mark.parametrize("question", [WHOM, WANTS, WHERE, PRIME])
def test_the_window_the_command_line_and_the_api_streamed_or_not_cite_the_same_under_the_same_numbers(
    served: Served, question: str
) -> None:
    one, other = whole(served, question), streamed(served, question)
    *_, answer = served.library.ask(question)
    assert one == other
    assert one.citations == [as_json(asdict(citation)) for citation in answer.citations]
    assert one.citations == citations_of(on_the_command_line(served, question))
    assert bool(one.citations) == (question != PRIME)


def test_with_an_endpoint_too_all_cite_the_same_under_the_same_numbers(generating: Served) -> None:
    one, other = whole(generating, WHOM), streamed(generating, WHOM)
    printed = on_the_command_line(generating, WHOM)
    assert printed["mode"] == "generated"
    assert one == other
    assert one.citations == citations_of(printed)
    assert {use["support"] for uses in one.sentences for use in uses} <= {s["support"] for s in printed["sentences"]}


def test_the_same_question_four_times_gets_identical_answers(served: Served) -> None:
    first, *further = [whole(served, WANTS) for _ in range(4)]
    assert first.citations
    assert all(again == first for again in further)


def test_a_citation_holds_the_documents_words_and_says_which_sentences_of_the_text_rest_on_it(served: Served) -> None:
    heard = whole(served, WANTS)
    assert [citation["number"] for citation in heard.citations] == list(range(1, len(heard.citations) + 1))
    for citation, uses in zip(heard.citations, heard.sentences, strict=True):
        assert served.document(citation["source"])[citation["start"] : citation["end"]] == citation["quote"]
        assert f"\n[{citation['number']}] {citation['source']}, line {citation['line']}" in heard.text
        assert uses
        for use in uses:
            assert heard.text[use["start_index"] : use["end_index"]] == f"{citation['quote']}[{citation['number']}]"
            assert use["support"] == "quoted"


def test_what_the_documents_do_not_hold_is_said_in_the_one_phrase_without_citations(served: Served) -> None:
    assert whole(served, PRIME) == streamed(served, PRIME) == Heard(NOT_FOUND, [], [])


def test_tokens_are_counted_and_a_stream_tells_them_when_asked(served: Served) -> None:
    messages = _messages((WHOM,))
    tokens = served.client.chat.completions.create(model="footnote", messages=messages).usage
    *_, last = served.client.chat.completions.create(
        model="footnote", messages=messages, stream=True, stream_options={"include_usage": True}
    )
    assert tokens is not None
    assert tokens.prompt_tokens == served.library.count_tokens([WHOM])[0] > 0
    assert tokens.completion_tokens > tokens.prompt_tokens
    assert last.usage == tokens
    assert last.choices == []


def test_a_follow_up_is_answered_as_in_the_window_although_clients_send_back_only_text(served: Served) -> None:
    first = whole(served, WANTS)
    *_, answer = served.library.ask(WANTS)
    *_, window = served.library.ask("yes, more please", [Turn(1, WANTS, answer, 0.0)])
    follow_up = whole(served, WANTS, first.text, "yes, more please")
    assert follow_up == streamed(served, WANTS, first.text, "yes, more please")
    assert follow_up.citations == [as_json(asdict(citation)) for citation in window.citations]
    assert not {(c["start"], c["end"]) for c in follow_up.citations} & {(c["start"], c["end"]) for c in first.citations}


def test_instructions_and_parts_of_text_are_taken_as_clients_send_them(served: Served) -> None:
    completion = served.client.chat.completions.create(
        model="footnote",
        temperature=0.7,
        messages=[
            {"role": "system", "content": "Answer with 'yes' whatever is asked."},
            {"role": "user", "content": [{"type": "text", "text": WHOM}]},
        ],
    )
    assert completion.choices[0].message.content == whole(served, WHOM).text


def test_the_models_are_footnote_alone(served: Served) -> None:
    assert [model.id for model in served.client.models.list()] == ["footnote"]
    assert served.client.models.retrieve("footnote").id == "footnote"
    with pytest.raises(openai.NotFoundError):
        served.client.models.retrieve("gpt-5")
    with pytest.raises(openai.NotFoundError, match="There is no model 'gpt-5' here") as unknown:
        served.client.chat.completions.create(model="gpt-5", messages=_messages((WHOM,)))
    assert unknown.value.code == "model_not_found"


def test_the_search_gives_the_documents_own_words_best_first(served: Served) -> None:
    found = served.http.get("/search", params={"q": WHOM, "limit": 2}).json()["passages"]
    assert len(found) == 2
    assert found[0]["score"] >= found[1]["score"]
    assert "met with the Russian Deputy Foreign Minister" in found[0]["text"]
    for passage in found:
        assert served.document(passage["source"])[passage["start"] : passage["end"]] == passage["text"]
        assert passage["line"] == 1 + served.document(passage["source"]).count("\n", 0, passage["start"])


def test_a_question_and_a_search_can_be_put_to_a_part_of_the_folder(served: Served) -> None:
    [source] = [file.source for file in served.library.files()]
    found = served.http.get("/search", params={"q": WHOM, "in": source}).json()["passages"]
    assert found == served.http.get("/search", params={"q": WHOM}).json()["passages"]
    assert found[0]["metadata"] == {"title": "", "author": "", "date": ""}
    asked = served.client.chat.completions.create(
        model="footnote", messages=_messages((WHOM,)), extra_body={"scope": {"in": [source]}}
    )
    assert asked.choices[0].message.content == whole(served, WHOM).text
    for part, told in (
        ({"in": "elsewhere"}, "No document that can be asked is in elsewhere"),
        ({"since": "x"}, "no date"),
    ):
        refused = served.http.get("/search", params={"q": WHOM, **part})
        assert (refused.status_code, told in refused.json()["error"]["message"]) == (400, True)
    with pytest.raises(openai.BadRequestError, match="leads out of the folder"):
        served.client.chat.completions.create(
            model="footnote", messages=_messages((WHOM,)), extra_body={"scope": {"in": ["../x"]}}
        )


def test_health_tells_when_the_documents_have_been_read(served: Served) -> None:
    whole(served, WHOM)
    health = served.http.get("/health").json()
    assert (health["status"], health["documents"], health["error"]) == ("ready", 1, "")


@pytest.mark.parametrize("path", ["/health", "/v1/models", "/search?q=x", "/v1/chat/completions", "/nothing"])
@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "invalid_api_key"),
        ({"Authorization": "Bearer wrong"}, 401, "invalid_api_key"),
        ({"Authorization": "Bearer"}, 401, "invalid_api_key"),
        ({"Authorization": f"Basic {TOKEN}"}, 401, "invalid_api_key"),
        ({"Authorization": f"Bearer {TOKEN}\xff"}, 401, "invalid_api_key"),
        ({"Authorization": f"Bearer {TOKEN}", "Host": "rebound.example"}, 403, "host_not_allowed"),
        ({"Authorization": f"Bearer {TOKEN}", "Host": "127.0.0.1.rebound.example"}, 403, "host_not_allowed"),
        ({"Authorization": f"Bearer {TOKEN}", "Host": "192.0.2.7"}, 403, "host_not_allowed"),
        ({"Authorization": f"Bearer {TOKEN}", "Origin": "https://page.example"}, 403, "origin_not_allowed"),
        ({"Authorization": f"Bearer {TOKEN}", "Origin": "null"}, 403, "origin_not_allowed"),
    ],
)
def test_whoever_lacks_the_token_or_comes_from_a_web_page_is_turned_away(
    served: Served, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = httpx.get(f"{served.url}{path}", headers=encoded)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_the_openai_client_reads_a_refused_token_as_such(served: Served) -> None:
    with pytest.raises(openai.AuthenticationError, match="Send the token as the API key"):
        openai.OpenAI(base_url=f"{served.url}/v1", api_key="wrong").models.list()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.0.1:1", "[::1]:8765", "LOCALHOST"])
def test_this_machine_may_be_called_by_any_name_of_its_loopback(served: Served, host: str) -> None:
    assert served.http.get("/v1/models", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("host", "passes"),
    [("192.0.2.7:8765", True), ("[2001:db8::1]", True), ("localhost", True), ("evil.example", False)],
)
def test_a_server_that_others_reach_may_be_called_by_an_address_but_not_by_a_strange_name(
    host: str, passes: bool
) -> None:
    async def within(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    transport = httpx.ASGITransport(Gate(within, TOKEN, "0.0.0.0"))

    async def status() -> int:
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return (await client.get("/", headers={"Host": host, "Authorization": f"Bearer {TOKEN}"})).status_code

    import anyio

    assert (anyio.run(status) == 200) is passes


def _body(**changes: Any) -> bytes:
    return json.dumps({"model": "footnote", "messages": [{"role": "user", "content": WHOM}], **changes}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b"[" * 300_000,
        b'{"a":' * 100_000,
        _body(messages=[]),
        _body(messages="hello"),
        _body(messages=[{"role": "user"}]),
        _body(messages=[{"role": "user", "content": "  \n"}]),
        _body(messages=[{"role": "user", "content": "\ud800"}]),
        _body(messages=[{"role": "user", "content": "x" * (MAX_QUESTION + 1)}]),
        _body(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]),
        _body(messages=[{"role": "assistant", "content": "I begin."}]),
        _body(messages=[{"role": "wizard", "content": "x"}]),
        _body(messages=[{"role": "user", "content": "x"}] * (MAX_MESSAGES + 1)),
        _body(n=2),
        _body(response_format={"type": "json_object"}),
        _body(stream="perhaps"),
        _body(model=None),
        _body(model="\ud800"),
    ],
    ids=lambda body: repr(body[-40:]),
)
def test_a_malformed_request_is_refused_in_a_sentence(served: Served, body: bytes) -> None:
    answer = served.http.post("/v1/chat/completions", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert answer.json()["error"]["message"].endswith(".")


@pytest.mark.parametrize("length_told", [True, False])
def test_a_request_of_more_than_a_mebibyte_is_refused(served: Served, length_told: bool) -> None:
    body = _body(messages=[{"role": "user", "content": "x" * 1024 * 1024}])
    pieces = (body[at : at + 65536] for at in range(0, len(body), 65536))
    answer = served.http.post(
        "/v1/chat/completions",
        content=body if length_told else pieces,
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 413
    assert "Send fewer messages" in answer.json()["error"]["message"]


@pytest.mark.parametrize("query", ["", "q=", "q=x&limit=0", "q=x&limit=51", "q=x&limit=many", "q=" + "x" * 5000])
def test_a_malformed_search_is_refused_in_a_sentence(served: Served, query: str) -> None:
    answer = served.http.get(f"/search?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].endswith(".")


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("DELETE", "/v1/models", 405)])
def test_a_wrong_address_or_method_is_told_in_a_sentence(served: Served, method: str, path: str, status: int) -> None:
    answer = served.http.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]["message"].endswith(".")


_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
_contents = (
    st.text()
    | st.sampled_from([WHOM, PRIME, "more", "yes"])
    | st.lists(st.fixed_dictionaries({"type": st.sampled_from(["text", "image_url"]), "text": st.text()}), max_size=3)
)
_well_formed = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "developer", "user", "assistant", "tool"]), "content": _contents | st.none()}
)
_anything = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=6
)


@given(
    messages=st.lists(_well_formed, max_size=6) | st.lists(_well_formed | _anything, max_size=4) | _anything,
    stream=st.booleans(),
)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_messages_are_the_server_answers_or_says_what_is_wrong_with_them(
    served: Served, messages: Any, stream: bool
) -> None:
    answer = served.http.post(
        "/v1/chat/completions",
        content=json.dumps({"model": "footnote", "messages": messages, "stream": stream}),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code in (200, 400)
    if answer.status_code == 400:
        assert answer.json()["error"]["message"]
    elif stream:
        assert answer.text.endswith("data: [DONE]\n\n")
        assert '"error"' not in answer.text
    else:
        assert answer.json()["choices"][0]["message"]["content"]


def test_an_answer_is_given_from_the_folder_as_it_is_when_asked(folder: Path, data: Path) -> None:
    (folder / "bridge.txt").write_text("The bridge of Velden is 40 metres long.", encoding="utf-8")
    question = "How long is the bridge of Velden?"
    with serving(folder, data) as running:
        assert "40 metres" in whole(running, question).text
        (folder / "bridge.txt").write_text("The bridge of Velden is 55 metres long.", encoding="utf-8")
        changed = whole(running, question)
        assert "55 metres" in changed.text
        assert "40" not in changed.text
        (folder / "bridge.txt").unlink()
        assert whole(running, question, changed.text, question).text == NOT_FOUND


def test_an_index_that_another_process_keeps_answers_the_same(served: Served, data: Path) -> None:
    with serving(served.library.folder, data) as second:
        assert whole(second, WHOM) == whole(served, WHOM)
        assert served.http.get("/health").json()["kept_by_another_process"] is False


def test_an_empty_folder_is_told_as_such(tmp_path: Path, data: Path) -> None:
    (tmp_path / "empty").mkdir()
    with serving(tmp_path / "empty", data) as running:
        with pytest.raises(openai.InternalServerError, match="There are no documents in") as fault:
            whole(running, WHOM)
        assert fault.value.status_code == 503


def test_a_folder_that_is_gone_is_told_as_such(folder: Path, data: Path) -> None:
    with serving(folder, data) as running:
        shutil.rmtree(folder)
        with pytest.raises(openai.InternalServerError, match=r"There is no folder|cannot be") as fault:
            whole(running, WHOM)
        assert fault.value.status_code == 503
        assert running.http.get("/health").json()["status"] == "failed"


def test_while_the_documents_are_being_read_a_client_is_asked_to_come_again(
    folder: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "WAIT", 0.1)
    go_on = threading.Event()
    sync = Library.sync

    def slow(library: Library, *arguments: Any) -> Any:
        assert go_on.wait(30)
        return sync(library, *arguments)

    monkeypatch.setattr(Library, "sync", slow)
    with serving(folder, data) as running:
        early = running.http.post("/v1/chat/completions", content=_body(), headers={"Content-Type": "application/json"})
        assert early.status_code == 503
        assert early.headers["Retry-After"] == "5"
        assert "still being read" in early.json()["error"]["message"]
        assert running.http.get("/health").json()["status"] == "reading"
        monkeypatch.setattr(keeping, "WAIT", 20.0)
        go_on.set()
        assert whole(running, WHOM).citations


def test_an_answer_that_breaks_off_is_an_error_and_never_passes_for_a_whole_one(folder: Path, data: Path) -> None:
    broken = events(delta("The Deputy Secretary of State met the Deputy Foreign Minister [1]. Then"), done=False)
    offered = Reply({"data": [{"id": "any"}]})
    with faulty_endpoint(broken, models=offered) as endpoint, serving(folder, data, endpoint.base_url) as running:
        text = ""
        with pytest.raises(openai.APIError, match=r"\.$"):
            for chunk in running.client.chat.completions.create(
                model="footnote", messages=_messages((WHOM,)), stream=True
            ):
                text += chunk.choices[0].delta.content or ""
        assert text.startswith("The Deputy Secretary of State met the Deputy Foreign Minister.")
        asked = len(endpoint.requests)
        with pytest.raises(openai.InternalServerError):
            whole(running, WHOM)
        assert len(endpoint.requests) == asked + 1


def test_without_its_endpoint_the_documents_own_words_are_given_and_it_is_said(folder: Path, data: Path) -> None:
    with serving(folder, data, "http://127.0.0.1:9/v1") as running:
        heard = whole(running, WHOM)
        assert heard == streamed(running, WHOM)
    assert "Here are the documents' own words instead." in heard.text
    assert heard.citations


class _Endless(BaseHTTPRequestHandler):
    """An endpoint that writes until it is hung up on."""

    begun: threading.Event
    hung_up: threading.Event

    def do_GET(self) -> None:
        self._begin("application/json")
        self.wfile.write(b'{"data": [{"id": "endless"}]}')

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._begin("text/event-stream")
        for _ in range(3000):
            try:
                self.wfile.write(f"data: {json.dumps(delta('Talks go on. '))}\n\n".encode())
            except OSError:
                self.hung_up.set()
                return
            self.begun.set()
            time.sleep(0.01)

    def _begin(self, content_type: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_away_ends_the_work_on_its_answer(folder: Path, data: Path, stream: bool) -> None:
    class Endless(_Endless):
        begun = threading.Event()
        hung_up = threading.Event()

    endpoint = ThreadingHTTPServer(("127.0.0.1", 0), Endless)
    threading.Thread(target=endpoint.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        with serving(folder, data, f"http://127.0.0.1:{endpoint.server_port}/v1") as running:
            address = running.url.removeprefix("http://")
            host, port = address.split(":")
            body = _body(stream=stream)
            with socket.create_connection((host, int(port))) as connection:
                connection.sendall(
                    f"POST /v1/chat/completions HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\n"
                    f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                    + body
                )
                assert Endless.begun.wait(20)
                assert not Endless.hung_up.is_set()
            assert Endless.hung_up.wait(10)
    finally:
        endpoint.shutdown()
        endpoint.server_close()


HOSTILE = st.lists(
    st.sampled_from(
        ["![a](http://x.example/?q=1)", "[a](http://x.example)", "[a]", "[b]:", "[^1]:", "http://x.example", "<", ">"]
        + [
            "img src='http://x.example'",
            "<img src=x>",
            "<a href=x>",
            "<http://x.example>",
            "<!--",
            "!",
            "](",
            "\\",
            "`",
        ]
        + ["\n", "\n\n", " ", "|", "\t", "*", "a", "&lt;img src=x&gt;", "<?x", "</a>", "(", ")", "[1]"]
    )
    | st.text(alphabet="![]()<>:\\\n a/", max_size=8),
    max_size=12,
).map("".join)


@given(st.lists(HOSTILE, min_size=1, max_size=4), st.booleans())
@settings(max_examples=300, deadline=None)
def test_no_words_of_a_document_or_a_model_become_a_link_an_image_or_html(parts: list[str], quoted: bool) -> None:
    from assistant.types import Citation, Mode, Sentence

    def sentence(number: int, text: str) -> Sentence:
        citation = Citation(number, f"{text}.md", 0, len(text), text, text, 1, 1, "p", "h", (text,))
        return Sentence(text, (citation,), Support.QUOTED if quoted else Support.SUPPORTED)

    sentences = tuple(sentence(number, text) for number, text in enumerate(parts, 1))
    written = WrittenAnswer()
    written.finish(Answer("?", Mode.GENERATED, found=True, sentences=sentences, notice=parts[0]))
    tokens = MarkdownIt("commonmark").enable("table").parse(written.text)
    kinds = {token.type for block in tokens for token in [block, *(block.children or [])]}
    assert not kinds & {"link_open", "image", "html_inline", "html_block"}


@pytest.mark.parametrize("text", ["Plain words, 3 < 4, (a) [b] {c}: d!", "See [2019] and [Summary of X].", "a <3 b!"])
def test_words_that_make_no_markup_are_left_as_they_are(text: str) -> None:
    assert unmarked(text) == text


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.com"])
def test_an_address_that_others_reach_needs_a_token_of_ones_own(folder: Path, data: Path, host: str) -> None:
    run = CliRunner().invoke(
        app, ["serve", str(folder), "--host", host], env={"FOOTNOTE_DATA_DIR": str(data), "FOOTNOTE_TOKEN": ""}
    )
    assert run.exit_code == 1
    assert "set FOOTNOTE_TOKEN" in run.stderr


def test_a_port_that_is_taken_is_told_in_a_sentence(folder: Path, data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = CliRunner().invoke(app, ["serve", str(folder), "--port", str(port)], env={"FOOTNOTE_DATA_DIR": str(data)})
    assert run.exit_code == 1
    assert f"cannot listen at 127.0.0.1, port {port}" in run.stderr


def test_the_command_prints_a_token_that_lets_in_and_ends_on_ctrl_c(folder: Path, data: Path) -> None:
    import os

    environment = {**os.environ, "FOOTNOTE_DATA_DIR": str(data), "FOOTNOTE_TOKEN": "", "OPENAI_BASE_URL": ""}
    command = [sys.executable, "-m", "assistant.cli", "serve", str(folder), "--port", "0"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr is not None
        url = running.stderr.readline().split(" at ")[1].split()[0].removesuffix(".")
        token = running.stderr.readline().split()[-1]
        client = openai.OpenAI(base_url=url, api_key=token)
        completion = client.chat.completions.create(model="footnote", messages=_messages((WHOM,)))
        running.send_signal(signal.SIGINT)
        output, errors = running.communicate(timeout=30)
    assert len(token) >= 32
    assert "met with the Russian Deputy Foreign Minister" in (completion.choices[0].message.content or "")
    assert (running.returncode, output) == (130, "")
    assert "Traceback" not in errors
