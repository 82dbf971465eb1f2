"""The embedded model gives the vectors that its makers' own program gives."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from index.embedding import DIMENSIONS, MAX_TOKENS, MiniLM, Vectors, model_dir
from index.errors import EmbeddingFailed

_REFERENCE = Path(__file__).parent / "fixtures" / "minilm_vectors.json"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> MiniLM:
    return MiniLM(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def reference() -> tuple[list[str], Vectors]:
    rows = json.loads(_REFERENCE.read_text(encoding="utf-8"))["texts"]
    return [row["text"] for row in rows], np.array([row["vector"] for row in rows], np.float32)


def test_vectors_are_those_of_sentence_transformers_on_torch(
    model: MiniLM, reference: tuple[list[str], Vectors]
) -> None:
    texts, wanted = reference
    assert max(model.count_tokens(texts)) > MAX_TOKENS  # one of them is cut where the model stops reading
    cosines = (model.embed_passages(texts) * wanted).sum(axis=1)
    assert cosines.min() >= 0.9999


def test_a_text_differing_in_one_number_has_a_vector_that_would_fail_the_reference(
    model: MiniLM, reference: tuple[list[str], Vectors]
) -> None:
    texts, wanted = reference
    assert float(model.embed_query(texts[0].replace("cat", "dog")) @ wanted[0]) < 0.9999


def test_the_order_and_company_of_texts_do_not_matter(model: MiniLM, reference: tuple[list[str], Vectors]) -> None:
    texts = [*reference[0], *(f"Sentence number {i}. " * (i % 20 + 1) for i in range(20))]
    shuffled = random.Random(3).sample(range(len(texts)), len(texts))
    together = model.embed_passages(texts)
    apart = model.embed_passages([texts[at] for at in shuffled])
    np.testing.assert_allclose((together[shuffled] * apart).sum(axis=1), 1, atol=1e-5)
    assert float(model.embed_query(texts[3]) @ together[3]) == pytest.approx(1, abs=1e-5)


def test_every_vector_has_length_one(model: MiniLM) -> None:
    vectors = model.embed_passages(["", " ", "\n", "a", "\x00", "日本語", "👩‍👩‍👧‍👦", "x" * 10_000])
    assert vectors.shape == (8, DIMENSIONS)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_no_texts_give_no_vectors(model: MiniLM) -> None:
    assert model.embed_passages([]).shape == (0, DIMENSIONS)


def test_the_graph_is_made_once_and_no_half_file_is_left(tmp_path: Path) -> None:
    first = MiniLM(tmp_path).embed_query("once")
    (graph,) = tmp_path.iterdir()
    made = graph.stat().st_mtime_ns
    np.testing.assert_array_equal(MiniLM(tmp_path).embed_query("once"), first)
    assert [path.stat().st_mtime_ns for path in tmp_path.iterdir()] == [made]


def test_tokens_are_counted_without_the_marks_the_model_adds(model: MiniLM) -> None:
    assert model.count_tokens(["", "cat", "the cat sat"]) == [0, 1, 3]


def test_a_damaged_graph_is_found_and_made_anew(tmp_path: Path) -> None:
    model = MiniLM(tmp_path)
    expected = model.embed_query("apples")
    assert model.examine() == ()
    (graph,) = tmp_path.glob("*.onnx")
    held = bytearray(graph.read_bytes())
    held[len(held) // 2] ^= 1
    graph.write_bytes(held)
    model = MiniLM(tmp_path)
    assert model.examine() == ("The embedding model's graph was damaged. It is made anew from the weights.",)
    np.testing.assert_array_equal(model.embed_query("apples"), expected)


def test_model_files_that_are_not_the_ones_expected_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = tmp_path / "model"
    shutil.copytree(model_dir(), changed)
    (changed / "tokenizer.json").write_text((changed / "tokenizer.json").read_text().replace("apple", "pear", 1))
    monkeypatch.setattr("index.embedding.model_dir", lambda: changed)
    with pytest.raises(EmbeddingFailed, match=r"tokenizer\.json is not the one expected"):
        MiniLM(tmp_path).count_tokens(["words"])
    (changed / "tokenizer.json").unlink()
    with pytest.raises(EmbeddingFailed, match=r"tokenizer\.json cannot be read"):
        MiniLM(tmp_path).count_tokens(["words"])
    weights = bytearray((changed / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (changed / "model.safetensors").write_bytes(weights)
    with pytest.raises(EmbeddingFailed, match=r"model\.safetensors is not the one expected"):
        MiniLM(tmp_path).examine()
