"""Suggested questions: their forms, and that each is answered from the document it was made from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.answering import answered_by
from assistant.library import Library
from assistant.settings import Settings
from assistant.suggesting import questions_in, suggestions
from index.folder import FolderIndex

DOCUMENTS = {
    "bells.txt": "The largest bell is called Old Maud and weighs two tonnes.",
    "works.txt": "The work began in April 1931. Edith Marlow said that no house would be touched.",
    "list.txt": "milk, bread, butter",
}


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("The largest bell is called Old Maud.", "What is the largest bell called?"),
        ("The work began in April 1931.", "When did the work begin?"),
        ("Edith Marlow later said that no house would fall.", "What did Edith Marlow say?"),
        ("The church of Ostwick has five bells.", "How many bells does the church of Ostwick have?"),
        ("A word with Tom Ferris.", "What is said about Tom Ferris?"),
    ],
)
def test_the_form_of_a_sentence_tells_what_it_answers(text: str, question: str) -> None:
    assert question in list(questions_in(text))


@pytest.mark.parametrize("text", ["He said no.", "This was found.", "The work began slowly.", "Ja, das sagte er.", ""])
def test_a_sentence_that_names_nobody_and_no_time_suggests_nothing(text: str) -> None:
    assert list(questions_in(text)) == []


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Iterator[FolderIndex]:
    folder = tmp_path_factory.mktemp("documents")
    for name, text in DOCUMENTS.items():
        (folder / name).write_text(text)
    index = FolderIndex.open(folder, data_dir)
    index.sync()
    yield index
    index.close()


def test_every_suggestion_is_answered_and_each_document_has_its_turn_first(index: FolderIndex) -> None:
    made = list(suggestions(index))
    assert {answered_by(index, question) for question in made[:2]} == {"bells.txt", "works.txt"}
    assert all(answered_by(index, question) for question in made)
    assert len(made) == len(set(made))


def test_a_folder_without_documents_suggests_nothing(tmp_path: Path) -> None:
    library = Library.open(tmp_path, Settings(FOOTNOTE_DATA_DIR=tmp_path / "data"))
    assert list(library.suggestions()) == []
    library.close()
