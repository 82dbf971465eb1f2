"""Sentences tile the text, and begin where a person would say they begin."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from texts import texts

from index.sentences import sentence_spans, trimmed


def _sentences(text: str, breaks: tuple[int, ...] = ()) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text, breaks)]


@given(texts, st.lists(st.integers(0, 500)).map(sorted).map(tuple))
def test_sentences_tile_any_text_to_its_last_character(text: str, breaks: tuple[int, ...]) -> None:
    spans = sentence_spans(text, breaks)
    assert "".join(text[start:end] for start, end in spans) == text
    assert all(start < end for start, end in spans)
    assert [end for _, end in spans[:-1]] == [start for start, _ in spans[1:]]
    assert spans == sentence_spans(text, breaks)


@given(texts)
def test_no_sentence_is_white_space_alone_unless_the_text_is(text: str) -> None:
    if text.strip():
        assert all(sentence.strip() for sentence in _sentences(text))


@given(texts)
def test_no_sentence_ends_inside_a_line_end_of_two_characters(text: str) -> None:
    assert not any(text[end - 1 : end + 1] == "\r\n" for _, end in sentence_spans(text))


@given(texts, st.data())
def test_a_sentence_begins_at_every_break_that_is_followed_by_words(text: str, data: st.DataObject) -> None:
    if not text.strip():
        return
    at = data.draw(st.integers(0, len(text) - 1))
    if text[:at].strip() and not text[at].isspace():
        assert at in {start for start, _ in sentence_spans(text, (at,))}


@given(texts)
def test_trimming_takes_white_space_and_nothing_else(text: str) -> None:
    start, end = trimmed(text, (0, len(text)))
    assert text[start:end] == text.strip()


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three?", ["One. ", "Two! ", "Three?"]),
        ("Dr. Smith came. He left.", ["Dr. Smith came. ", "He left."]),
        ("It cost 3.50 euros. Cheap.", ["It cost 3.50 euros. ", "Cheap."]),
        ("😀😀. Ünder e\u0301 one. 🇩🇪🇫🇷 two.", ["😀😀. ", "Ünder e\u0301 one. ", "🇩🇪🇫🇷 two."]),
        ("これは文です。次の文です。", ["これは文です。", "次の文です。"]),
        ("Shopping\n- eggs\n- milk\n", ["Shopping\n", "- eggs\n", "- milk\n"]),
        ("Shopping\r\n- eggs\r\n- milk\r\n", ["Shopping\r\n", "- eggs\r\n", "- milk\r\n"]),
        ("Title\n\nA line that goes on\nover its end.", ["Title\n\n", "A line that goes on\nover its end."]),
        ("7 | 7\n7 | 7\n7 | 7\n", ["7 | 7\n", "7 | 7\n", "7 | 7\n"]),
        ("  \n First.", ["  \n First."]),
        ("", []),
        (" \n ", [" \n "]),
    ],
)
def test_sentences_begin_where_a_person_says(text: str, sentences: list[str]) -> None:
    assert _sentences(text) == sentences


@pytest.mark.parametrize(
    "text",
    ["x" * 2_000_000, " " * 500_000 + "x", "a " * 500_000, "\n" * 500_000, ". " * 200_000, " \t" * 200_000 + "\nx"],
    ids=["letters", "spaces", "words", "line ends", "full stops", "blank line"],
)
def test_time_grows_with_length_and_not_with_its_square(text: str) -> None:
    started = time.process_time()
    assert "".join(_sentences(text)) == text
    assert time.process_time() - started < 20


@pytest.mark.parametrize(("text", "count"), [("V\u00a0.", 1), ("It was V\u00a0. Then it ended. So be it.", 3)])
def test_a_text_on_which_the_segmenter_breaks_is_divided_all_the_same(text: str, count: int) -> None:
    assert "".join(_sentences(text)) == text
    assert len(_sentences(text)) == count
