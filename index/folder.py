"""The one door of the index: a folder, opened."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from index import readers, splitting, terms
from index.absence import forget_gone
from index.aside import set_aside
from index.column_copies import KeptColumns
from index.database import ManifestDamaged
from index.embedding import Embedder, MiniLM, Vectors
from index.errors import FootnoteError, IndexBusy, IndexDamaged, IndexUnwritable, ScopeUnusable, StoreUnreachable
from index.examination import examine
from index.finding import Finder
from index.handover import Handover
from index.keeping import StoreKeeper
from index.manifest import Manifest
from index.mending import mend, unlike
from index.planning import plan
from index.predecessor import (
    MANIFEST,
    Predecessor,
    Settings,
    find_predecessor,
    is_readable,
    others,
    remove_others,
    take_out_changed,
    why_anew,
)
from index.scanning import existing_folder
from index.schema import SCHEMA_VERSION
from index.scope import EVERYTHING, Scope
from index.store import PassageStore, StoreDamaged
from index.sync import divided, in_step, sync
from index.tracking import OnProgress
from index.types import Document, FileStatus, Hit, Passage, Progress, SyncPlan, SyncReport

if TYPE_CHECKING:
    from types import ModuleType

PATIENCE = 10.0
"""Seconds that a process waits for the owner of an index to begin a sync."""


@dataclass(frozen=True, slots=True)
class _Answering:
    """What questions are answered from; `store` is None where the kept embeddings are searched."""

    manifest: Manifest
    embedder: Embedder
    finder: Finder
    store: PassageStore | None


class FolderIndex:
    """The index of one folder. The first process to sync it owns it and may change it; the others read, and ask the
    owner to sync.

    The owner searches through Chroma once it has seen that Chroma holds what it should. Until then, and in a process
    that is not the owner, the kept embeddings are searched, since an embedded Chroma may be opened by one process only;
    what is found is the same. With a Chroma server every process searches there.

    Each combination of model and settings has an index of its own. While a new one is built, the one before answers.
    """

    def __init__(
        self,
        folder: Path,
        home: Path,
        embedder: Embedder,
        chroma_url: str | None = None,
        embedder_of: Callable[[str], Embedder | None] = lambda _: None,
    ) -> None:
        """`embedder_of` gives the embedder of a fingerprint, for an older index; None where it cannot be had."""
        self.folder = folder
        self.home = home
        self._embedder = embedder
        self._chroma_url = chroma_url
        self._embedder_of = embedder_of
        self._lock = FileLock(home / "owner.lock", thread_local=False)
        self._owning = threading.Lock()
        self._changing = threading.Lock()
        self._guard = threading.RLock()
        self._answering: _Answering | None = None
        self._retriever: ModuleType | None = None
        self._making = threading.Thread()  # of columns
        self._mended = False
        self._store_failed = False
        self._found: list[str] = []  # what was damaged, for the next examination to tell
        home.mkdir(mode=0o700, parents=True, exist_ok=True)  # it holds the documents' texts, and conversations
        (home / "folder.txt").write_text(f"{folder}\n", encoding="utf-8", errors="surrogateescape")
        self._index = home / f"index-{fingerprint(embedder)[:12]}"
        self._index.mkdir(exist_ok=True)
        try:
            self.manifest = Manifest(self._index / MANIFEST)
            complete = self.manifest.complete
        except ManifestDamaged:
            self.manifest, complete = self._manifest_anew(), False
        self._predecessor = None if complete else find_predecessor(home, self._index)
        self._keeper = self._new_keeper()
        if self.manifest.get("settings") is None:
            self.manifest.put("settings", json.dumps(_settings(embedder)))
            if self._predecessor:
                # What has grown so far must go on growing when the new index takes over.
                self.manifest.put("generation", str(self._predecessor.manifest.generation + 1))

    @classmethod
    def open(
        cls,
        folder: Path,
        data_dir: Path,
        embedder: Embedder | None = None,
        chroma_url: str | None = None,
        workers: str | None = None,
    ) -> FolderIndex:
        """Open a folder's index, kept below `data_dir`; made when it is first synced. With `workers`, the address of a
        Dask scheduler, its passages are embedded by those. Raises FolderMissing, IndexUnwritable, and IndexDamaged if
        only its owner can mend it."""
        folder = existing_folder(folder)
        own_model = MiniLM(data_dir / "models")
        if workers:
            from index.fan_out import Cluster

            embedder = Cluster(workers, own_model)

        def embedder_of(model: str) -> Embedder | None:
            return next((known for known in (embedder, own_model) if known and known.fingerprint == model), None)

        home = home_of(folder, data_dir)
        with _refusal_is_told(home):
            return cls(folder, home, embedder or own_model, chroma_url, embedder_of)

    @property
    def generation(self) -> int:
        """Grows with every change of what can be found."""
        return self._answered_from().generation

    @property
    def owned(self) -> bool:
        """Whether this process may change the index."""
        return self._lock.is_locked

    @property
    def notice(self) -> str:
        """While the index is built anew because a setting changed: a sentence saying so; else empty."""
        predecessor = self._predecessor
        if predecessor is None or self.manifest.complete:
            return ""
        why = why_anew(predecessor.settings, _settings(self._embedder))
        if self._older() is not None:
            return f"{why} Until it is complete, the one before answers, without what has changed in the folder since."
        return f"{why} Until it is complete, answers rest on the documents that are done."

    def own(self, wait: float = 0.0) -> bool:
        """Become the owner if no other process is, waiting at most so many seconds. Whether this process is it now."""
        with self._owning:
            if self._lock.is_locked:
                return True
            try:
                self._lock.acquire(timeout=wait)
            except Timeout:
                return False
            return True

    def plan(self) -> SyncPlan:
        """What a sync would do now. Raises FolderMissing."""
        return plan(self.folder, self.manifest).public

    def sync(self, on_progress: OnProgress = lambda _: None, patience: float = PATIENCE) -> SyncReport:
        """Bring the index in step with the folder, or have the process that owns it do so. Raises FolderMissing,
        StoreUnreachable, IndexDamaged, IndexUnwritable, and IndexBusy if the owner does not begin within `patience`
        seconds."""
        with _refusal_is_told(self.home):
            if not self.own():
                report = Handover(self.manifest).wait(patience, on_progress, self.own)
                if report is not None:
                    return report
            with self._changing:
                for last in (False, True):
                    try:
                        return self._sync_as_owner(on_progress)
                    except ManifestDamaged as fault:
                        if last:
                            raise IndexDamaged(_beyond_mending(self._index, fault)) from fault
                        self._begin_anew()
        raise AssertionError("unreachable")

    def in_step(self) -> SyncReport | None:
        """What a sync would report, where there is nothing for one to do; Chroma need not be opened to know. None where
        there is. Raises FolderMissing, IndexDamaged."""
        fast = KeptColumns(self.manifest).hold(self.manifest.generation)
        if not (fast and self.manifest.complete) or self.manifest.strays():
            return None
        return in_step(self.folder, self.manifest)

    def forget_gone(self) -> None:
        """Say that the documents a sync reported as `gone` were removed on purpose. Their embeddings go with the next
        sync, whichever process does it."""
        forget_gone(self.manifest)

    def examine(self, on_progress: OnProgress = lambda _: None) -> tuple[str, ...]:
        """Compare all that is kept with what it was made of, down to every byte, and mend what is not so; sentences
        saying what was found and done, none if all was well. Files are read again only where something was wrong.

        Raises IndexBusy if another process has the folder open, and whatever `sync` raises.
        """
        with _refusal_is_told(self.home):
            if not self.own():
                raise IndexBusy("Another Footnote has this folder open. Close it, so that its index can be examined.")
            on_progress(Progress("Examining the index", "", 0, 0))
            with self._changing:
                self._examine_manifest()
                self._examine_columns()
                self._examine_store()
        self.sync(on_progress)
        found, self._found = tuple(self._found), []
        return found

    @property
    def asked_to_sync(self) -> bool:
        """Whether another process waits for this one, the owner, to sync."""
        return self.owned and Handover(self.manifest).pending > 0

    def retrieve(self, question: str, limit: int = 10, scope: Scope = EVERYTHING) -> tuple[Hit, ...]:
        """The passages of the scope that match best, best first. Raises ScopeUnusable, IndexDamaged."""
        answering = self._answered_by()
        self._check(scope, answering.manifest)
        try:
            return self._retrieved(answering, question, limit, scope)
        except (StoreDamaged, StoreUnreachable) as fault:
            # The embeddings are kept beside it: this question is answered, and the next sync makes the store anew.
            with self._guard:
                if answering.store is self._keeper.current:
                    self._give_up_store(fault)
                finder = Finder(answering.manifest, None, answering.embedder)
                self._answering = answering = replace(answering, finder=finder, store=None)
            return self._retrieved(answering, question, limit, scope)

    def prepare(self) -> None:
        """Load the model, and llama-index, which takes seconds and which passages are retrieved through from then on.
        Without it, as for a command that asks one question, what it calls is called directly: the passages are the
        same. Raises EmbeddingFailed."""
        if self._retriever is not None:
            return
        import index.retrieval

        self._embedder.embed_query("Ready")
        self._retriever = index.retrieval

    def files(self) -> tuple[FileStatus, ...]:
        """Every file of the folder and what became of it at the last sync."""
        return self._answered_from().files()

    def document(self, source: str) -> Document | None:
        """The version of a document that answers now."""
        return self._answered_from().document(source)

    def content_hash(self, source: str) -> str | None:
        """The hash of the version of a document that answers now; None where there is none."""
        return self._answered_from().content_hash(source)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of texts, shape (len(texts), dimensions), by the model that answers. Raises EmbeddingFailed."""
        return self._answered_by().embedder.embed_passages(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """The number of tokens of each text for the model of this index, without the marks that it adds."""
        return self._embedder.count_tokens(texts)

    def term_weights(self, question: str) -> dict[str, float]:
        """What each term of a question tells in this folder: its inverse document frequency, smoothed."""
        return self._answered_by().finder.term_weights(question)

    def neighbours(self, passage: Passage, reach: int = 1) -> tuple[Passage, ...]:
        """The passages around one, itself among them, in order."""
        return self._answered_from().passages_of(passage.source, passage.ordinal - reach, passage.ordinal + reach)

    def close(self) -> None:
        if self._making.ident is not None:
            self._making.join()
        with self._guard:
            self._answering = None
            self._keeper.close()
            self.manifest.close()
            if self._predecessor:
                self._predecessor.manifest.close()
        self._lock.release(force=True)

    # Syncing

    def _sync_as_owner(self, on_progress: OnProgress) -> SyncReport:
        handover = Handover(self.manifest)
        request = handover.pending
        outcome: SyncReport | FootnoteError | None = None

        def tell(progress: Progress) -> None:
            handover.tell(progress)
            on_progress(progress)

        handover.begin()
        try:
            if notice := self.notice:
                tell(Progress(notice, "", 0, 0))
            outcome = self._sync_with_store(tell)
            return outcome
        except FootnoteError as fault:
            outcome = fault
            raise
        finally:
            handover.end(request, outcome)

    def _sync_with_store(self, on_progress: OnProgress) -> SyncReport:
        for last in (False, True):
            try:
                if self._store_failed:
                    self._keeper.discard()
                    self._store_failed = False
                if self.manifest.damaged or not self._mended:
                    self.manifest.check()
                if not self._mended:
                    mend(self.manifest, self._keeper.opened(), on_progress)
                    self._mended = True
                report = sync(
                    self.folder, self.manifest, self._keeper.opened(), self._embedder, on_progress, self._retire
                )
            except StoreUnreachable as fault:
                self._give_up_store(fault)
                raise
            except StoreDamaged as fault:
                self._give_up_store(fault)
                if last:
                    raise IndexDamaged(_beyond_mending(self._index, fault)) from fault
            else:
                self._succeed()
                self._make_columns()
                return report
        raise AssertionError("unreachable")

    def _make_columns(self) -> None:
        """Begin to make what questions are answered from fastest, beside those that are asked meanwhile."""
        if self._making.ident is not None:
            self._making.join()
        making = threading.Thread(target=KeptColumns(self.manifest).make, name="columns", daemon=True)
        making.start()  # before another thread can wait for its end
        self._making = making

    def _examine_manifest(self) -> None:
        if isinstance(self._embedder, MiniLM):  # what is embedded elsewhere is examined there
            self._found.extend(self._embedder.examine())
        try:
            kept, expected = self.manifest.get("settings"), _settings(self._embedder)
            if kept is None or json.loads(kept) != expected:
                raise ManifestDamaged(self.manifest.path, "its settings were altered")
            examine(self.manifest, lambda document: divided(document, self._embedder))
            self.manifest.make_terms_anew()
        except (ManifestDamaged, ValueError):
            self._begin_anew()
        self.manifest.forget_files()

    def _examine_columns(self) -> None:
        """They are a copy and hold nothing of their own, so they are made anew whatever state they are in."""
        if KeptColumns(self.manifest).discard():
            self._found.append("What makes searching fast was damaged. It is made anew from the index.")

    def _examine_store(self) -> None:
        """Chroma is opened, which mends it if its files are not those that were closed, and compared row by row."""
        before = self._keeper.name
        try:
            differing = unlike(self.manifest, self._keeper.opened())
        except StoreDamaged as fault:
            self._found.append(f"The vector store was damaged ({fault}). It is made anew from the index.")
            self._give_up_store(fault)
            return
        if self._keeper.name != before:
            self._found.append("The files of the vector store were damaged. It is made anew from the index.")
        elif differing:
            self._found.append(f"In the vector store {differing} passages were not as in the index. It is made anew.")
            self._give_up_store(StoreDamaged("rows differ"))

    def _retire(self) -> None:
        """Take out of an older index that still answers whatever is no longer in the folder."""
        if older := self._older():
            try:
                take_out_changed(self.folder, older.manifest)
            except ManifestDamaged:
                self._predecessor = None

    def _give_up_store(self, fault: StoreDamaged | StoreUnreachable) -> None:
        self._mended = False
        if isinstance(fault, StoreDamaged) and self.owned:
            self._store_failed = True
        elif self._chroma_url is not None:
            self._keeper.close()  # what the server holds when it is back, or when its owner has mended it, is seen anew

    def _succeed(self) -> None:
        """Once this index is complete, those before it go."""
        if not self.manifest.complete:
            return
        if self._chroma_url is not None:
            for path in others(self.home, self._index):
                PassageStore.server(self._chroma_url, self._collection(path)).drop()
        remove_others(self.home, self._index)

    def _begin_anew(self) -> None:
        with self._guard:
            self._answering, self._mended, self._store_failed = None, False, False
            self.manifest = self._manifest_anew()
            self._keeper = self._new_keeper()
            self.manifest.put("settings", json.dumps(_settings(self._embedder)))

    def _manifest_anew(self) -> Manifest:
        """Set a damaged manifest aside, for whoever wants to look at it, and begin one in its place."""
        if not self.own():
            raise IndexDamaged(
                f"The index in {self._index} is damaged, and another Footnote has it open. Reindex there, or close it "
                "and start again."
            )
        damaged = self._index / MANIFEST
        aside = set_aside(damaged, "damaged")
        for path in self._index.glob("chroma-*"):
            shutil.rmtree(path, ignore_errors=True)
        manifest = Manifest(damaged)
        if aside.exists():
            manifest.vectors.take(aside)
        self._found.append(
            f"The index was damaged. It is kept as {aside}, and a new one is made from the documents and from those "
            "embeddings that are whole."
        )
        return manifest

    def _new_keeper(self) -> StoreKeeper:
        return StoreKeeper(self._index, self.manifest, self._chroma_url, self._collection(self._index))

    def _collection(self, index: Path) -> str:
        return f"footnote-{self.home.name}-{index.name}"

    # Answering

    def _older(self) -> Predecessor | None:
        """The index before this one, while it is the one that answers."""
        predecessor = self._predecessor
        if predecessor is None or self.manifest.complete or not is_readable(predecessor.settings):
            return None
        return predecessor if self._embedder_of(predecessor.settings["model"]) else None

    def _answered_from(self) -> Manifest:
        older = self._older()
        return older.manifest if older else self.manifest

    def _answered_by(self) -> _Answering:
        manifest = self._answered_from()
        with self._guard:
            store = self._searched(manifest)
            now = self._answering
            if now is None or now.manifest is not manifest or now.store is not store:
                older = self._older()
                embedder = (older and self._embedder_of(older.settings["model"])) or self._embedder
                self._answering = now = _Answering(manifest, embedder, Finder(manifest, store, embedder), store)
            return now

    def _retrieved(self, answering: _Answering, question: str, limit: int, scope: Scope) -> tuple[Hit, ...]:
        if self._retriever is None:
            return answering.finder.find(question, limit, scope)
        retriever = self._retriever.PassageRetriever(answering.finder, limit, scope)
        hits: tuple[Hit, ...] = self._retriever.hits_of(retriever.retrieve(question))
        return hits

    def _check(self, scope: Scope, manifest: Manifest) -> None:
        """Raises ScopeUnusable where nothing that can be asked lies in the scope."""
        if scope.is_everything or manifest.passages_in(scope):
            return
        told = f"No document that can be asked is {scope}."
        if scope.paths:
            told += f" Name files and folders as they lie inside {self.folder}."
        if (scope.since or scope.until) and (undated := manifest.undated()):
            told += f" Of the documents, {undated} {'gives' if undated == 1 else 'give'} no date."
        raise ScopeUnusable(told)

    def _searched(self, manifest: Manifest) -> PassageStore | None:
        """The store to search, None for the kept embeddings."""
        if manifest is not self.manifest or self._store_failed or (self._chroma_url is None and not self._mended):
            return None
        try:
            return self._keeper.opened()
        except StoreUnreachable:
            return None  # answers are the same without; the next sync says that the server is away


@contextmanager
def _refusal_is_told(home: Path) -> Iterator[None]:
    """What the disk refuses, as a sentence. The person's own files are opened inside, each with a reason of its own."""
    try:
        yield
    except OSError as fault:
        raise IndexUnwritable(
            f"{fault.filename or home} cannot be written ({fault.strerror or fault}). See that the disk is not full and "
            "that you may write there, or have the index kept elsewhere with FOOTNOTE_DATA_DIR."
        ) from fault


def home_of(folder: Path, data_dir: Path) -> Path:
    """Where what is kept of a folder lies: named for people by the folder's name, told apart by its path's hash."""
    digest = hashlib.sha256(str(folder).encode("utf-8", "surrogateescape")).hexdigest()[:12]
    name = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in folder.name)[:40]
    return data_dir / "folders" / f"{name or 'root'}-{digest}"


def fingerprint(embedder: Embedder) -> str:
    """Changes with whatever makes an index another one: the model, and how files are read, split and searched."""
    return hashlib.sha256(json.dumps(_settings(embedder), sort_keys=True).encode()).hexdigest()


def _settings(embedder: Embedder) -> Settings:
    return {
        "model": embedder.fingerprint,
        "schema": str(SCHEMA_VERSION),
        "readers": readers.VERSION,
        "passages": f"{splitting.VERSION}/{splitting.TOKENS}",
        "terms": terms.VERSION,
    }


def _beyond_mending(path: Path, fault: Exception) -> str:
    return (
        f"The index in {path} is damaged and could not be made again ({fault}). See that the disk is not full and that "
        "you may write there; if it is not that, delete that folder and start Footnote again."
    )
