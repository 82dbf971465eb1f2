"""The part of a folder that a question is asked of: by file, by folder, by the document's own date."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hash_embedder import HashEmbedder
from hypothesis import given
from hypothesis import strategies as st

from index import finding
from index.errors import ScopeUnusable
from index.folder import FolderIndex
from index.scope import EVERYTHING, Scope, first_day, last_day


def dated(date: str, words: str) -> str:
    return f"---\ntitle: {words}\nauthor: Ann Lee\ndate: {date}\n---\n\nThe harbour report says {words}.\n"


FILES = {
    "harbour.txt": "The harbour report says nothing of a date.",
    "reports/2021/harbour.md": dated("2021-06-30", "barges"),
    "reports/2022/harbour.md": dated("2022-02-01", "ferries"),
    "reports/2022/late.md": dated("2022-11-15T10:00:00+01:00", "tugs"),
    "reports2/harbour.md": dated("2022", "yachts"),
    "reports-old.md": dated("2020-12", "sails"),
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FolderIndex]:
    folder = tmp_path_factory.mktemp("folder")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    opened = FolderIndex.open(folder, tmp_path_factory.mktemp("data"), HashEmbedder())
    opened.sync()
    yield opened
    opened.close()


def found(index: FolderIndex, scope: Scope) -> set[str]:
    return {hit.passage.source for hit in index.retrieve("What does the harbour report say?", 50, scope)}


@pytest.mark.parametrize(
    ("scope", "sources"),
    [
        (Scope(), set(FILES)),
        (Scope.of(["harbour.txt"]), {"harbour.txt"}),
        (Scope.of(["reports"]), {name for name in FILES if name.startswith("reports/")}),
        (Scope.of(["reports/2022/", "./harbour.txt"]), {"reports/2022/harbour.md", "reports/2022/late.md", "harbour.txt"}),
        (Scope.of(since="2022"), {"reports/2022/harbour.md", "reports/2022/late.md", "reports2/harbour.md"}),
        (Scope.of(until="2021-06-30"), {"reports/2021/harbour.md", "reports-old.md"}),
        (Scope.of(until="2021-06-29"), {"reports-old.md"}),
        (Scope.of(since="2022-02-01", until="2022-02-01"), {"reports/2022/harbour.md", "reports2/harbour.md"}),
        (Scope.of(["reports"], "2022-06", "2022-11-15"), {"reports/2022/late.md"}),
    ],
)  # fmt: skip
def test_only_documents_of_the_scope_are_found(index: FolderIndex, scope: Scope, sources: set[str]) -> None:
    assert found(index, scope) == sources


def test_a_scope_that_holds_no_document_is_said_and_not_answered(index: FolderIndex) -> None:
    with pytest.raises(ScopeUnusable, match=r"in report\. Name files and folders as they lie inside"):
        index.retrieve("harbour", 5, Scope.of(["report"]))
    with pytest.raises(ScopeUnusable, match=r"from 2023 on\. Of the documents, 1 gives no date\."):
        index.retrieve("harbour", 5, Scope.of(since="2023"))


@pytest.mark.parametrize("path", ["../secrets.txt", "reports/../../x", "/etc", ""])
def test_a_path_that_is_not_inside_the_folder_is_refused(path: str) -> None:
    with pytest.raises(ScopeUnusable):
        Scope.of([path])


@pytest.mark.parametrize("date", ["yesterday", "2022-13", "2022-02-30", "22-01-01", "2022/01/01"])
def test_what_is_no_date_is_refused_with_how_to_write_one(date: str) -> None:
    with pytest.raises(ScopeUnusable, match="2022-01-31"):
        Scope.of(since=date)


def test_a_span_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ScopeUnusable, match="earlier date first"):
        Scope.of(since="2022-02", until="2022-01")


@given(st.dates(), st.dates())
def test_days_of_partial_dates_enclose_the_day(one: object, other: object) -> None:
    day, second = sorted((str(one), str(other)))
    for written in (day, day[:7], day[:4]):
        assert first_day(written) <= day <= last_day(written)
        assert len(first_day(written)) == len(last_day(written)) == 10
        assert first_day(written) <= second


def test_a_hit_brings_what_the_file_says_of_itself(index: FolderIndex) -> None:
    [hit] = index.retrieve("ferries", 1, Scope.of(["reports/2022/harbour.md"]))
    assert (hit.passage.metadata.title, hit.passage.metadata.author) == ("ferries", "Ann Lee")
    assert hit.passage.metadata.day == "2022-02-01"


def test_of_a_large_scope_the_nearest_are_found_as_of_a_small_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sieving a wider search comes to the same as comparing with every passage of the scope."""
    folder = tmp_path / "folder"
    for topic in ("north", "south"):
        (folder / topic).mkdir(parents=True)
        for number in range(60):
            words = f"The {topic} gate number {number} was painted in colour {number * 7 % 31}."
            (folder / topic / f"{number}.txt").write_text(words, encoding="utf-8")
    index = FolderIndex.open(folder, tmp_path / "data", HashEmbedder())
    index.sync()
    monkeypatch.setattr(finding, "CANDIDATES", 20)
    question = "Which south gate was painted in colour 12?"
    scope = Scope.of(["north"])
    exact = index.retrieve(question, 10, scope)
    monkeypatch.setattr(finding, "FEW", 10)
    assert index.retrieve(question, 10, scope) == exact
    # The other folder is nearer to this question, so a narrow search holds too few of the scope.
    monkeypatch.setattr(finding, "_WIDEST", 25)
    assert index.retrieve(question, 10, scope) == exact
    assert {hit.passage.source.split("/")[0] for hit in exact} == {"north"}
    index.close()


def test_the_whole_folder_is_the_scope_unless_one_is_given(index: FolderIndex) -> None:
    assert EVERYTHING.is_everything
    plain = index.retrieve("harbour report", 3)
    assert plain == index.retrieve("harbour report", 3, Scope.of())
    assert np.isfinite([hit.score for hit in plain]).all()
