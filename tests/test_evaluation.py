"""footnote eval: a file of questions is read strictly, asked of the real folder, counted, and compared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assistant.cli import app
from assistant.errors import QuestionsUnusable
from assistant.evaluation import EXAMPLE, Outcome, Run, as_json, evaluate, figures, rated_cases, read_cases, read_run
from assistant.history import Rated, Rating
from assistant.library import Library
from assistant.settings import Settings

DOCUMENTS = {
    "harbour.txt": "The harbour of Ostwick was dredged to nine metres in 1931. The work took fourteen months.\n",
    "bells.txt": "The church of Ostwick has five bells. The largest bell is called Old Maud and weighs two tonnes.\n",
}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("documents")
    for name, text in DOCUMENTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    opened = Library.open(folder, Settings(FOOTNOTE_DATA_DIR=tmp_path_factory.mktemp("data")))
    opened.sync()
    yield opened
    opened.close()


def outcome_of(library: Library, tmp_path: Path, **line: object) -> Outcome:
    file = tmp_path / "questions.jsonl"
    file.write_text(json.dumps(line), encoding="utf-8")
    (outcome,) = evaluate(library, read_cases(file))
    return outcome


def test_words_held_by_the_first_sentence_make_it_right(library: Library, tmp_path: Path) -> None:
    outcome = outcome_of(library, tmp_path, question="How deep was the harbour dredged?", expect="Nine metre")
    assert outcome.right
    assert outcome.rank == 1
    assert outcome.sentences == {"quoted": 1}


def test_a_part_of_the_expected_words_is_not_enough(library: Library, tmp_path: Path) -> None:
    question = "How deep was the harbour dredged?"
    assert outcome_of(library, tmp_path, question=question, expect=["nine metres", "1931"]).right
    lacking = outcome_of(library, tmp_path, question=question, expect=["nine metres", "1932"])
    assert lacking.right is False
    assert lacking.rank is None


def test_words_in_another_order_are_other_words(library: Library, tmp_path: Path) -> None:
    assert outcome_of(library, tmp_path, question="What is the largest bell called?", expect="Maud Old").right is False


def test_one_of_two_wordings_will_do(library: Library, tmp_path: Path) -> None:
    assert outcome_of(library, tmp_path, question="What is the largest bell called?", expect="Big Ben | Old Maud").right


def test_the_right_words_from_another_file_than_the_expected_are_not_right(library: Library, tmp_path: Path) -> None:
    line = {"question": "What is the largest bell called?", "expect": "Ostwick | Old Maud"}
    assert outcome_of(library, tmp_path, **line, source="bells.txt").right
    elsewhere = outcome_of(library, tmp_path, **line, source="harbour.txt")
    assert elsewhere.right is False


def test_what_the_documents_do_not_hold_counts_as_refused_when_it_is(library: Library, tmp_path: Path) -> None:
    outcome = outcome_of(library, tmp_path, question="Who invented the zip fastener?", answerable=False)
    assert not outcome.found
    assert outcome.right is None


def test_a_search_has_what_is_expected_once_its_passages_together_hold_it(library: Library, tmp_path: Path) -> None:
    outcome = outcome_of(library, tmp_path, question="What is in Ostwick?", expect=["harbour", "church"])
    assert outcome.rank == 2


def made(found: bool, answerable: bool = True, right: bool | None = None, rank: int | None = None) -> Outcome:
    sentences = {"quoted": 1, "partly": 1} if found else {}
    return Outcome("q", answerable, right is not None, found, rank, right, "", sentences, 0.5, True)


def test_figures_are_shares_of_the_questions_they_are_about() -> None:
    counted = figures(
        [
            made(True, right=True, rank=1),
            made(True, right=False, rank=4),
            made(False, right=False),
            made(True),  # answerable, but nothing known of the answer
            made(True, answerable=False),
            made(False, answerable=False),
        ]
    )
    assert (counted.questions, counted.answerable) == (6, 4)
    assert (counted.hit_1, counted.hit_5, counted.hit_10) == (1 / 3, 2 / 3, 2 / 3)
    assert (counted.right, counted.right_answered) == (1 / 3, 1 / 2)
    assert counted.answer_rate == 3 / 4
    assert (counted.refusal_precision, counted.refusal_recall) == (1 / 2, 1 / 2)
    assert (counted.quoted, counted.supported, counted.partly, counted.unsupported) == (0.5, 0, 0.5, 0)
    assert (counted.p50, counted.p95) == (0.5, 0.5)


def test_a_share_of_nothing_is_none_and_not_zero() -> None:
    counted = figures([made(True)])
    assert counted.hit_1 is None
    assert counted.refusal_precision is None
    assert counted.refusal_recall is None


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "this is not JSON"),
        ("[]", "a line is an object"),
        ("{}", "'question' is missing"),
        ('{"question": " "}', "'question' is missing"),
        ('{"question": "q", "expected": "x"}', "'expected' is not known here"),
        ('{"question": "q", "expect": 3}', "'expect' must be words"),
        ('{"question": "q", "expect": ["x", null]}', "'expect' must be words"),
        ('{"question": "q", "expect": "x | ..."}', "'expect' has a part without a word"),
        ('{"question": "q", "source": ["a.txt"]}', "'source' must be the path"),
        ('{"question": "q", "answerable": "no"}', "'answerable' must be true or false"),
        ('{"question": "q", "answerable": false, "expect": "x"}', "not answerable has neither"),
    ],
)
def test_a_line_that_cannot_be_meant_is_named_with_its_number(tmp_path: Path, line: str, complaint: str) -> None:
    file = tmp_path / "questions.jsonl"
    file.write_text(f'{{"question": "Who?"}}\n\n{line}\n', encoding="utf-8")
    with pytest.raises(QuestionsUnusable, match="line 3: ") as told:
        read_cases(file)
    assert complaint in str(told.value)


def test_a_file_that_is_not_there_or_empty_is_told(tmp_path: Path) -> None:
    with pytest.raises(QuestionsUnusable, match="cannot be read"):
        read_cases(tmp_path / "none.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(QuestionsUnusable, match="holds no questions"):
        read_cases(tmp_path / "empty.jsonl")


def test_a_run_is_read_as_it_was_kept(tmp_path: Path) -> None:
    outcomes = (made(True, right=True, rank=2), made(False, answerable=False))
    run = Run(figures(outcomes), outcomes)
    (tmp_path / "earlier.json").write_text(as_json(run), encoding="utf-8")
    assert read_run(tmp_path / "earlier.json") == run


@pytest.mark.parametrize("kept", ["", "[]", "{}", '{"figures": {"questions": 3}, "outcomes": []}'])
def test_a_file_that_is_no_earlier_run_is_told(tmp_path: Path, kept: str) -> None:
    (tmp_path / "earlier.json").write_text(kept)
    with pytest.raises(QuestionsUnusable, match="is no earlier evaluation"):
        read_run(tmp_path / "earlier.json")


def test_the_example_has_twenty_questions_that_the_seeds_answer_and_ten_that_they_do_not() -> None:
    cases = read_cases(EXAMPLE)
    assert sum(case.answerable for case in cases) == 20
    assert sum(not case.answerable for case in cases) == 10


def test_the_command_prints_figures_names_failures_and_compares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(tmp_path / "data"))
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "harbour.txt").write_text(DOCUMENTS["harbour.txt"], encoding="utf-8")
    file = tmp_path / "questions.jsonl"
    file.write_text('{"question": "How long did the work take?", "expect": "fourteen months"}\n', encoding="utf-8")
    kept = CliRunner().invoke(app, ["eval", str(file), "--folder", str(folder), "--json"])
    assert json.loads(kept.stdout)["figures"]["right"] == 1.0
    (tmp_path / "earlier.json").write_text(kept.stdout, encoding="utf-8")
    file.write_text('{"question": "How long did the work take?", "expect": "fifteen months"}\n', encoding="utf-8")
    compared = CliRunner().invoke(
        app, ["eval", str(file), "--folder", str(folder), "--compare", str(tmp_path / "earlier.json")]
    )
    assert "-100.0 %" in compared.stdout
    assert "Another sentence first (not so earlier): How long did the work take?" in compared.stdout


def test_a_folder_without_questions_about_it_is_told(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["eval", "--folder", str(tmp_path)])
    assert told.exit_code == 1
    assert "Give the file of questions about that folder" in told.stderr


def test_rated_answers_make_a_file_of_questions_that_is_read_and_right(library: Library, tmp_path: Path) -> None:
    (*_, found), (*_, absent) = library.ask("How deep was the harbour dredged?"), library.ask("What is a zebra?")
    rated = [Rated(found, Rating(False)), Rated(absent, Rating(True)), Rated(found, Rating(True, "short"))]
    file = tmp_path / "rated.jsonl"
    file.write_text(rated_cases(rated), encoding="utf-8")
    deep, zebra = evaluate(library, read_cases(file))
    assert (deep.question, deep.right) == ("How deep was the harbour dredged?", True)
    assert (zebra.answerable, zebra.found) == (False, False)
    assert json.loads(file.read_text().splitlines()[0])["note"] == "good: short"


def test_of_an_answer_rated_bad_only_the_question_is_taken(library: Library, tmp_path: Path) -> None:
    (*_, found) = library.ask("How deep was the harbour dredged?")
    written = json.loads(rated_cases([Rated(found, Rating(False, "which harbour?"))]))
    assert written == {"question": "How deep was the harbour dredged?", "note": "bad: which harbour?"}
