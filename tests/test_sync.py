"""The index follows the folder: every change and no more, old or new and never both, nothing embedded twice."""

from __future__ import annotations

import importlib
import io
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

import pytest
from contents import assert_whole, contents
from hash_embedder import HashElsewhere, HashEmbedder

from index import scanning
from index.embedding import Vectors
from index.errors import FolderMissing, IndexUnwritable, SourceUnreadable
from index.folder import FolderIndex
from index.reading import Reader
from index.store import PassageStore
from index.sync import _read
from index.types import Passage, Progress, State


class Stopped(BaseException):
    """Not an error: as if the process had been ended there."""


class Desk:
    """A folder, its index, and the embedder that counts."""

    def __init__(self, root: Path, url: str | None = None, embedder: HashEmbedder | None = None) -> None:
        self.folder = root / "documents"
        self.folder.mkdir()
        self.data = root / "data"
        self.url = url
        self.embedder = embedder or HashEmbedder()
        self.index = self.opened()

    def opened(self) -> FolderIndex:
        return FolderIndex.open(self.folder, self.data, self.embedder, self.url)

    def reopen(self) -> None:
        self.index.close()
        self.index = self.opened()

    def write(self, source: str, text: str | bytes) -> Path:
        path = self.folder / source
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def found(self, question: str) -> list[str]:
        """The sources of the passages found, best first, each once."""
        return list(dict.fromkeys(hit.passage.source for hit in self.index.retrieve(question)))

    def texts(self, question: str) -> str:
        return "\n".join(hit.passage.text for hit in self.index.retrieve(question))


@pytest.fixture(params=["embedded", "server", pytest.param("elsewhere", marks=pytest.mark.slow)])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """With Chroma inside, with its server, and with passages embedded by other machines."""
    url = request.getfixturevalue("chroma_server") if request.param == "server" else None
    desk = Desk(tmp_path, url, HashElsewhere() if request.param == "elsewhere" else None)
    yield desk
    desk.index.close()


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.index.close()


# What a sync embeds


def test_a_second_sync_embeds_nothing_and_changes_nothing(desk: Desk) -> None:
    for number in range(5):
        desk.write(f"{number}.txt", f"Paragraph {number} about zebras.\n\nAnother one about apples number {number}.\n")
    first = desk.index.sync()
    assert first.embedded > 0
    before, generation = contents(desk.index), desk.index.generation
    desk.embedder.embedded.clear()
    second = desk.index.sync()
    assert (second.embedded, second.plan.empty, len(second.plan.unchanged)) == (0, True, 5)
    assert desk.embedder.embedded == []
    assert contents(desk.index) == before
    assert desk.index.generation == generation
    found = [hit.passage.id for hit in desk.index.retrieve("zebras")]
    assert len(found) == len(set(found))


def test_a_renamed_file_is_found_under_its_new_name_alone_and_nothing_is_embedded(desk: Desk) -> None:
    desk.write("old.txt", "The ferry leaves at nine.")
    desk.index.sync()
    desk.embedder.embedded.clear()
    (desk.folder / "sub").mkdir()
    (desk.folder / "old.txt").rename(desk.folder / "sub" / "new.txt")
    report = desk.index.sync()
    assert report.plan.renamed == (("old.txt", "sub/new.txt"),)
    assert desk.embedder.embedded == []
    assert desk.found("When does the ferry leave?") == ["sub/new.txt"]
    assert desk.index.document("old.txt") is None
    assert_whole(desk.index)


def test_a_whole_folder_renamed_embeds_nothing(desk: Desk) -> None:
    for number in range(10):
        desk.write(f"a/{number}.txt", f"Note {number} on the tides.")
    desk.index.sync()
    desk.embedder.embedded.clear()
    (desk.folder / "a").rename(desk.folder / "b")
    report = desk.index.sync()
    assert len(report.plan.renamed) == 10
    assert desk.embedder.embedded == []
    assert {document.source for document in desk.index.files()} == {f"b/{number}.txt" for number in range(10)}
    assert_whole(desk.index)


def test_two_files_that_change_names_with_each_other_embed_nothing(desk: Desk) -> None:
    desk.write("a.txt", "All about anchors.")
    desk.write("b.txt", "All about barges.")
    desk.index.sync()
    desk.embedder.embedded.clear()
    (desk.folder / "a.txt").rename(desk.folder / "c.txt")
    (desk.folder / "b.txt").rename(desk.folder / "a.txt")
    (desk.folder / "c.txt").rename(desk.folder / "b.txt")
    desk.index.sync()
    assert desk.embedder.embedded == []
    assert desk.found("anchors")[0] == "b.txt"
    assert_whole(desk.index)


def test_one_edited_of_a_thousand_files_embeds_its_own_new_passages_alone(here: Desk) -> None:
    def text(number: int, last: str) -> str:
        return f"Report {number}.\n\n" + "".join(f"Point {p} of {number}: {'word ' * 60}\n\n" for p in range(3)) + last

    for number in range(1000):
        here.write(f"{number % 20}/{number}.txt", text(number, "The end."))
    here.index.sync()
    before = {passage.text for passage in here.index.manifest.passages_of("7/507.txt")}
    here.embedder.embedded.clear()
    here.write("7/507.txt", text(507, "The end has come, with a new owner."))
    report = here.index.sync()
    after = [passage.text for passage in here.index.manifest.passages_of("7/507.txt")]
    new = [passage for passage in after if passage not in before]
    assert report.plan.changed == ("7/507.txt",)
    assert (report.embedded, report.reused) == (len(new), len(after) - len(new))
    assert 0 < len(new) < len(after)
    assert all(
        "507" in embedded or "new owner" in embedded or "Point" not in embedded for embedded in here.embedder.embedded
    )
    assert_whole(here.index)


def test_a_touched_file_is_looked_into_and_not_embedded(desk: Desk) -> None:
    path = desk.write("a.txt", "The same as ever.")
    desk.index.sync()
    desk.embedder.embedded.clear()
    os.utime(path, (1, 1))
    report = desk.index.sync()
    assert report.plan.unchanged == ("a.txt",)
    assert desk.embedder.embedded == []


# What a sync notices


def test_one_number_changed_answers_with_the_new_number_and_never_the_old(desk: Desk) -> None:
    desk.write("rent.txt", "The rent is 1,250 euros a month.")
    desk.index.sync()
    desk.write("rent.txt", "The rent is 1,350 euros a month.")
    desk.index.sync()
    texts = desk.texts("What is the rent?")
    assert "1,350" in texts
    assert "1,250" not in texts
    assert all("1,250" not in str(row) for row in contents(desk.index).chroma.values())
    assert_whole(desk.index)


def test_a_file_swapped_for_one_of_the_same_size_and_time_is_noticed(desk: Desk) -> None:
    path = desk.write("a.txt", "The answer is 41.")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    desk.index.sync()
    before = path.stat()
    other = desk.folder.parent / "other.txt"
    other.write_text("The answer is 42.")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    desk.index.sync()
    assert "42" in desk.texts("What is the answer?")


def test_a_file_written_over_with_its_time_set_back_is_noticed(desk: Desk) -> None:
    path = desk.write("a.txt", "The answer is 41.")
    desk.index.sync()
    before = path.stat()
    path.write_text("The answer is 42.")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    desk.index.sync()
    assert "42" in desk.texts("What is the answer?")


def test_a_file_changed_within_one_tick_of_the_clock_is_noticed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system whose clock stands still: all of the stat that is looked at stays the same."""
    path = desk.write("a.txt", "The answer is 41.")
    frozen = scanning.stat_of(path.stat())
    for module in ("scanning", "planning", "sync"):
        monkeypatch.setattr(f"index.{module}.stat_of", lambda info: frozen)
    desk.index.sync()
    path.write_text("The answer is 42.")
    desk.index.sync()
    assert "42" in desk.texts("What is the answer?")


@pytest.mark.parametrize("old_enough", [False, True])
def test_a_file_is_hashed_again_only_until_its_times_can_be_trusted(
    here: Desk, old_enough: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.write("a.txt", "Steady.")
    for module in ("scanning", "planning"):
        monkeypatch.setattr(f"index.{module}.is_settled", lambda info, now: old_enough)
    here.index.sync()
    hashed: list[Path] = []
    real = scanning.content_hash
    monkeypatch.setattr("index.planning.content_hash", lambda path: hashed.append(path) or real(path))
    here.index.sync()
    assert len(hashed) == (0 if old_enough else 1)


def test_the_same_bytes_under_another_ending_are_read_by_its_reader(desk: Desk) -> None:
    page = "<html><head><title>Tides</title></head><body><p>High water at noon.</p></body></html>"
    desk.write("a.txt", page)
    desk.write("b.html", page)
    desk.index.sync()
    assert_whole(desk.index)
    (desk.folder / "a.txt").rename(desk.folder / "c.html")
    desk.index.sync()
    assert_whole(desk.index)
    document = desk.index.document("c.html")
    assert document is not None
    assert "<p>" not in document.text


# Deleting


def test_a_deleted_file_leaves_no_row_and_is_not_found_in_the_same_session(desk: Desk) -> None:
    desk.write("secret.txt", "The password of the safe is swordfish.")
    desk.write("other.txt", "The safe stands in the cellar.")
    desk.index.sync()
    assert "swordfish" in desk.texts("the password of the safe")
    (desk.folder / "secret.txt").unlink()
    report = desk.index.sync()
    assert report.plan.removed == ("secret.txt",)
    assert desk.found("the password of the safe") == ["other.txt"]
    assert desk.index.content_hash("secret.txt") is None
    assert "swordfish" not in str(contents(desk.index))
    assert_whole(desk.index)


def test_two_equal_files_are_two_sources_and_nothing_is_left_when_both_go(desk: Desk) -> None:
    desk.write("a.txt", "Twins are alike.")
    desk.write("sub/b.txt", "Twins are alike.")
    report = desk.index.sync()
    assert (report.embedded, report.reused) == (1, 1)
    assert sorted(desk.found("twins")) == ["a.txt", "sub/b.txt"]
    (desk.folder / "a.txt").unlink()
    desk.index.sync()
    assert desk.found("twins") == ["sub/b.txt"]
    (desk.folder / "sub" / "b.txt").unlink()
    desk.index.sync()
    left = contents(desk.index)
    assert not any([left.documents, left.passages, left.terms, left.vectors, left.files, left.chroma, left.strays])


def test_a_folder_that_is_gone_is_said_and_costs_nothing(desk: Desk) -> None:
    desk.write("a.txt", "Kept.")
    desk.index.sync()
    desk.folder.rename(desk.folder.with_name("away"))
    with pytest.raises(FolderMissing, match="Check the path"):
        desk.index.sync()
    desk.folder.with_name("away").rename(desk.folder)
    desk.embedder.embedded.clear()
    desk.index.sync()
    assert desk.embedder.embedded == []
    assert desk.found("kept") == ["a.txt"]


# A drive that is not there


def test_documents_that_go_all_at_once_do_not_answer_and_are_not_embedded_again_when_they_are_back(desk: Desk) -> None:
    for number in range(12):
        desk.write(f"{number}.txt", f"Report {number} is about engine {number}.")
    assert desk.index.sync().gone == 0
    drive = desk.folder.rename(desk.folder.with_name("drive"))
    desk.folder.mkdir()
    desk.write("new.txt", "Something about an engine.")
    for _ in range(2):
        assert desk.index.sync().gone == 12
        assert desk.found("which report is about engine 3") == ["new.txt"]
        desk.reopen()
    desk.embedder.embedded.clear()
    for path in drive.iterdir():
        path.rename(desk.folder / path.name)
    report = desk.index.sync()
    assert len(report.plan.added) == 12
    assert (report.gone, report.embedded, desk.embedder.embedded) == (0, 0, [])
    assert desk.found("which report is about engine 3")[0] == "3.txt"
    assert_whole(desk.index)


def test_documents_that_went_all_at_once_are_let_go_once_it_is_confirmed(desk: Desk) -> None:
    for number in range(12):
        desk.write(f"{number}.txt", f"Report {number} is about engine {number}.")
    desk.index.sync()
    for number in range(9):
        (desk.folder / f"{number}.txt").unlink()
    assert desk.index.sync().gone == 9
    desk.write("8.txt", "Report 8 is about engine 8.")
    assert desk.index.sync().gone == 8
    desk.index.forget_gone()
    assert desk.index.sync().gone == 0
    assert_whole(desk.index)  # no embedding is kept that no passage has


def test_a_few_documents_that_go_are_let_go_without_asking(desk: Desk) -> None:
    for number in range(12):
        desk.write(f"{number}.txt", f"Report {number} is about engine {number}.")
    desk.index.sync()
    for number in range(6):
        (desk.folder / f"{number}.txt").unlink()
    assert desk.index.sync().gone == 0
    assert_whole(desk.index)


# What cannot be read or embedded


def test_a_corrupt_file_is_listed_with_its_reason_and_the_good_ones_are_not_redone(desk: Desk) -> None:
    desk.write("good.txt", "A good file.")
    desk.write("bad.pdf", b"%PDF-1.7\nthis is no PDF")
    desk.write("film.mp4", b"\0" * 100)
    report = desk.index.sync()
    assert [source for source, _ in report.failed] == ["bad.pdf", "film.mp4"]
    assert all(reason.endswith(".") for _, reason in report.failed)
    states = {file.source: file.state for file in desk.index.files()}
    assert states == {"good.txt": State.INDEXED, "bad.pdf": State.UNREADABLE, "film.mp4": State.SKIPPED}
    desk.embedder.embedded.clear()
    again = desk.index.sync()
    assert again.plan.empty
    assert again.failed == report.failed
    assert desk.embedder.embedded == []
    desk.write("bad.pdf", b"%PDF-1.7\nthis is still no PDF")
    assert desk.index.sync().plan.added == ("bad.pdf",)
    assert desk.embedder.embedded == []


def test_a_document_whose_new_version_is_corrupt_no_longer_answers(desk: Desk) -> None:
    desk.write("a.txt", "The old words.")
    desk.index.sync()
    desk.write("a.txt", b"\0\1\2\3" * 100)
    desk.index.sync()
    assert desk.found("the old words") == []
    assert_whole(desk.index)


def test_while_embedding_fails_the_old_version_answers_and_the_failure_is_shown(desk: Desk) -> None:
    desk.write("a.txt", "Version one of the treaty.")
    desk.index.sync()
    desk.write("a.txt", "Version two of the treaty.")
    desk.write("b.txt", "Another treaty.")
    desk.embedder.broken = True
    report = desk.index.sync()
    assert "Version one" in desk.texts("treaty")
    reasons = dict(report.failed)
    assert reasons["a.txt"].startswith("The newest version could not be indexed, so the one before still answers.")
    assert reasons["b.txt"] == "The embedding model is out of order."
    assert_whole(desk.index)
    desk.embedder.broken = False
    report = desk.index.sync()
    assert report.failed == ()
    assert "Version two" in desk.texts("treaty")
    assert "Version one" not in desk.texts("treaty")
    assert_whole(desk.index)


def test_a_renamed_file_that_cannot_be_embedded_is_not_cited_from_where_it_was(desk: Desk) -> None:
    page = "<html><body><p>Low water at six.</p></body></html>"
    desk.write("a.txt", page)
    desk.index.sync()
    (desk.folder / "a.txt").rename(desk.folder / "a.html")
    desk.embedder.broken = True
    desk.index.sync()
    assert desk.found("low water") == []
    assert_whole_but_vectors = contents(desk.index)
    assert assert_whole_but_vectors.passages == assert_whole_but_vectors.chroma == {}


def test_what_was_embedded_before_a_failure_is_not_embedded_again(here: Desk) -> None:
    class HalfWay(HashEmbedder):
        def embed_passages(self, texts):  # type: ignore[no-untyped-def]
            if len(self.embedded) > 200 and not self.mended:
                self.broken = True
            return super().embed_passages(texts)

        mended = False

    here.index.close()
    here.embedder = embedder = HalfWay()
    here.index = here.opened()
    here.write("long.txt", "\n\n".join(f"Paragraph {n} is about {'this and that ' * 20}." for n in range(300)))
    here.index.sync()
    done = set(embedder.embedded)
    assert done
    embedder.embedded.clear()
    embedder.mended, embedder.broken = True, False
    here.index.sync()
    assert not {text for text in embedder.embedded if text in done and text.startswith("Paragraph")}
    assert_whole(here.index)


def _as_nobody(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place where this process has no more rights than a plain user, whoever runs the tests."""
    place = Path(tempfile.mkdtemp(dir="/tmp"))
    if os.geteuid() != 0:
        yield place
        shutil.rmtree(place)
        return
    # The interpreter may lie where only root can go: what it would start and import is there before.
    for module in ("chromadb", "index.retrieval"):
        importlib.import_module(module)
    with Reader() as reader:
        reader.read(io.BytesIO(b"words"), "a.txt")
        monkeypatch.setattr("index.sync.Reader", lambda: nullcontext(reader))
        os.chown(place, 65534, 65534)
        os.seteuid(65534)
        try:
            yield place
        finally:
            os.seteuid(0)
            shutil.rmtree(place)


nobodys = pytest.fixture(_as_nobody)


@pytest.mark.parametrize("mode", [0o000, 0o444])
def test_the_files_of_a_folder_that_cannot_be_listed_are_not_taken_for_deleted(nobodys: Path, mode: int) -> None:
    desk = Desk(nobodys)
    desk.write("open.txt", "In the open.")
    desk.write("closed/a.txt", "Behind the door.")
    desk.index.sync()
    (desk.folder / "closed").chmod(mode)
    try:
        report = desk.index.sync()
        assert report.plan.removed == ()
        assert desk.found("behind the door")[0] == "closed/a.txt"
        assert any(source.startswith("closed") and "Permission denied" in reason for source, reason in report.failed)
    finally:
        (desk.folder / "closed").chmod(0o755)
    assert desk.index.sync().failed == ()
    desk.index.close()


def test_a_file_that_may_not_be_read_is_listed_and_read_once_it_may_be(nobodys: Path) -> None:
    desk = Desk(nobodys)
    path = desk.write("a.txt", "Locked away.")
    path.chmod(0)
    report = desk.index.sync()
    assert report.failed == (("a.txt", "The file cannot be opened (Permission denied)."),)
    path.chmod(0o644)
    assert desk.index.sync().failed == ()
    assert desk.found("locked away") == ["a.txt"]
    desk.index.close()


def test_a_file_exchanged_for_a_link_after_the_look_at_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("Outside words.")
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "a.txt"
    path.write_text("Inside words.")
    found = scanning.scan(folder).found["a.txt"]
    path.unlink()
    path.symlink_to(tmp_path / "secret.txt")
    with Reader() as reader, pytest.raises(SourceUnreadable, match="changes while it is being read"):
        _read(found, reader)


@pytest.mark.skipif(os.name != "posix", reason="rights of POSIX")
def test_what_is_kept_can_be_read_by_its_owner_alone(here: Desk) -> None:
    here.write("a.txt", "Something private.")
    here.index.sync()
    assert here.index.home.stat().st_mode & 0o077 == 0


def test_a_hard_link_is_a_file_like_any_other(here: Desk, tmp_path: Path) -> None:
    # Nothing tells which of its names a file was made under; SECURITY.md says why it is read.
    (tmp_path / "elsewhere.txt").write_text("Something about apples.")
    os.link(tmp_path / "elsewhere.txt", here.folder / "linked.txt")
    here.index.sync()
    assert here.found("apples") == ["linked.txt"]
    (tmp_path / "elsewhere.txt").write_text("Something about pears.")
    here.index.sync()
    assert "pears" in here.texts("apples")
    assert_whole(here.index)


def test_a_data_folder_that_may_not_be_written_is_said_and_answers_go_on_once_it_may(nobodys: Path) -> None:
    desk = Desk(nobodys)
    desk.write("a.txt", "Something about apples.")
    desk.index.sync()
    desk.index.close()
    desk.write("b.txt", "Something about pears.")
    kept = [path for path in desk.data.rglob("*") if path.is_dir()]
    for path in kept:
        path.chmod(0o500)
    for path in desk.data.rglob("*.*"):
        path.chmod(0o400 if path.is_file() else 0o500)
    with pytest.raises(IndexUnwritable, match="cannot be written"):
        desk.opened().sync()
    for path in kept:
        path.chmod(0o700)
    for path in desk.data.rglob("*.*"):
        path.chmod(0o600 if path.is_file() else 0o700)
    desk.index = desk.opened()
    assert desk.index.sync().plan.added == ("b.txt",)
    assert_whole(desk.index)
    desk.index.close()


def test_links_and_special_files_are_refused_and_hidden_ones_left_out(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("Outside the folder.")
    (desk.folder / "link.txt").symlink_to(tmp_path / "outside.txt")
    (desk.folder / "loop").symlink_to(desk.folder)
    os.mkfifo(desk.folder / "pipe.txt")
    desk.write(".hidden.txt", "Hidden.")
    desk.write("~$draft.docx", "A lock.")
    report = desk.index.sync()
    assert [source for source, _ in report.failed] == ["link.txt", "loop", "pipe.txt"]
    assert desk.found("outside hidden lock") == []


def test_names_of_every_kind_are_indexed(desk: Desk) -> None:
    names = ["ünï cødé.txt", "日本語.txt", "a'b\"c.txt", "-rf.txt", "100%.txt", "e\u0301.txt", "tab\there.txt"]
    for name in names:
        desk.write(name, f"Filed under {len(name)}.")
    raw = os.fsencode(desk.folder) + b"/caf\xe9.txt"
    Path(os.fsdecode(raw)).write_text("Filed under a name that is no text.")
    desk.index.sync()
    assert {file.source for file in desk.index.files()} == {*names, "caf\\udce9.txt"}
    assert_whole(desk.index)


# Old or new


@pytest.mark.parametrize("asked", ["the owner", "another process's index"])
def test_a_reader_sees_the_old_or_the_new_version_and_never_none_or_both(desk: Desk, asked: str) -> None:
    """Each version of each document says its number in every passage; threads ask all the while."""
    documents, passages, versions = 3, 4, 12

    def text(document: int, version: int) -> str:
        return "\n\n".join(
            f"Ledger {document} page {page} version v{version}. {'filler ' * 120}" for page in range(passages)
        )

    def write(version: int) -> None:
        for document in range(documents):
            desk.write(f"{document}.txt", text(document, version))

    write(0)
    desk.index.sync()
    reader = desk.index if asked == "the owner" else desk.opened()
    faults: list[str] = []
    questions = 0
    stop = threading.Event()

    def ask() -> None:
        nonlocal questions
        newest = [0] * documents
        while not stop.is_set():
            seen: dict[int, set[int]] = {document: set() for document in range(documents)}
            for hit in reader.retrieve("ledger page version", limit=10):
                words = hit.passage.text.split()
                seen[int(words[1])].add(int(words[5].strip("v.")))
            for document, found in seen.items():
                if len(found) != 1:
                    faults.append(f"ledger {document}: versions {sorted(found)}")
                elif max(found) < newest[document]:
                    faults.append(f"ledger {document}: {found} after {newest[document]}")
                newest[document] = max([newest[document], *found])
            questions += 1

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for version in range(1, versions):
        write(version)
        desk.index.sync()
    stop.set()
    for thread in threads:
        thread.join()
    if reader is not desk.index:
        reader.close()
    assert faults == []
    assert questions > versions
    assert_whole(desk.index)


class Meanwhile(HashEmbedder):
    """Calls `then` with the number of each batch, once it has embedded it."""

    def __init__(self, then: Callable[[int], object]) -> None:
        super().__init__()
        self.then, self.batches = then, 0

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        vectors = super().embed_passages(texts)
        self.batches += 1
        self.then(self.batches)
        return vectors


@pytest.fixture
def looking_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.sync._LOOK_EVERY", 0.0)
    monkeypatch.setattr("index.sync._LOOK_SHARE", 0)


def ledger(number: int) -> str:
    return f"Ledger {number}. " + " ".join(f"Entry {entry} of {number} is paid." for entry in range(500))


@pytest.mark.usefixtures("looking_all_the_time")
def test_a_file_deleted_while_others_are_indexed_answers_no_longer(desk: Desk) -> None:
    secret = desk.write("secret.txt", "The password of the safe is swordfish.")
    desk.index.sync()
    for number in range(40):
        desk.write(f"{number}.txt", ledger(number))
    later = []

    def meanwhile(batch: int) -> None:
        if batch == 1:
            secret.unlink()
        elif batch > 2:
            later.append(desk.texts("the password of the safe"))

    desk.index.close()
    desk.embedder = Meanwhile(meanwhile)
    desk.index = desk.opened()
    report = desk.index.sync()
    assert len(later) > 3
    assert not any("swordfish" in texts for texts in later)
    assert report.plan.removed == ("secret.txt",)
    assert len(report.plan.added) == 40
    assert "swordfish" not in str(contents(desk.index))
    desk.index.sync()
    assert_whole(desk.index)


@pytest.mark.usefixtures("looking_all_the_time")
def test_a_file_renamed_while_others_are_indexed_is_not_embedded_again(here: Desk) -> None:
    old = here.write("old.txt", "The ferry leaves at nine.")
    here.index.sync()
    for number in range(20):
        here.write(f"{number}.txt", ledger(number))
    here.index.close()
    here.embedder = Meanwhile(lambda batch: old.rename(here.folder / "new.txt") if batch == 1 else None)
    here.index = here.opened()
    here.index.sync()
    here.embedder.embedded.clear()
    here.index.sync()
    assert here.found("When does the ferry leave?")[0] == "new.txt"
    assert here.embedder.embedded == []
    assert_whole(here.index)


@pytest.mark.usefixtures("looking_all_the_time")
def test_a_file_changed_while_others_are_indexed_is_read_before_them(desk: Desk) -> None:
    desk.write("rent.txt", "The rent is 1,250 euros a month.")
    desk.index.sync()
    for number in range(40):
        desk.write(f"{number}.txt", ledger(number))
    seen = []

    def meanwhile(batch: int) -> None:
        if batch == 1:
            desk.write("rent.txt", "The rent is 1,350 euros a month.")
        seen.append("1,350" in desk.texts("What is the rent?"))

    desk.index.close()
    desk.embedder = Meanwhile(meanwhile)
    desk.index = desk.opened()
    report = desk.index.sync()
    assert seen == sorted(seen)
    assert seen[1:].count(False) < len(seen) - 2
    assert report.plan.changed == ("rent.txt",)
    assert "rent.txt" not in report.plan.unchanged
    assert "1,250" not in desk.texts("What is the rent?")
    assert_whole(desk.index)


@pytest.mark.usefixtures("looking_all_the_time")
@pytest.mark.parametrize("broken", [False, True])
def test_a_file_that_changes_all_the_time_does_not_keep_a_sync_from_its_end(here: Desk, broken: bool) -> None:
    here.write("log.txt", "Line 0.")
    for number in range(40):
        here.write(f"{number}.txt", ledger(number))

    def meanwhile(batch: int) -> None:
        here.write("log.txt", f"Line {batch}.")
        here.embedder.broken = broken

    here.index.close()
    here.embedder = Meanwhile(meanwhile)
    here.index = here.opened()
    here.index.sync()
    here.embedder.broken, broken = False, False
    here.index.sync()
    here.index.sync()
    assert_whole(here.index)


def test_progress_ends_with_every_file_and_passage_done(desk: Desk) -> None:
    for number in range(4):
        desk.write(f"{number}.txt", f"Number {number}.")
    told = []
    desk.index.sync(told.append)
    assert (told[-1].files_done, told[-1].files_total) == (4, 4)
    assert told[-1].passages_done == told[-1].passages_total == 4


def test_a_long_document_tells_how_far_it_is_also_where_nothing_is_left_to_embed(
    here: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.sync._GROUP", 64)
    monkeypatch.setattr("index.tracking._LONG", 256)
    here.write("long.txt", "\n\n".join(f"Entry {n} tells of {'this and that ' * 20}." for n in range(1000)))

    def stop_at_the_swap(progress: Progress) -> None:
        if progress.stage == "Storing" and progress.passages_done == 1000:
            raise Stopped

    with pytest.raises(Stopped):
        here.index.sync(stop_at_the_swap)
    here.embedder.embedded.clear()
    here.reopen()
    told: list[Progress] = []
    here.index.sync(told.append)
    assert here.embedder.embedded == []
    for stage in ("Embedding", "Storing"):
        done = [progress.passages_done for progress in told if progress.stage == stage]
        assert done == sorted(done)
        assert len(set(done)) >= 7
        assert done[-1] == 1000
    assert_whole(here.index)


def test_a_broken_off_sync_goes_on_where_it_stopped(here: Desk) -> None:
    for number in range(1200):
        here.write(f"{number:04}.txt", f"Number {number} of many.")
    told = 0

    def stop_halfway(progress: object) -> None:
        nonlocal told
        told += 1
        if told == 2000:
            raise Stopped

    with pytest.raises(Stopped):
        here.index.sync(stop_halfway)
    done = set(here.embedder.embedded)
    here.embedder.embedded.clear()
    here.reopen()
    here.index.sync()
    assert not done & set(here.embedder.embedded)
    assert_whole(here.index)


@pytest.mark.parametrize("reopened", [True, False])
def test_an_embedding_of_words_that_no_document_came_to_hold_is_dropped_by_the_next_sync(
    here: Desk, monkeypatch: pytest.MonkeyPatch, reopened: bool
) -> None:
    here.write("a.txt", "Oats are ground on Monday.")
    here.write("b.txt", "Rye is ground on Tuesday.")
    here.index.sync()
    here.write("a.txt", "Oats are ground no more.")

    def end(*_: object) -> None:
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr("index.store.PassageStore.upsert", end)  # what is embedded is kept by then
        with pytest.raises(Stopped):
            here.index.sync()
    here.write("a.txt", "Oats are ground on Monday.")  # as it was: nothing that can be found changes
    here.embedder.embedded.clear()
    if reopened:
        here.reopen()
    here.index.sync()
    assert here.embedder.embedded == []
    assert_whole(here.index)
    here.write("b.txt", "Rye is ground on Wednesday.")
    here.index.sync()
    assert_whole(here.index)


def test_of_two_passages_with_the_same_words_one_keeps_their_embedding_when_the_other_goes(here: Desk) -> None:
    here.write("a.txt", "Oats are ground on Monday.")
    here.write("b.txt", "Oats are ground on Monday.")
    here.index.sync()
    here.embedder.embedded.clear()
    (here.folder / "a.txt").unlink()
    here.index.sync()
    assert_whole(here.index)
    here.write("c.txt", "Oats are ground on Monday.")
    here.index.sync()
    assert here.embedder.embedded == []
    assert_whole(here.index)


# Embedded by other machines


@pytest.fixture
def far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Four groups of documents that other machines embed."""
    monkeypatch.setattr("index.sync._GROUP", 64)
    desk = Desk(tmp_path, embedder=HashElsewhere())
    for number in range(250):
        desk.write(f"{number:04}.txt", f"Barge {number % 240} carries oats.")  # ten have the words of others
    yield desk
    desk.index.close()


def test_while_documents_are_stored_other_machines_embed_the_next(far: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    begin, upsert = HashElsewhere.begin, PassageStore.upsert

    def begun(embedder: HashElsewhere, texts: Sequence[str]) -> Callable[[], Vectors]:
        told.append("begun")
        return begin(embedder, texts)

    def stored(store: PassageStore, passages: Sequence[Passage], vectors: Vectors) -> None:
        told.append("stored")
        upsert(store, passages, vectors)

    monkeypatch.setattr(HashElsewhere, "begin", begun)
    monkeypatch.setattr(PassageStore, "upsert", stored)
    far.index.sync()
    order = "".join(word[0] for word in told)
    assert re.fullmatch("b+(b+s){3}s", order), order
    assert_whole(far.index)


def test_what_other_machines_embed_is_embedded_once_and_gives_the_index_that_is_made_here(
    far: Desk, tmp_path: Path
) -> None:
    far.index.sync()
    assert len(far.embedder.embedded) == 2 * 240  # each with its one sentence
    assert_whole(far.index)
    here = FolderIndex.open(far.folder, tmp_path / "other data", HashEmbedder())
    here.sync()
    assert contents(here) == contents(far.index)
    here.close()


def test_what_other_machines_cannot_embed_is_told_and_the_rest_is_indexed(
    far: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = HashElsewhere.begin

    def begun(embedder: HashElsewhere, texts: Sequence[str]) -> Callable[[], Vectors]:
        embedder.broken = any("Barge 77 " in text for text in texts)
        return begin(embedder, texts)

    monkeypatch.setattr(HashElsewhere, "begin", begun)
    report = far.index.sync()
    assert [source for source, _ in report.failed] == ["0077.txt"]
    assert len(far.found("Barge")) > 0
    assert len([file for file in far.index.files() if file.passages]) == 249
    assert_whole(far.index)
    monkeypatch.undo()
    far.embedder.broken = False
    assert far.index.sync().failed == ()
    assert_whole(far.index)


def test_a_sync_broken_off_while_other_machines_embed_goes_on_with_what_is_kept(far: Desk) -> None:
    def end(progress: Progress) -> None:
        if progress.stage == "Indexed" and progress.files_done == 100:
            raise Stopped

    with pytest.raises(Stopped):
        far.index.sync(end)
    before = len(far.embedder.embedded)
    far.reopen()
    far.index.sync()
    assert_whole(far.index)
    # What was with the other machines when it broke off is embedded again, and no more.
    assert before < 2 * 240
    assert len(far.embedder.embedded) <= 2 * (240 + 3 * 64)
