"""The one door of the index: a folder, opened."""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from index import readers, splitting, terms
from index.embedding import Embedder, MiniLM, Vectors
from index.errors import FolderMissing, IndexBusy, IndexDamaged
from index.manifest import SCHEMA_VERSION, Manifest
from index.store import PassageStore, StoreDamaged, remove_store
from index.sync import OnProgress, mend, plan, sync
from index.types import Document, FileStatus, Hit, Passage, SyncPlan, SyncReport

if TYPE_CHECKING:
    from index.retrieval import PassageRetriever

COLLECTION = "passages"


class FolderIndex:
    """The index of one folder. The first process to open it owns it and may change it; the others read.

    The owner searches through Chroma. A reader searches the kept embeddings, since an embedded Chroma may be opened by
    one process only; what it finds is the same.
    """

    def __init__(self, folder: Path, home: Path, embedder: Embedder, chroma_url: str | None = None) -> None:
        self.folder = folder
        self.home = home
        self._embedder = embedder
        self._chroma_url = chroma_url
        self._lock = FileLock(home / "owner.lock", thread_local=False)
        self._changing = threading.Lock()
        self._guard = threading.Lock()
        self._store: PassageStore | None = None
        self._retriever: PassageRetriever | None = None
        home.mkdir(parents=True, exist_ok=True)
        (home / "folder.txt").write_text(f"{folder}\n", encoding="utf-8", errors="surrogateescape")
        self._index = home / f"index-{fingerprint(embedder)[:12]}"
        self._index.mkdir(exist_ok=True)
        self.manifest = Manifest(self._index / "manifest.sqlite")

    @classmethod
    def open(
        cls, folder: Path, data_dir: Path, embedder: Embedder | None = None, chroma_url: str | None = None
    ) -> FolderIndex:
        """Open a folder's index, kept below `data_dir`; made when it is first synced. Raises FolderMissing."""
        try:
            folder = folder.expanduser().resolve(strict=True)
        except OSError as fault:
            raise FolderMissing(f"There is no folder {folder}. Check the path, or make the folder.") from fault
        if not folder.is_dir():
            raise FolderMissing(f"{folder} is a file. Give the folder it lies in.")
        return cls(folder, home_of(folder, data_dir), embedder or MiniLM(data_dir / "models"), chroma_url)

    @property
    def generation(self) -> int:
        """Grows with every change of what can be found."""
        return self.manifest.generation

    @property
    def owned(self) -> bool:
        """Whether this process may change the index."""
        return self._lock.is_locked

    def own(self, wait: float = 0.0) -> bool:
        """Become the owner if no other process is, waiting at most so many seconds. Whether this process is it now."""
        if self._lock.is_locked:
            return True
        try:
            self._lock.acquire(timeout=wait)
        except Timeout:
            return False
        with self._guard:
            self._retriever = None
        return True

    def plan(self) -> SyncPlan:
        """What a sync would do now. Raises FolderMissing."""
        return plan(self.folder, self.manifest).public

    def sync(self, on_progress: OnProgress = lambda _: None) -> SyncReport:
        """Bring the index in step with the folder. Raises FolderMissing, IndexBusy if another process owns the index,
        IndexDamaged."""
        if not self.own():
            raise IndexBusy(
                "Another Footnote has this folder open and keeps its index. Use that one, or close it and try again."
            )
        with self._changing:
            for last in (False, True):
                store = self._opened_store()
                try:
                    mend(self.manifest, store)
                    return sync(self.folder, self.manifest, store, self._embedder, on_progress)
                except StoreDamaged as fault:
                    if last:
                        raise IndexDamaged(_beyond_mending(self._index)) from fault
                    self._discard_store()
        raise AssertionError("unreachable")

    def retrieve(self, question: str, limit: int = 10) -> tuple[Hit, ...]:
        """The passages that match best, best first. Raises IndexDamaged."""
        from index.retrieval import hits_of

        for last in (False, True):
            try:
                return hits_of(self._opened_retriever().retrieve(question))[:limit]
            except StoreDamaged as fault:
                if last:
                    raise IndexDamaged(_beyond_mending(self._index)) from fault
                with self._changing:
                    self._discard_store()
                    mend(self.manifest, self._opened_store())
        raise AssertionError("unreachable")

    def files(self) -> tuple[FileStatus, ...]:
        """Every file of the folder and what became of it at the last sync."""
        return self.manifest.files()

    def document(self, source: str) -> Document | None:
        """The version of a document that answers now."""
        return self.manifest.document(source)

    def content_hash(self, source: str) -> str | None:
        """The hash of the version of a document that answers now; None where there is none."""
        return self.manifest.content_hash(source)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of texts, shape (len(texts), dimensions), by the model of this index. Raises EmbeddingFailed."""
        return self._embedder.embed_passages(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """The number of tokens of each text for the model of this index, without the marks that it adds."""
        return self._embedder.count_tokens(texts)

    def term_weights(self, question: str) -> dict[str, float]:
        """What each term of a question tells in this folder: its inverse document frequency, smoothed."""
        return self._opened_retriever().term_weights(question)

    def neighbours(self, passage: Passage, reach: int = 1) -> tuple[Passage, ...]:
        """The passages around one, itself among them, in order."""
        return self.manifest.passages_of(passage.source, passage.ordinal - reach, passage.ordinal + reach)

    def close(self) -> None:
        with self._guard:
            if self._store is not None:
                self._store.close()
            self._store = self._retriever = None
        self.manifest.close()
        self._lock.release()

    def _opened_store(self) -> PassageStore:
        with self._guard:
            if self._store is None:
                if self._chroma_url is not None:
                    self._store = PassageStore.server(self._chroma_url, f"{self.home.name}-{self._index.name}")
                else:
                    self._store = self._embedded_store()
            return self._store

    def _embedded_store(self) -> PassageStore:
        name = self.manifest.get("store") or "chroma-1"
        try:
            return PassageStore.embedded(self._index / name, COLLECTION)
        except StoreDamaged:
            return PassageStore.embedded(self._index / self._next_store(name), COLLECTION)

    def _next_store(self, damaged: str) -> str:
        """A folder for a new Chroma. The damaged one may still be open in this process, so it is not reused."""
        name = f"chroma-{int(damaged.removeprefix('chroma-')) + 1}"
        remove_store(self._index / name)
        self.manifest.put("store", name)
        remove_store(self._index / damaged)
        return name

    def _discard_store(self) -> None:
        with self._guard:
            store, self._store, self._retriever = self._store, None, None
            if store is None:
                return
            if self._chroma_url is not None:
                store.drop()
            else:
                with _whatever_happens():
                    store.close()
                self._next_store(self.manifest.get("store") or "chroma-1")

    def _opened_retriever(self) -> PassageRetriever:
        from index.retrieval import KeptVectors, PassageRetriever

        with self._guard:
            if self._retriever is not None:
                return self._retriever
        own = self._chroma_url is not None or self.own()
        nearest = self._opened_store() if own else KeptVectors(self.manifest)
        with self._guard:
            self._retriever = PassageRetriever(self.manifest, nearest, self._embedder)
            return self._retriever


def home_of(folder: Path, data_dir: Path) -> Path:
    """Where what is kept of a folder lies: named for people by the folder's name, told apart by its path's hash."""
    digest = hashlib.sha256(str(folder).encode("utf-8", "surrogateescape")).hexdigest()[:12]
    name = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in folder.name)[:40]
    return data_dir / "folders" / f"{name or 'root'}-{digest}"


def fingerprint(embedder: Embedder) -> str:
    """Changes with whatever makes an index another one: the model, and how files are read, split and searched."""
    parts = (SCHEMA_VERSION, embedder.fingerprint, readers.VERSION, splitting.VERSION, splitting.TOKENS, terms.VERSION)
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()


def remove(folder: Path, data_dir: Path) -> None:
    """Delete all that is kept of a folder; the folder itself is not touched."""
    shutil.rmtree(home_of(folder, data_dir))


@contextmanager
def _whatever_happens() -> Iterator[None]:
    """Closing a damaged store may fail in any way that Chroma's core finds; it is being thrown away."""
    try:
        yield
    except Exception:  # noqa: BLE001
        return


def _beyond_mending(path: Path) -> str:
    return f"The index in {path} is damaged and could not be made again. Delete that folder and start Footnote again."
