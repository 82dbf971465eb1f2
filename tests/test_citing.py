"""Marks and sentences, out of a text that comes in pieces."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from assistant.citing import NOT_FOUND, CitedSentence, MarkParser, is_not_found

PASSAGES = 12


def parsed(*deltas: str, passages: int = PASSAGES) -> list[CitedSentence]:
    parser = MarkParser(passages)
    return [sentence for delta in deltas for sentence in parser.feed(delta)] + parser.close()


def cited(text: str, passages: int = PASSAGES) -> list[tuple[str, tuple[int, ...]]]:
    return [(sentence.text, sentence.numbers) for sentence in parsed(text, passages=passages)]


# --- marks


@pytest.mark.parametrize(
    ("mark", "numbers"),
    [
        ("[1]", (1,)),
        ("[1][2]", (1, 2)),
        ("[1] [2]", (1, 2)),
        ("[2, 1]", (2, 1)),
        ("[1; 3]", (1, 3)),
        ("[1,1]", (1,)),
        ("[2-4]", (2, 3, 4)),
        ("[2–4, 9]", (2, 3, 4, 9)),
        ("[[3]]", (3,)),
        ("[^3]", (3,)),
        ("[ 3 ]", (3,)),
        ("[passage 3]", (3,)),
        ("[Passages 3 and 4]", (3, 4)),
        ("【3】", (3,)),
        ("【3†L10-L12】", (3,)),
        ("[12]", (12,)),
        ("[13]", ()),
        ("[99]", ()),
        ("[1, 99]", (1,)),
        ("[11-999]", (11, 12)),
        ("[5-2]", ()),
    ],
)
def test_a_mark_names_its_passages_and_leaves_the_text(mark: str, numbers: tuple[int, ...]) -> None:
    for written in (f"It stands in Paris {mark}.", f"It stands in Paris{mark}.", f"It stands in Paris. {mark}"):
        assert cited(written) == [("It stands in Paris.", numbers)]


@pytest.mark.parametrize(
    "written",
    [
        "It was [2019] then.",
        "The first is a[0] here.",
        "See [Summary of X] there.",
        "See [the site](http://elsewhere.example/) there.",
        "See ![a picture](http://elsewhere.example/p.png) there.",
        "An empty [] pair.",
        "Half [1 of it.",
        "Half 1] of it.",
        "Called [1.5] here.",
        "A [note 1] here.",
        "Code `a[1]` here.",
        "Code ``a[`1`][1]`` here.",
        "Over [1\n\n",
    ],
)
def test_other_brackets_are_text(written: str) -> None:
    assert cited(written) == [(written.strip(), ())]


def test_no_mark_is_seen_in_a_block_of_code() -> None:
    written = "Run this. [1]\n\n```py\nx = a[1]  # Done. Really.\n\ny = a[2]\n```\n\nThen stop. [2]"
    assert cited(written) == [
        ("Run this.", (1,)),
        ("```py\nx = a[1]  # Done. Really.\n\ny = a[2]\n```", ()),
        ("Then stop.", (2,)),
    ]


def test_the_address_of_a_link_whose_text_is_a_mark_is_left_as_text() -> None:
    assert cited("It is so [1](http://elsewhere.example/).") == [("It is so (http://elsewhere.example/).", (1,))]


def test_without_passages_every_mark_is_dropped() -> None:
    assert cited("It is so [1].", passages=0) == [("It is so.", ())]


# --- sentences


def test_a_mark_belongs_to_the_sentence_it_stands_in_or_after() -> None:
    assert cited("One is here [1]. Two is there.[2] Three is gone. [3][4] Four [5] stays [6]. Five") == [
        ("One is here.", (1,)),
        ("Two is there.", (2,)),
        ("Three is gone.", (3, 4)),
        ("Four stays.", (5, 6)),
        ("Five", ()),
    ]


def test_a_mark_that_leads_a_line_belongs_to_the_sentence_that_follows() -> None:
    assert cited("[1] One is here.\n[2] Two is there.\n- [3] Three is gone.") == [
        ("One is here.", (1,)),
        ("Two is there.", (2,)),
        ("- Three is gone.", (3,)),
    ]


def test_a_mark_that_leads_a_wrapped_line_belongs_to_the_sentence_that_is_wrapped() -> None:
    assert cited("The tower\n[1] stands. It was built.") == [("The tower\nstands.", (1,)), ("It was built.", ())]


def test_a_mark_alone_on_its_line_belongs_to_the_sentence_before() -> None:
    assert cited("One is here.\n\n---\n\n[1]\n\nTwo is there.\n[2]") == [
        ("One is here.", (1,)),
        ("Two is there.", (2,)),
    ]


@pytest.mark.parametrize(
    "sentence",
    [
        "Dr. Smith met J. K. Rowling at 5 p.m. in the U.S. Senate.",
        "It rose by 3.14 percent, i.e. more than in version 2.0 of report.final.pdf.",
        'He said "Go. Now is the time." and left.',
        "The annex (see p. 3. It is long) says so.",
        "Is it “One. Two”?",
        "Really?!",
        "See Fig. 2 for details.",
    ],
)
def test_a_full_stop_inside_a_sentence_does_not_end_it(sentence: str) -> None:
    assert cited(f"{sentence} [1] Another follows here.") == [(sentence, (1,)), ("Another follows here.", ())]


def test_ideographic_sentences_end_without_a_space() -> None:
    assert cited("日本語です。[1]はい、そうです【2】。終わり。") == [
        ("日本語です。", (1,)),
        ("はい、そうです。", (2,)),
        ("終わり。", ()),
    ]


def test_headings_items_rows_and_paragraphs_start_anew_and_sentences_within_them_do_not() -> None:
    written = "# Title\nIntro [1]. More.\n\nNext\nwrapped line.\n- item one [1]. Its second.\n1. step\n| a | b [2] |\n| c | d |"
    assert [(sentence.text, sentence.paragraph_start) for sentence in parsed(written)] == [
        ("# Title", True),
        ("Intro.", True),
        ("More.", False),
        ("Next\nwrapped line.", True),
        ("- item one.", True),
        ("Its second.", False),
        ("1. step", True),
        ("| a | b |", True),
        ("| c | d |", True),
    ]


# --- streaming


def test_a_sentence_comes_as_soon_as_the_first_word_after_it_is_whole() -> None:
    parser = MarkParser(PASSAGES)
    assert parser.feed("It stands in Paris. [1") == []
    assert parser.feed("][2] It") == []
    assert parser.feed(" was") == [CitedSentence("It stands in Paris.", (1, 2), True)]
    assert parser.close() == [CitedSentence("It was", (), False)]


@pytest.mark.parametrize("half", ["[", "[1", "[1,", "[1, ", "[[1", "[[1]", "[^", "[pass", "[passage 1", "【", "【1†L2"])
def test_what_is_pending_shows_no_mark_and_no_half_of_one(half: str) -> None:
    parser = MarkParser(PASSAGES)
    parser.feed(f"It stands in Paris [2] {half}")
    assert parser.pending == "It stands in Paris"


def test_what_is_pending_shows_a_bracket_that_cannot_become_a_mark() -> None:
    parser = MarkParser(PASSAGES)
    parser.feed("It stands in [the city of] Par")
    assert parser.pending == "It stands in [the city of] Par"


def test_what_is_pending_begins_after_the_sentences_given_out() -> None:
    parser = MarkParser(PASSAGES)
    assert parser.pending == ""
    parser.feed("One is here [1]. Two is ")
    assert parser.pending == "Two is"


_PIECES = st.sampled_from(
    [
        "[1]",
        "[",
        "]",
        "1",
        "[2, 3]",
        "【4】",
        "99",
        "[99]",
        "Paris",
        "is",
        "Dr.",
        "e.g.",
        "x",
        "The",
        " ",
        " ",
        "\n",
        "\n\n",
    ]
    + [
        ". ",
        ".",
        "? ",
        "!",
        '"',
        "(",
        ")",
        "- ",
        "1. ",
        "# ",
        "| ",
        "```\n",
        "`",
        "“",
        "”",
        "。",
        "語",
        "---\n",
        "\r\n",
        "👍",
    ]
)
_WRITTEN = st.lists(_PIECES | st.text(max_size=3), max_size=40).map("".join)


@given(_WRITTEN, st.lists(st.integers(0, 120), max_size=8))
@example("One. [1] Two", [5])
def test_how_the_text_is_cut_into_deltas_makes_no_difference(written: str, cuts: list[int]) -> None:
    bounds = [0, *sorted(min(cut, len(written)) for cut in cuts), len(written)]
    deltas = [written[start:end] for start, end in pairwise(bounds)]
    assert parsed(*deltas) == parsed(written) == parsed(*written)


@given(_WRITTEN)
def test_numbers_are_those_of_passages_that_were_sent_and_each_comes_once(written: str) -> None:
    for sentence in parsed(written, passages=3):
        assert set(sentence.numbers) <= {1, 2, 3}
        assert len(set(sentence.numbers)) == len(sentence.numbers)
        assert sentence.text == sentence.text.strip()
        assert any(character.isalnum() for character in sentence.text)


_WORDS = st.text(st.characters(categories=["L"], exclude_characters="["), min_size=1, max_size=8)
_STOPS = st.sampled_from([" ", " ", ". ", ".", "? ", "\n", "\n\n", "\n- ", " (", ") ", ' "', ", "])
_MARKS = st.sampled_from(["", "", "[1]", " [1]", "[1, 2] ", "【3】", " [99]"])


@given(st.lists(st.tuples(_WORDS, _MARKS, _STOPS, _MARKS), max_size=20))
def test_every_word_is_kept_in_its_order_and_no_mark_is(parts: list[tuple[str, str, str, str]]) -> None:
    sentences = parsed("".join("".join(part) for part in parts))
    kept = "".join(character for sentence in sentences for character in sentence.text if character.isalnum())
    assert kept == "".join(character for word, *_ in parts for character in word if character.isalnum())
    assert not any(character in "[]【】" for sentence in sentences for character in sentence.text)


@given(st.lists(st.tuples(_WORDS, _MARKS, _STOPS, _MARKS), max_size=20))
def test_every_mark_is_given_to_a_sentence(parts: list[tuple[str, str, str, str]]) -> None:
    written = "".join("".join(part) for part in parts)
    sentences = parsed(written)
    if any(character.isalnum() for word, *_ in parts for character in word):
        named = {int(digit) for _, first, _, second in parts for digit in first + second if digit in "123"}
        assert named == {number for sentence in sentences for number in sentence.numbers}


_SENTENCES = st.sampled_from(
    ["Dr. Smith came at 5 p.m. on Monday", "The tower stands in Paris", "It rose by 3.14 percent (see Fig. 2)"]
    + ['He said "so it is"', "Prices, e.g. those of bread, fell", "The U.S. Senate agreed"]
)


@given(
    st.lists(
        st.tuples(
            _SENTENCES,
            st.lists(st.integers(1, PASSAGES), min_size=1, max_size=3, unique=True),
            st.sampled_from([" {}.", "{}.", ". {}", ".{}"]),
            st.sampled_from([" ", "\n", "\n\n"]),
        ),
        min_size=1,
    )
)
def test_an_answer_written_as_asked_is_read_as_it_was_meant(
    answer: list[tuple[str, list[int], str, str]],
) -> None:
    written = "".join(
        text + shape.format("".join(f"[{number}]" for number in numbers)) + gap for text, numbers, shape, gap in answer
    )
    expected = [(f"{text}.", tuple(numbers)) for text, numbers, _, _ in answer]
    assert [(sentence.text, sentence.numbers) for sentence in parsed(*written)] == expected


# --- abstaining


@pytest.mark.parametrize(
    "sentence",
    [
        NOT_FOUND,
        NOT_FOUND.upper(),
        NOT_FOUND.rstrip("."),
        f'"{NOT_FOUND}"',
        f"**{NOT_FOUND}** [1]",
        f"> {NOT_FOUND}",
        "The passages don’t contain the answer to this question.",
        "Sorry, the provided documents do not provide an answer!",
    ],
)
def test_the_abstention_phrase_is_known_in_the_ways_small_models_write_it(sentence: str) -> None:
    assert is_not_found(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "",
        "The documents hold the answer.",
        "The documents do not hold the answer, but the tower stands in Paris.",
        "The documents do not hold the tower.",
        "He said that the documents do not hold the answer.",
    ],
)
def test_a_sentence_that_says_something_is_not_taken_for_the_phrase(sentence: str) -> None:
    assert not is_not_found(sentence)
