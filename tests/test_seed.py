"""The example that comes along: thirty questions, written before anything was measured, asked of the seeds as they are.

The bar is 18 of 20 answered with the right sentence first, and 9 of 10 refused; what falls below it shows which.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.evaluation import EXAMPLE, Outcome, evaluate, read_cases
from assistant.library import Library
from assistant.settings import Settings

SEEDS = Path(__file__).resolve().parent.parent / "seeds"


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[Outcome]:
    library = Library.open(SEEDS, Settings(FOOTNOTE_DATA_DIR=tmp_path_factory.mktemp("data")))
    library.sync()
    try:
        return list(evaluate(library, read_cases(EXAMPLE)))
    finally:
        library.close()


def test_what_the_seeds_hold_is_answered_with_the_right_sentence_first(outcomes: list[Outcome]) -> None:
    wrong = [(outcome.question, outcome.first) for outcome in outcomes if outcome.answerable and not outcome.right]
    assert len(wrong) <= 2, wrong


def test_what_the_seeds_do_not_hold_is_refused(outcomes: list[Outcome]) -> None:
    answered = [(outcome.question, outcome.first) for outcome in outcomes if not outcome.answerable and outcome.found]
    assert len(answered) <= 1, answered


def test_every_sentence_of_an_answer_is_the_documents_own(outcomes: list[Outcome]) -> None:
    text = next(SEEDS.iterdir()).read_text(encoding="utf-8")
    assert all(outcome.first in text for outcome in outcomes if outcome.found)
