"""What a model thinks before it answers, told apart from the answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.thoughts import ThoughtFilter, shows_thoughts, without_thoughts


def filtered(pieces: list[str]) -> str:
    thoughts = ThoughtFilter()
    return "".join(thoughts.feed(piece) for piece in pieces) + thoughts.close()


@pytest.mark.parametrize(
    ("written", "answer"),
    [
        ("Paris.", "Paris."),
        ("\n Paris.\n", "Paris.\n"),
        ("<think>hm</think>\n\nParis.", "Paris."),
        (" <THINKING>hm</Thinking> Paris.", "Paris."),
        ("<think></think><think>again</think>Paris.", "Paris."),
        ("<think>never ends", ""),
        ("<thin", "<thin"),
        ("<thinner> is an element.", "<thinner> is an element."),
        ("Write <think>x</think> to think.", "Write <think>x</think> to think."),
        ("", ""),
    ],
)
def test_only_a_thought_at_the_beginning_is_left_out(written: str, answer: str) -> None:
    assert filtered([written]) == answer


_WRITTEN = st.lists(st.sampled_from(["<think>", "</think>", "<thi", "nk>", " ", "\n", "a", "Paris."]))


@given(_WRITTEN)
def test_how_the_text_is_cut_into_pieces_makes_no_difference(pieces: list[str]) -> None:
    written = "".join(pieces)
    assert filtered(list(written)) == filtered(pieces) == filtered([written])


def test_a_thought_whose_opening_was_swallowed_is_left_out_of_a_whole_answer() -> None:
    assert without_thoughts("The user asks.\n</think>\n\nParis.") == "Paris."
    assert shows_thoughts("The user asks.\n</think>")
    assert not shows_thoughts("Paris.")
