"""The chat model against a real llama.cpp server, and against an endpoint that misbehaves."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import llama_server
import pytest
from faulty_endpoint import EVENTS, FaultyEndpoint, Reply, delta, events, faulty_endpoint, message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llama_server import LlamaServer
from pydantic import SecretStr

from assistant.citing import MarkParser
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
from assistant.llm import UNKNOWN_CONTEXT, ChatModel
from assistant.prompting import Message, render_answer
from assistant.settings import Endpoint

KEY = "sk-very-secret-0123456789"
ASK = [Message("user", "Say hello.")]
PASSAGES = ["The Eiffel Tower stands in Paris. It was built in 1889.", "Berlin is the capital of Germany."]


def model_at(base_url: str, name: str = "m", timeout: float = 60.0, key: str = KEY) -> ChatModel:
    return ChatModel(Endpoint(base_url, SecretStr(key), name, timeout))


def reads_of_a_stream(endpoint: FaultyEndpoint, timeout: float = 60.0) -> tuple[list[str], EndpointError | None]:
    """The pieces that came, and the error that ended them."""
    pieces: list[str] = []
    try:
        pieces.extend(model_at(endpoint.base_url, timeout=timeout).stream(ASK, 50))
        for_the_rest = None
    except EndpointError as error:
        for_the_rest = error
    return pieces, for_the_rest


# --- a real server


def test_a_real_model_streams_its_answer_in_pieces_that_make_up_the_whole(llama: LlamaServer) -> None:
    model = model_at(llama.base_url, name="")
    messages = render_answer("Where does the Eiffel Tower stand?", PASSAGES)
    pieces = list(stream := model.stream(messages, 24))
    assert len(pieces) > 5
    assert "".join(pieces).strip() == model.complete(messages, 24)
    assert stream.truncated


def test_an_answer_that_ends_by_itself_is_not_truncated(llama: LlamaServer) -> None:
    stream = model_at(llama.base_url).stream([Message("user", "Reply with the word yes.")], 200)
    assert "".join(stream)
    assert not stream.truncated


def test_the_model_and_its_context_are_asked_of_the_server(llama: LlamaServer) -> None:
    model = model_at(llama.base_url, name="")
    assert model.name == llama_server.MODEL
    assert model.context == llama_server.CONTEXT


def test_a_server_of_one_model_answers_whatever_name_is_asked_for(llama: LlamaServer) -> None:
    model = model_at(llama.base_url, name="not-served-here")
    assert model.complete(ASK, 4)
    assert model.context == llama_server.CONTEXT


def test_a_path_the_server_does_not_have_is_told_as_such(llama: LlamaServer) -> None:
    with pytest.raises(ModelUnknown, match=r"OPENAI_BASE_URL, which mostly ends in /v1"):
        model_at(llama.base_url.replace("/v1", "/v9")).complete(ASK, 4)


def test_a_prompt_beyond_the_context_is_refused_with_what_to_do(llama: LlamaServer) -> None:
    with pytest.raises(ContextExceeded, match="larger context"):
        model_at(llama.base_url).complete([Message("user", "1 " * 3000)], 4)


def test_as_many_passages_are_sent_as_the_model_can_read_beside_the_answer(llama: LlamaServer) -> None:
    def build(passages: int) -> list[Message]:
        return [Message("user", "7" * 100 * passages)]

    room = 450
    sent, stream = model_at(llama.base_url).stream_fitting(build, 10, llama_server.CONTEXT - room)
    assert sent == 4
    assert next(stream)
    stream.close()


def test_half_of_the_passages_are_sent_when_the_server_counts_more_tokens_than_were_estimated(
    llama: LlamaServer,
) -> None:
    def build(passages: int) -> list[Message]:
        # Letters that this model spells in three tokens each, where two are estimated.
        return [Message("user", "Hello." if passages == 1 else "ᄀᄁ" * 950)]

    model = model_at(llama.base_url)
    with pytest.raises(ContextExceeded):
        model.stream(build(2), 8)
    sent, stream = model.stream_fitting(build, 2, 8)
    assert sent == 1
    assert "".join(stream)


def test_a_server_killed_in_the_middle_of_an_answer_leaves_the_pieces_that_came(tmp_path: Path) -> None:
    server = llama_server.start(tmp_path / "log.txt")
    try:
        pieces = []
        with pytest.raises(EndpointUnreachable, match="broke off in the middle"):
            for piece in model_at(server.base_url).stream([Message("user", "Count to one hundred.")], 400):
                pieces.append(piece)
                if len(pieces) == 5:
                    server.kill()
        assert len(pieces) >= 5
    finally:
        server.kill()


def test_a_stream_closed_early_gives_nothing_further_and_frees_the_server(llama: LlamaServer) -> None:
    model = model_at(llama.base_url)
    stream = model.stream([Message("user", "Count to one thousand.")], 3000)
    next(stream)
    stream.close()
    assert list(stream) == []
    # The server has one slot: were it still writing 3000 tokens, this would wait for them.
    assert model_at(llama.base_url, timeout=20).complete(ASK, 2)


def test_a_wrong_key_is_refused_and_not_repeated(tmp_path: Path) -> None:
    server = llama_server.start(tmp_path / "log.txt", key="the-right-key")
    try:
        with pytest.raises(EndpointRefused, match="Check OPENAI_API_KEY") as refused:
            model_at(server.base_url).complete(ASK, 4)
        assert KEY not in str(refused.value)
        assert model_at(server.base_url, key="the-right-key").complete(ASK, 4)
        with pytest.raises(EndpointRefused, match="OPENAI_API_KEY, which is not set"):
            model_at(server.base_url, key="").complete(ASK, 4)
    finally:
        server.kill()


def test_nothing_listening_is_told_with_the_address_to_check() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else can take it
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        with pytest.raises(EndpointUnreachable, match=f"{address} cannot be reached.*OPENAI_BASE_URL"):
            model_at(address).complete(ASK, 4)


def test_openai_is_not_imported_until_a_request_is_made() -> None:
    program = "import assistant.llm, sys; print('openai' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "False\n"


# --- an endpoint that misbehaves


@pytest.mark.parametrize(
    ("reply", "kind", "says"),
    [
        (Reply({"error": {"message": f"no {KEY}"}}, 401), EndpointRefused, "OPENAI_API_KEY"),
        (Reply({"error": {"message": "no"}}, 403), EndpointRefused, "OPENAI_API_KEY and FOOTNOTE_MODEL"),
        (Reply({"error": {"message": f"bad {KEY}"}}, 422), EndpointRefused, 'status 422: "'),
        (Reply("teapot", 418), EndpointRefused, "status 418"),
        (Reply({"error": {"code": "insufficient_quota"}}, 429), EndpointBusy, "Top it up"),
        (Reply("<h1>Bad gateway</h1>", 502, "text/html"), EndpointFailed, "status 502"),
        (Reply({"error": {"code": "context_length_exceeded"}}, 400), ContextExceeded, "shorter question"),
        (Reply("", 413), ContextExceeded, "shorter question"),
        (Reply("", 302, headers={"Location": "http://else.example/"}), EndpointRefused, "http://else.example/"),
        (Reply("<!doctype html><p>Welcome", content_type="text/html"), EndpointGarbled, "web page"),
        (Reply({"error": {"message": "GPU on fire"}}), EndpointFailed, "GPU on fire"),
        (Reply("{oops"), EndpointGarbled, "not the OpenAI chat protocol"),
        (Reply("plain words", content_type="text/plain"), EndpointGarbled, "not the OpenAI chat protocol"),
        (Reply({"answer": "Hello"}), EndpointGarbled, "not the OpenAI chat protocol"),
        (Reply([1, 2]), EndpointGarbled, "not the OpenAI chat protocol"),
        (Reply("[" * 100_000), EndpointGarbled, "not the OpenAI chat protocol"),
        (Reply({"choices": []}), EndpointGarbled, "empty answer"),
        (Reply(message(None)), EndpointGarbled, "empty answer"),
        (Reply(message("  \n")), EndpointGarbled, "empty answer"),
        (Reply(message("<think>hm", "length")), EndpointGarbled, "spent its whole answer on thinking"),
    ],
)
def test_each_fault_is_an_error_of_its_kind_that_says_what_to_do(
    reply: Reply, kind: type[EndpointError], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)  # the waits between retries, which other tests measure
    with faulty_endpoint(reply) as endpoint:
        model = model_at(endpoint.base_url)
        for ask in (lambda: model.complete(ASK, 50), lambda: "".join(model.stream(ASK, 50))):
            with pytest.raises(kind) as raised:
                ask()
            assert type(raised.value) is kind
            assert says in str(raised.value)
            assert KEY not in str(raised.value)


def test_an_unknown_model_is_told_with_those_the_endpoint_offers() -> None:
    listed = Reply({"data": [{"id": "llama3"}, {"id": "qwen3"}]})
    expected = pytest.raises(ModelUnknown, match=r"does not know the model m\. Set FOOTNOTE_MODEL .*: llama3, qwen3\.")
    with faulty_endpoint(Reply({"error": {"message": "no"}}, 404), models=listed) as endpoint, expected:
        model_at(endpoint.base_url).stream(ASK, 50)


def test_an_endpoint_that_offers_no_model_asks_for_one_to_be_named() -> None:
    expected = pytest.raises(ModelUnknown, match="set FOOTNOTE_MODEL to its name")
    with faulty_endpoint(Reply(message("hello"))) as endpoint, expected:
        model_at(endpoint.base_url, name="").complete(ASK, 50)


def test_a_model_for_embeddings_is_not_chosen_while_there_is_another() -> None:
    models = Reply({"data": [{"id": "nomic-embed-text"}, {"id": "llama3"}]})
    with faulty_endpoint(Reply(message("hello")), models=models) as endpoint:
        model_at(endpoint.base_url, name="").complete(ASK, 50)
    assert endpoint.requests[0]["model"] == "llama3"


def test_a_busy_endpoint_is_asked_three_times_after_the_wait_it_asks_for() -> None:
    with faulty_endpoint(Reply("slow down", 429, headers={"Retry-After": "1"})) as endpoint:
        begun = time.monotonic()
        with pytest.raises(EndpointBusy, match="Ask again in 1 seconds"):
            model_at(endpoint.base_url).complete(ASK, 50)
    assert len(endpoint.requests) == 3
    assert time.monotonic() - begun >= 2


def test_an_endpoint_that_recovers_is_answered_from() -> None:
    with faulty_endpoint(Reply("", 503, headers={"Retry-After": "1"}), Reply(message("hello"))) as endpoint:
        assert model_at(endpoint.base_url).complete(ASK, 50) == "hello"
    assert len(endpoint.requests) == 2


def test_an_endpoint_that_never_answers_is_given_up_after_the_timeout_and_not_asked_again() -> None:
    release = threading.Event()
    with faulty_endpoint(Reply(b"", then=lambda: release.wait(20))) as endpoint:
        begun = time.monotonic()
        with pytest.raises(EndpointUnreachable, match=r"silent for 0\.5 seconds.*FOOTNOTE_TIMEOUT"):
            model_at(endpoint.base_url, timeout=0.5).complete(ASK, 50)
        took = time.monotonic() - begun
        release.set()
    assert took < 5
    assert len(endpoint.requests) == 1


def test_a_server_that_accepts_and_says_nothing_at_all_is_given_up_after_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        begun = time.monotonic()
        with pytest.raises(EndpointUnreachable, match="silent"):
            model_at(f"http://127.0.0.1:{mute.getsockname()[1]}/v1", timeout=0.5).stream(ASK, 50)
        assert time.monotonic() - begun < 5


def test_a_stream_that_stalls_keeps_its_pieces_and_ends_after_the_timeout() -> None:
    release = threading.Event()
    reply = events(delta("Hello"), delta(" there"), done=False)
    reply.then = lambda: release.wait(20)
    with faulty_endpoint(reply) as endpoint:
        pieces, error = reads_of_a_stream(endpoint, timeout=0.5)
        release.set()
    assert pieces == ["Hello", " there"]
    assert isinstance(error, EndpointUnreachable)
    assert "silent" in str(error)


@pytest.mark.parametrize("done", [False, True])
def test_a_stream_that_ends_in_order_without_a_reason_counts_as_broken_off(done: bool) -> None:
    with faulty_endpoint(events(delta("Hello"), delta(" the"), done=done)) as endpoint:
        pieces, error = reads_of_a_stream(endpoint)
    assert pieces == ["Hello", " the"]
    assert isinstance(error, EndpointUnreachable)


def test_a_malformed_event_keeps_the_pieces_before_it() -> None:
    reply = events(delta("Hello"), done=False)
    reply.body = f"{reply.body}data: {{oops\n\n"
    with faulty_endpoint(reply) as endpoint:
        pieces, error = reads_of_a_stream(endpoint)
    assert pieces == ["Hello"]
    assert isinstance(error, EndpointGarbled)


def test_an_error_inside_a_stream_keeps_the_pieces_before_it() -> None:
    with faulty_endpoint(events(delta("Hello"), {"error": {"message": f"out of memory {KEY}"}})) as endpoint:
        pieces, error = reads_of_a_stream(endpoint)
    assert pieces == ["Hello"]
    assert isinstance(error, EndpointFailed)
    assert "out of memory" in str(error)
    assert KEY not in str(error)


def test_a_stream_of_nothing_is_an_empty_answer() -> None:
    with faulty_endpoint(events(delta(None), delta("", "stop"))) as endpoint:
        pieces, error = reads_of_a_stream(endpoint)
    assert pieces == []
    assert isinstance(error, EndpointGarbled)
    assert "empty answer" in str(error)


def test_chunks_without_choices_or_with_a_null_delta_are_passed_over() -> None:
    no_delta = {"choices": [{"index": 0, "delta": None, "finish_reason": None}]}
    usage = {"choices": [], "usage": {"total_tokens": 3}}
    with faulty_endpoint(events(no_delta, delta("Hello"), usage, delta(None, "stop"), usage)) as endpoint:
        assert reads_of_a_stream(endpoint) == (["Hello"], None)


def test_an_endpoint_that_cannot_stream_is_read_all_the_same() -> None:
    with faulty_endpoint(Reply(message("Hello there"))) as endpoint:
        assert reads_of_a_stream(endpoint) == (["Hello there"], None)


@pytest.mark.parametrize(
    "answer",
    [
        message([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hello"}, {"type": "text"}]),
        message('[{"type": "text", "text": "Hello"}]'),
        {"choices": json.dumps(message("Hello")["choices"])},
        json.dumps(json.dumps(message("Hello"))),
        message("Hello", reasoning_content="Let me think."),
        message("<think>\nLet me think.\n</think>\n\nHello"),
        message("Let me think, the opening tag was swallowed.\n</think>\nHello"),
    ],
)
def test_content_is_found_in_the_shapes_that_endpoints_send_it(answer: object) -> None:
    with faulty_endpoint(Reply(answer)) as endpoint:
        assert model_at(endpoint.base_url).complete(ASK, 50) == "Hello"


def test_thinking_is_left_out_of_a_stream() -> None:
    chunks = [delta(None, reasoning_content="aside"), *map(delta, ["<th", "ink>a ", "b</thi", "nk>\n", "\nHello"])]
    with faulty_endpoint(events(*chunks, delta("", "stop"))) as endpoint:
        assert reads_of_a_stream(endpoint) == (["Hello"], None)


def test_a_stream_that_turns_out_to_be_thinking_is_no_answer() -> None:
    with faulty_endpoint(events(*map(delta, ["The user asks", " this.</th", "ink>", "Hello"]))) as endpoint:
        _, error = reads_of_a_stream(endpoint)
    assert isinstance(error, EndpointGarbled)


def test_a_model_that_refuses_parameters_is_asked_in_its_way_and_remembered() -> None:
    limit = Reply({"error": {"message": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens'."}}, 400)
    sampling = Reply({"error": {"message": "Unsupported value: 'temperature' does not support 0."}}, 400)
    with faulty_endpoint(limit, sampling, Reply(message("Hello"))) as endpoint:
        model = model_at(endpoint.base_url)
        assert model.complete(ASK, 50) == model.complete(ASK, 50) == "Hello"
    assert len(endpoint.requests) == 4
    assert endpoint.requests[-1]["max_completion_tokens"] == 50
    assert not {"temperature", "max_tokens"} & endpoint.requests[-1].keys()


def test_a_context_stated_with_the_refusal_decides_how_many_passages_are_tried_next() -> None:
    refusal = Reply({"error": {"message": "This model's maximum context length is 600 tokens.", "code": "x"}}, 400)
    with faulty_endpoint(refusal, events(delta("Hello", "stop"))) as endpoint:
        sent, stream = model_at(endpoint.base_url).stream_fitting(
            lambda n: [Message("user", "7 " * 100 * n)], passages=8, max_tokens=100
        )
        assert "".join(stream) == "Hello"
    assert sent == 2
    assert [len(str(request["messages"])) for request in endpoint.requests] == sorted(
        (len(str(request["messages"])) for request in endpoint.requests), reverse=True
    )


@pytest.mark.parametrize(
    ("models", "context"),
    [
        (Reply({"data": [{"id": "m", "max_model_len": 32768}, {"id": "n", "max_model_len": 1}]}), 32768),
        (Reply({"data": [{"id": "x", "meta": {"n_ctx": 8192, "n_ctx_train": 131072}}]}), 8192),
        (Reply({"data": [{"id": "x", "aliases": ["m"], "context_length": 9000}, {"id": "y"}]}), 9000),
        (Reply({"data": json.dumps([{"id": "m", "context_window": 7000}])}), 7000),
        (Reply({"data": [{"id": "m", "context_length": None}]}), UNKNOWN_CONTEXT),
        (Reply({"data": None}), UNKNOWN_CONTEXT),
        (Reply("not found", 404), UNKNOWN_CONTEXT),
        (Reply("<html>", content_type="text/html"), UNKNOWN_CONTEXT),
    ],
)
def test_the_context_is_what_the_endpoint_says_or_a_cautious_guess(models: Reply, context: int) -> None:
    with faulty_endpoint(models=models) as endpoint:
        assert model_at(endpoint.base_url).context == context


def test_an_endpoint_that_ignores_the_prompt_gives_a_sentence_that_cites_nothing() -> None:
    with faulty_endpoint(events(delta("0"), delta("", "stop"))) as endpoint:
        pieces, error = reads_of_a_stream(endpoint)
    parser = MarkParser(2)
    sentences = [sentence for piece in pieces for sentence in parser.feed(piece)] + parser.close()
    assert error is None
    assert [(sentence.text, sentence.numbers) for sentence in sentences] == [("0", ())]


def test_half_a_surrogate_pair_is_replaced_so_that_the_answer_can_be_written() -> None:
    with faulty_endpoint(Reply(message("a \ud83d b"))) as endpoint:
        assert model_at(endpoint.base_url).complete(ASK, 50).encode()


def test_a_password_in_the_address_is_not_repeated() -> None:
    with faulty_endpoint(Reply("", 401)) as endpoint:
        address = endpoint.base_url.replace("//", "//user:hunter2@")
        with pytest.raises(EndpointRefused) as refused:
            model_at(address).complete(ASK, 50)
    assert "hunter2" not in str(refused.value)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["choices", "delta", "message", "content", "error", "text", "type", "finish_reason"]), inner
        )
    ),
    max_leaves=12,
)


def test_whatever_json_comes_the_outcome_is_text_or_one_of_our_errors() -> None:
    with faulty_endpoint(Reply()) as endpoint:
        model = model_at(endpoint.base_url)

        @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(_JSON, st.booleans())
        def check(body: object, streamed: bool) -> None:
            encoded = json.dumps(body)
            endpoint.replies[:] = [Reply(f"data: {encoded}\n\n", content_type=EVENTS) if streamed else Reply(encoded)]
            try:
                answer = "".join(model.stream(ASK, 9)) if streamed else model.complete(ASK, 9)
            except EndpointError as error:
                assert str(error)
            else:
                assert answer.strip()

        check()
