"""Another model or passage size: an index is built beside the old one, which answers until then, never with stale text."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from contents import assert_whole, contents
from hash_embedder import HashEmbedder

from index import splitting
from index.embedding import Embedder, Vectors
from index.folder import FolderIndex, home_of


class Stopped(BaseException):
    """Not an error: as if the process had been ended there."""


class Watched(HashEmbedder):
    """Calls `then` after each batch it has embedded."""

    def __init__(self, fingerprint: str) -> None:
        super().__init__(fingerprint)
        self.then: Callable[[], None] = lambda: None

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        vectors = super().embed_passages(texts)
        self.then()
        return vectors


class Desk:
    """A folder with a complete index by the model "old", and what opens it with another model."""

    def __init__(self, root: Path, url: str | None) -> None:
        self.folder, self.data, self.url = root / "documents", root / "data", url
        self.folder.mkdir()
        self.home = home_of(self.folder, self.data)
        self.old, self.new = HashEmbedder("old"), Watched("new")
        self.indexes: list[FolderIndex] = []
        for number in range(24):
            wheels = " ".join(f"Wheel {wheel} of mill {number} turns." for wheel in range(600))
            self.write(f"{number:02}.txt", f"Mill {number} grinds oats.\n\n{wheels}")
        first = self.opened(self.old)
        first.sync()
        first.close()

    def write(self, source: str, text: str) -> None:
        (self.folder / source).write_text(text)

    def opened(self, embedder: Embedder) -> FolderIndex:
        """As `FolderIndex.open` does, with both models at hand, as the shipped one always is."""
        known = {self.old.fingerprint: self.old, self.new.fingerprint: self.new}
        index = FolderIndex(self.folder, self.home, embedder, self.url, known.get)
        self.indexes.append(index)
        return index

    def index_dirs(self) -> list[Path]:
        return sorted(self.home.glob("index-*"))


@pytest.fixture(params=["embedded", "server"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path, request.getfixturevalue("chroma_server") if request.param == "server" else None)
    yield desk
    for index in desk.indexes:
        index.close()


@pytest.fixture(autouse=True)
def looking_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.sync._LOOK_EVERY", 0.0)
    monkeypatch.setattr("index.sync._LOOK_SHARE", 0)


def found(index: FolderIndex, question: str) -> list[str]:
    return list(dict.fromkeys(hit.passage.source for hit in index.retrieve(question)))


def kept_vectors(index: FolderIndex) -> set[bytes]:
    """The keys of the embeddings that are kept."""
    with index.manifest.writing() as connection:
        return {row[0] for row in connection.execute("SELECT key FROM vectors")}


def test_another_model_is_told_and_the_old_index_answers_until_the_new_one_is_complete(desk: Desk) -> None:
    index = desk.opened(desk.new)
    assert index.notice.startswith("The index is built anew because the embedding model changed.")
    before = [hit.passage.id for hit in index.retrieve("Which mill grinds oats?")]
    generations = [index.generation]
    answered_meanwhile = []

    def ask() -> None:
        answered_meanwhile.append([hit.passage.id for hit in index.retrieve("Which mill grinds oats?")])
        generations.append(index.generation)

    desk.new.then = ask
    told = []
    index.sync(told.append)
    desk.new.then = lambda: None
    assert any("embedding model changed" in progress.stage for progress in told)
    assert len(before) == 10
    assert answered_meanwhile
    assert all(answer == before for answer in answered_meanwhile)
    assert index.notice == ""
    generations.append(index.generation)
    assert generations == sorted(generations)
    assert generations[-1] > generations[0]
    assert desk.index_dirs() == [index.manifest.path.parent]
    assert len(found(index, "Which mill grinds oats?")) == 10
    assert_whole(index)


def test_another_passage_size_is_told_and_every_passage_is_made_anew(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(splitting, "TOKENS", 80)
    index = desk.opened(desk.old)
    assert index.notice.startswith("The index is built anew because the size of passages changed.")
    assert len(found(index, "Which mill grinds oats?")) == 10
    index.sync()
    assert index.notice == ""
    assert desk.index_dirs() == [index.manifest.path.parent]
    assert_whole(index)


def test_the_same_settings_build_nothing_anew(desk: Desk) -> None:
    desk.old.embedded.clear()
    index = desk.opened(desk.old)
    assert index.notice == ""
    index.sync()
    assert desk.old.embedded == []


@pytest.mark.parametrize(
    ("what", "when"),
    [
        ("deleted", "before the building"),
        ("deleted", "during the building"),
        ("changed", "during the building"),
        ("renamed", "during the building"),
        pytest.param("changed", "before the building", marks=pytest.mark.slow),
        pytest.param("renamed", "before the building", marks=pytest.mark.slow),
    ],
)
def test_text_that_is_no_longer_in_the_folder_is_not_answered_from_the_old_index(
    desk: Desk, when: str, what: str
) -> None:
    desk.write("secret.txt", "The safe opens with swordfish.")
    old = desk.opened(desk.old)
    old.sync()
    old.close()
    path = desk.folder / "secret.txt"

    def change() -> None:
        if not path.exists() or "haddock" in path.read_text():
            return
        match what:
            case "deleted":
                path.unlink()
            case "changed":
                path.write_text("The safe opens with haddock.")
            case "renamed":
                path.rename(desk.folder / "moved.txt")

    index = desk.opened(desk.new)
    assert found(index, "What does the safe open with?")[0] == "secret.txt"
    batches = 0

    def meanwhile() -> None:
        nonlocal batches
        batches += 1
        if batches == 1:
            change()
        elif batches > 2:  # the look after the first batch has passed
            assert index.notice
            hits = index.retrieve("What does the safe open with?")
            assert not any("swordfish" in hit.passage.text and hit.passage.source == "secret.txt" for hit in hits)
            document = index.document("secret.txt")
            assert document is None

    if when == "before the building":
        change()
    desk.new.then = meanwhile
    index.sync()
    desk.new.then = lambda: None
    assert batches > 3
    index.sync()
    texts = {hit.passage.source: hit.passage.text for hit in index.retrieve("What does the safe open with?")}
    match what:
        case "deleted":
            assert "secret.txt" not in texts
        case "changed":
            assert texts["secret.txt"] == "The safe opens with haddock."
        case "renamed":
            assert "secret.txt" not in texts
            assert texts["moved.txt"] == "The safe opens with swordfish."
    assert_whole(index)


def test_a_setting_put_back_halfway_finds_the_old_index_and_only_what_changed_is_embedded(desk: Desk) -> None:
    def stop() -> None:
        if len(desk.new.embedded) > 200:
            raise Stopped

    halfway = desk.opened(desk.new)
    desk.write("03.txt", "Mill 3 grinds barley.")
    desk.new.then = stop
    with pytest.raises(Stopped):
        halfway.sync()
    halfway.close()
    desk.old.embedded.clear()
    index = desk.opened(desk.old)
    report = index.sync()
    assert report.plan.added == ("03.txt",)
    assert desk.old.embedded == ["Mill 3 grinds barley."] * 2
    assert_whole(index)
    assert desk.index_dirs() == [index.manifest.path.parent]


# Builds the index anew with the model "new" and ends itself with SIGKILL at the batch of a given number.
_BUILD_AND_DIE = """
import os, signal, sys
from pathlib import Path
from hash_embedder import HashEmbedder
from index.folder import FolderIndex

class Dying(HashEmbedder):
    batches = 0
    def embed_passages(self, texts):
        self.batches += 1
        if self.batches > int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().embed_passages(texts)

FolderIndex(Path(sys.argv[1]), Path(sys.argv[2]), Dying("new"), None, lambda _: None).sync()
"""


@pytest.mark.parametrize("batches", [0, *(pytest.param(after, marks=pytest.mark.slow) for after in (1, 3))])
def test_a_build_killed_halfway_goes_on_and_the_old_index_answers_in_between(tmp_path: Path, batches: int) -> None:
    desk = Desk(tmp_path, None)
    tests = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": f"{tests.parent}:{tests}"}
    command = [sys.executable, "-c", _BUILD_AND_DIE, str(desk.folder), str(desk.home), str(batches)]
    assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL
    index = desk.opened(desk.new)
    assert index.notice
    assert len(found(index, "Which mill grinds oats?")) == 10
    kept = kept_vectors(index)
    assert (len(kept) > 0) == (batches > 0)
    report = index.sync()
    assert kept < kept_vectors(index)
    assert report.embedded == len(kept_vectors(index) - kept)
    assert index.notice == ""
    assert_whole(index)
    clean = FolderIndex(desk.folder, tmp_path / "clean", HashEmbedder("new"))
    clean.sync()
    assert contents(index) == contents(clean)
    clean.close()
    index.close()
    assert len(desk.index_dirs()) == 1
