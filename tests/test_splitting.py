"""Passages tile the text with nothing lost, keep to the limit, and never cut what a person sees as one character."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st
from texts import texts

from index.embedding import MiniLM
from index.sentences import Span
from index.splitting import TOKENS, CountTokens
from index.splitting import split as stretches
from index.types import Place


def _letters(batch: Sequence[str]) -> list[int]:
    """A token for every character that shows, so that a limit can be reckoned by hand."""
    return [len(re.sub(r"\s", "", text)) for text in batch]


def split(text: str, count_tokens: CountTokens, places: Sequence[Place] = (), limit: int = TOKENS) -> list[Span]:
    return [(stretch.start, stretch.end) for stretch in stretches(text, count_tokens, places, limit)]


limits = st.sampled_from([1, 2, 3, 7, 50, 128])


@given(texts, limits)
def test_a_passage_ends_where_the_next_begins(text: str, limit: int) -> None:
    spans = split(text, _letters, limit=limit)
    if not text.strip():
        assert spans == []
        return
    assert "".join(text[start:end] for start, end in spans) == text
    assert spans[0][0] == 0
    assert spans[-1][1] == len(text)
    assert all(left[1] == right[0] and left[0] < left[1] for left, right in pairwise(spans))


@given(texts, limits)
def test_the_sentences_of_a_passage_tile_it_and_its_tokens_are_theirs(text: str, limit: int) -> None:
    for stretch in stretches(text, _letters, limit=limit):
        assert all(left[1] == right[0] for left, right in pairwise(stretch.sentences))
        assert stretch.tokens == sum(_letters([text[start:end] for start, end in stretch.sentences]))


@given(texts, limits)
def test_no_passage_is_white_space_alone(text: str, limit: int) -> None:
    assert all(text[start:end].strip() for start, end in split(text, _letters, limit=limit))


@given(texts, limits)
def test_a_passage_over_the_limit_is_one_character_as_people_see_it(text: str, limit: int) -> None:
    for start, end in split(text, _letters, limit=limit):
        (count,) = _letters([text[start:end]])
        if count > limit:
            assert len(regex.findall(r"\X", text[start:end].strip())) == 1


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60), st.integers(1, 8), limits)
def test_no_cut_without_need_falls_inside_what_is_drawn_as_one(word: str, times: int, limit: int) -> None:
    text = "".join(word.split()) * times
    drawn = {found.end() for found in regex.finditer(r"\X", text)}
    sentences = {end for _, end in split(text, lambda batch: [0] * len(batch))}  # where it is cut with no limit at all
    assert {end for _, end in split(text, _letters, limit=limit)} <= drawn | sentences


@given(texts, limits)
def test_the_same_text_is_always_split_alike(text: str, limit: int) -> None:
    assert (split(text, _letters, limit=limit)) == (split(text, _letters, limit=limit))


@pytest.mark.parametrize("cluster", ["e\u0301", "👩‍👩‍👧‍👦", "👍🏽", "🇩🇪", "का", "각", "\u1100\u1161\u11a8", "❤️", "ก็"])
@pytest.mark.parametrize("limit", [1, 3, 10])
def test_no_letter_is_cut_from_its_marks(cluster: str, limit: int) -> None:
    text = cluster * 40
    assert all((end - start) % len(cluster) == 0 for start, end in split(text, _letters, limit=limit))


@given(texts, st.data())
def test_a_heading_begins_a_passage_and_a_row_breaks_no_sentence(text: str, data: st.DataObject) -> None:
    words = [found.start() for found in re.finditer(r"\S+", text)]
    if not words:
        return
    at = data.draw(st.sampled_from(words))
    kind = data.draw(st.sampled_from(["heading", "slide", "chapter", "message", "section"]))
    assert at in {start for start, _ in split(text, _letters, [Place(at, kind, "here")])} or not text[:at].strip()


@given(st.lists(st.sampled_from(["7 | 7", "a | b", "Smith | 3.50", "e\u0301 | 🇩🇪"]), min_size=1, max_size=60))
def test_rows_stay_whole_wherever_they_fit(rows: list[str]) -> None:
    text = "".join(f"{row}\r\n" for row in rows)
    starts = [0]
    for row in rows[:-1]:
        starts.append(starts[-1] + len(row) + 2)
    places = [Place(start, "row", f"row {number}", number) for number, start in enumerate(starts, 1)]
    assert {start for start, _ in split(text, _letters, places, limit=30)} <= set(starts)


@given(texts)
def test_a_page_breaks_nothing(text: str) -> None:
    places = [Place(at, "page", f"page {at}", at) for at in range(0, len(text), 7)]
    assert (split(text, _letters, places)) == (split(text, _letters))


@given(texts)
def test_no_passage_holds_more_than_the_model_reads(model: MiniLM, text: str) -> None:
    spans = split(text, model.count_tokens)
    for (start, end), count in zip(spans, model.count_tokens([text[s:e] for s, e in spans]), strict=True):
        assert count <= TOKENS or len(regex.findall(r"\X", text[start:end].strip())) == 1


def test_a_line_of_two_million_characters_is_split() -> None:
    text = "x" * 2_000_000
    spans = split(text, _letters)
    assert spans[-1][1] == len(text)
    assert max(end - start for start, end in spans) <= TOKENS


def test_a_text_of_one_endless_line_is_split_as_it_is_gone_through() -> None:
    counted = 0

    def letters(batch: Sequence[str]) -> list[int]:
        nonlocal counted
        counted += len(batch)
        return _letters(batch)

    text = " ".join(f"Sentence number {number} follows." for number in range(20_000))
    passages = stretches(text, letters)
    first = next(passages)
    assert first.start == 0
    assert counted < 5_000
    assert "".join(text[passage.start : passage.end] for passage in [first, *passages]) == text
    assert counted >= 20_000


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> MiniLM:
    return MiniLM(Path(tmp_path_factory.mktemp("models")))
