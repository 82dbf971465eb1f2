"""Columns: what is found in them is what the tables give, and they never outlive what they were made of."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hash_embedder import HashEmbedder
from hypothesis import given
from hypothesis import strategies as st
from texts import WORDS

from index import column_copies, columns, finding
from index.column_copies import KeptColumns
from index.columns import Part
from index.folder import FolderIndex
from index.scope import EVERYTHING, Scope
from index.tables import Tables
from index.types import Passage

FILES = 40


def write(folder: Path, seed: int, files: int = FILES) -> None:
    """Files with titles and without, of one passage and of many, two with the same text, one without a word."""
    chance = random.Random(seed)
    for number in range(files):
        sentences = (
            f"{' '.join(chance.choices(WORDS, k=chance.randint(3, 14))).capitalize()}."
            for _ in range(chance.randint(1, 120))
        )
        title = f"# {' '.join(chance.choices(WORDS, k=3))}\n\n" if number % 2 else ""
        path = folder / ("reports" if number % 3 else ".") / f"{number:02}.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text(title + " ".join(sentences), encoding="utf-8")
    (folder / "copy.md").write_bytes((folder / "reports/01.md").read_bytes())
    (folder / "marks.txt").write_text("— … —", encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "documents").mkdir()
    write(tmp_path / "documents", seed=1)
    return tmp_path / "documents"


@pytest.fixture
def index(folder: Path, tmp_path: Path) -> Iterator[FolderIndex]:
    opened = FolderIndex.open(folder, tmp_path / "data", HashEmbedder())
    synced(opened)
    yield opened
    opened.close()


def synced(index: FolderIndex) -> None:
    index.sync()
    index._making.join()


def current(index: FolderIndex) -> columns.Columns | None:
    return KeptColumns(index.manifest).of(index.manifest.generation)


def found(index: FolderIndex, question: str, scope: Scope = EVERYTHING) -> list[tuple[Passage, float]]:
    hits = index.retrieve(question, 15, scope)
    assert all(len(hit.similarities) == len(hit.passage.sentences) for hit in hits)
    return [(hit.passage, hit.score) for hit in hits]


@pytest.mark.parametrize("scope", [Scope(), Scope.of(["reports"]), Scope.of(["reports/01.md", "copy.md"])])
def test_what_is_found_in_columns_is_what_the_tables_give(
    index: FolderIndex, monkeypatch: pytest.MonkeyPatch, scope: Scope
) -> None:
    monkeypatch.setattr(finding, "CANDIDATES", 20)  # fewer than there are, so that candidates must be the same
    assert current(index) is not None
    chance = random.Random(2)
    for _ in range(40):
        question = " ".join(chance.choices([*WORDS, "nowhere", "the"], k=chance.randint(1, 6)))
        here, weights = index.retrieve(question, 15, scope), index.term_weights(question)
        assert here
        with monkeypatch.context() as without:
            without.setattr(KeptColumns, "of", lambda *_: None)
            there = index.retrieve(question, 15, scope)
            assert index.term_weights(question) == weights
        assert [(hit.passage, hit.score) for hit in here] == [(hit.passage, hit.score) for hit in there]
        for one, other in zip(here, there, strict=True):
            assert one.similarities == pytest.approx(other.similarities, abs=1e-5)


def test_columns_made_after_each_of_many_changes_are_those_of_a_clean_build(
    index: FolderIndex, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are added, edited, renamed and deleted; the vectors of what stays are never written again, and rows of what
    went are dropped once they are half of all."""
    monkeypatch.setattr(finding, "CANDIDATES", 20)
    chance = random.Random(3)
    vectors = {vectors_of(index).stat().st_ino}
    for step in range(24):
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        for path in chance.sample(files, k=min(len(files), 1 + step // 6)):
            match step % 4:
                case 0:
                    path.write_text(f"{path.read_text(encoding='utf-8')} Added {' '.join(chance.choices(WORDS, k=9))}.")
                case 1:
                    path.with_name(f"new-{step}-{path.name}").write_text(
                        f"# {WORDS[step % 9]}\n\nThe {WORDS[2]} {step}."
                    )
                case 2:
                    path.rename(path.with_name(f"moved-{path.name}"))
                case 3:
                    path.unlink()
        synced(index)
        made = current(index)
        assert made is not None
        passages = sum(file.passages for file in index.files())
        assert made.statistics == Tables(index.manifest).term_statistics()
        assert made.statistics.passages == passages
        assert passages <= len(made) <= 2 * passages
        vectors.add(vectors_of(index).stat().st_ino)
        for _ in range(4):
            question = " ".join(chance.choices(WORDS, k=chance.randint(1, 5)))
            here = found(index, question)
            with monkeypatch.context() as without:
                without.setattr(KeptColumns, "of", lambda *_: None)
                assert found(index, question) == here
        if step == 12:
            assert len(vectors) == 1
    assert len(vectors) <= 3


def test_an_edit_writes_the_vectors_of_what_it_changed_and_no_others(index: FolderIndex, folder: Path) -> None:
    before = vectors_of(index).stat()
    (folder / "copy.md").write_text("The zanzibar ferry left at noon.", encoding="utf-8")
    synced(index)
    after = vectors_of(index).stat()
    assert after.st_ino == before.st_ino
    assert after.st_size - before.st_size == 4 * HashEmbedder().dimensions


def test_where_the_disk_knows_no_links_the_vectors_are_copied(
    index: FolderIndex, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refused)
    (folder / "copy.md").write_text("The zanzibar ferry left at noon.", encoding="utf-8")
    synced(index)
    assert current(index) is not None
    assert found(index, "zanzibar ferry")[0][0].source == "copy.md"


def vectors_of(index: FolderIndex) -> Path:
    (kept,) = index.manifest.path.parent.glob("columns-*")
    return kept / "vectors"


def test_wide_scopes_are_sieved_out_of_what_chroma_finds(index: FolderIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "CANDIDATES", 20)
    asked = (WORDS[3], Scope.of(["reports"]))
    exact = found(index, *asked)
    monkeypatch.setattr(finding, "FEW_IN_COLUMNS", 10)
    assert found(index, *asked) == exact


def test_passages_whose_ids_begin_alike_are_told_apart(index: FolderIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = sorted(index.manifest.passage_ids())
    ids = [ids[3], "0" * 32, *ids[::-1], "f" * 32, ids[3]]
    usual = current(index)
    assert usual is not None
    heads = columns._heads
    for kinds in (1, 2, 16):  # of heads, or twice as many
        with monkeypatch.context() as alike:
            alike.setattr(columns, "_heads", lambda some, kept=kinds: heads(some) // np.uint64((1 << 63) // kept))
            made = current(index)
            assert made is not None
            assert made.rows(ids).tolist() == usual.rows(ids).tolist()
    found = [made._ids[row].decode() for row in usual.rows(ids)]
    assert found == [id_ for id_ in ids if id_ in index.manifest.passage_ids()]


def test_every_finite_half_is_widened_to_the_float_that_it_is() -> None:
    halves = np.arange(1 << 16, dtype="<u2").view("<f2")
    halves = halves[np.isfinite(halves)]
    assert columns._widened(halves).tobytes() == halves.astype(np.float32).tobytes()


@given(st.lists(st.tuples(st.integers(1, 250), st.booleans()), max_size=12))
def test_the_stretches_of_a_part_hold_all_its_rows_and_pass_over_wide_gaps_only(runs: list[tuple[int, bool]]) -> None:
    inside = np.concatenate([np.zeros(0, np.bool_), *(np.full(length, there) for length, there in runs)])
    part = Part.of(inside)
    assert part.passages == inside.sum()
    gone_through = np.zeros(len(inside), np.bool_)
    for first, end in part.stretches:
        assert inside[first]
        assert inside[end - 1]
        gone_through[first:end] = True
    assert part.spanned == gone_through.sum()
    assert not (inside & ~gone_through).any()
    for (_, end), (first, _) in pairwise(part.stretches):
        assert first - end > columns._BRIDGED


@pytest.mark.parametrize("limit", [1, 7, 100_000])
@pytest.mark.parametrize("paths", [[], ["reports"], ["copy.md"], ["00.md", "36.md", "marks.txt"]])
def test_the_nearest_of_a_part_are_those_that_comparing_each_gives(
    index: FolderIndex, paths: list[str], limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "_BRIDGED", 3)
    made = current(index)
    assert made is not None
    scope = Scope.of(paths) if paths else EVERYTHING
    vector = HashEmbedder().embed_query(" ".join(WORDS[:5]))
    ids, vectors = Tables(index.manifest).vectors_in(scope)
    closeness = dict(zip(ids, (vectors @ vector).tolist(), strict=True))
    found = [made._ids[row].decode() for row in made.nearest(vector, limit, made.part(scope))]
    assert len(found) == len(set(found)) == min(limit, len(ids))
    best = sorted(closeness.values(), reverse=True)[:limit]
    assert [closeness[one] for one in found] == pytest.approx(best, abs=1e-6)


def test_an_edit_leaves_no_column_to_answer_until_new_ones_are_made(index: FolderIndex, folder: Path) -> None:
    before = current(index)
    assert before is not None
    (folder / "copy.md").write_text("The zanzibar ferry left at noon.", encoding="utf-8")
    (folder / "reports/01.md").unlink()
    index.sync()
    assert found(index, "zanzibar ferry")[0][0].source == "copy.md"
    index._making.join()
    after = current(index)
    assert after is not None
    assert after.generation > before.generation
    assert found(index, "zanzibar ferry")[0][0].source == "copy.md"
    assert all(hit[0].source != "reports/01.md" for hit in found(index, " ".join(WORDS[:20])))
    assert len(list(index.manifest.path.parent.glob("columns-*"))) == 1


def test_columns_whose_files_were_written_to_are_not_used_and_are_made_anew(
    index: FolderIndex, folder: Path, tmp_path: Path
) -> None:
    (kept,) = index.manifest.path.parent.glob("columns-*")
    index.close()
    for file in ("counts", "documents", "about.json"):
        data = bytearray((kept / file).read_bytes())
        data[len(data) // 2] ^= 0xFF
        (kept / file).write_bytes(data)
        again = FolderIndex.open(folder, tmp_path / "data", HashEmbedder())
        assert current(again) is None
        assert found(again, WORDS[0])
        synced(again)
        assert current(again) is not None
        again.close()
        (kept,) = again.manifest.path.parent.glob("columns-*")


def test_a_process_that_does_not_own_the_index_finds_the_same_in_the_columns(index: FolderIndex, folder: Path) -> None:
    other = FolderIndex.open(folder, index.home.parent.parent, HashEmbedder())
    try:
        assert not other.owned
        assert found(other, WORDS[5]) == found(index, WORDS[5])
    finally:
        other.close()


def test_retrieving_through_llama_index_gives_the_same_passages(index: FolderIndex) -> None:
    direct = found(index, " ".join(WORDS[2:5]), Scope.of(["reports"]))
    index.prepare()
    assert found(index, " ".join(WORDS[2:5]), Scope.of(["reports"])) == direct


def test_an_empty_folder_has_columns_that_find_nothing(tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    index = FolderIndex.open(tmp_path / "documents", tmp_path / "data", HashEmbedder())
    synced(index)
    assert index.retrieve("anything") == ()
    (tmp_path / "documents/one.txt").write_text("The ferry left at noon.", encoding="utf-8")
    synced(index)
    assert len(index.retrieve("ferry")) == 1
    (tmp_path / "documents/one.txt").unlink()
    synced(index)
    assert index.retrieve("ferry") == ()
    index.close()


def test_columns_that_cannot_be_written_cost_no_answer(
    index: FolderIndex, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(column_copies, "_write", full)
    (folder / "copy.md").write_text("The zanzibar ferry left at noon.", encoding="utf-8")
    synced(index)
    assert current(index) is None
    assert "could not be written" in caplog.text
    assert found(index, "zanzibar ferry")[0][0].source == "copy.md"
    assert len(list(index.manifest.path.parent.glob("columns-*"))) == 1
