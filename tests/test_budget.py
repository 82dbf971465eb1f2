"""The token estimate against a real tokenizer, and the fitting of passages."""

from __future__ import annotations

import json
import urllib.request

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_server import LlamaServer

from assistant.budget import fit, prompt_tokens, tokens
from assistant.prompting import Message

TEXTS = {
    "English": "The economy grew modestly last year, helped by the spending of households; exports fell for a second "
    "year, and the central bank's governor said in March that she did not expect them to recover before the summer.",
    "German": "Die Wirtschaft des Landes wuchs im vergangenen Jahr leicht, weil die Haushalte wieder mehr ausgaben.",
    "French": "L'économie française a connu une croissance modérée l'année dernière, grâce à la consommation.",
    "Russian": "Экономика страны выросла в прошлом году благодаря потребительским расходам населения.",
    "Arabic": "نما الاقتصاد بشكل معتدل العام الماضي بفضل استهلاك الأسر.",
    "Hindi": "पिछले वर्ष घरेलू खपत के कारण अर्थव्यवस्था में वृद्धि हुई।",
    "Chinese": "去年，由于居民消费的推动，该国经济实现了温和增长。",
    "Japanese": "昨年、家計消費のおかげで経済は緩やかに成長しました。",
    "Korean": "작년에 가계 소비 덕분에 경제가 완만하게 성장했습니다.",
    "emoji": "👍😀🎉 ok",
    "figures": "1 2 34 5678 9.99 2024-01-01, 12:45 +3.5%",
    "table": "| a | b |\n|---|---|\n| 1 | 2 |\n",
    "code": "def tokens(text: str) -> int:\n    return sum(len(part) for part in text.split())\n",
    "names": "NASDAQ:AAPL xqzvkj QWRTPS mRNA-1273 pH kWh",
    "base64": "QmFzZTY0IGlzIGEgZ3JvdXAgb2YgYmluYXJ5LXRvLXRleHQ=",
}


@pytest.mark.parametrize("kind", TEXTS)
def test_a_real_tokenizer_counts_no_more_tokens_than_are_estimated(kind: str, llama: LlamaServer) -> None:
    request = urllib.request.Request(
        llama.base_url.removesuffix("/v1") + "/tokenize",
        json.dumps({"content": TEXTS[kind]}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        counted = len(json.load(answer)["tokens"])
    # The vocabulary of this model is English: it spells German in pieces of two letters.
    allowed = 1.15 if kind == "German" else 1
    assert counted <= allowed * tokens(TEXTS[kind])
    assert tokens(TEXTS[kind]) <= 2 * counted


@given(st.text(), st.text())
def test_more_text_is_never_estimated_at_fewer_tokens(text: str, more: str) -> None:
    assert tokens(text + " " + more) >= tokens(text)


@given(st.integers(0, 12), st.integers(-10, 500))
def test_the_most_passages_that_fit_are_taken_and_at_least_one(passages: int, room: int) -> None:
    def build(count: int) -> list[Message]:
        return [Message("user", "7" * 30 * count)]

    taken = fit(build, passages, room)
    assert min(passages, 1) <= taken <= passages
    assert taken <= 1 or prompt_tokens(build(taken)) <= room
    assert taken == passages or prompt_tokens(build(taken + 1)) > room
