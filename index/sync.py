"""The only way the index changes: plan what differs between the folder and the manifest, apply it, report it.

The order of one step, and what a crash after each line leaves:

1. Read the new version, split it, embed what is not embedded yet and keep the embeddings; a long document in parts,
   and its text is let go before Chroma takes its memory. Where other machines embed, the next documents are read and
   given to them before these are waited for and stored, so that neither waits for the other.
   Nothing that answers has changed; a later run finds the embeddings and computes none of them again.
2. Write down the new passage ids as strays, then write the passages to Chroma.
   Chroma holds rows that no reader asks the manifest for; the strays say which to delete.
3. In one transaction of the manifest, swap the old version for the new one; the old ids become strays.
   From here on the new version answers; Chroma's old rows are found by no reader.
4. Delete the strays from Chroma, then from the list.

A sync may take hours, and the folder goes on changing. So every few seconds it is looked through again: what is gone no
longer answers at once, and what has changed is read before the files that still wait.

Where more than half of the documents are gone at once, a drive may be away and nobody have deleted anything. No answer
may rest on them all the same, so they are removed like any others; but their embeddings, which are nearly all of the
work, are kept until the documents are back or somebody confirms that they were removed.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePosixPath

import numpy as np

from index import readers
from index.embedding import Embedder, EmbedsElsewhere, Vectors
from index.errors import EmbeddingFailed, SourceUnreadable, SourceUnsupported
from index.kept_vectors import vector_key
from index.manifest import FileRow, Manifest
from index.passages import Passages
from index.reading import Reader, ReadingBroken
from index.rows import IndexedDocument
from index.scanning import FoundFile, Scan, content_hash, is_settled, scan, stat_of
from index.splitting import split
from index.store import PAGE, PassageStore, stored_about
from index.titles import title_of
from index.types import Document, Passage, Progress, State, SyncPlan, SyncReport

OnProgress = Callable[[Progress], None]

# Documents are gathered until they make so many new passages: enough for full batches, few enough to lose little work.
# A longer one is embedded in parts of as many.
_GROUP = 512
# Fewer documents are soon embedded again, and a small folder is often emptied by hand.
_MANY = 5
# How often a file that changes while it is read is read again before it is left for the next sync.
_READ_ATTEMPTS = 3
# The stat of a file that is to be looked at again although its times do not change.
_LOOK_AGAIN = ""
# Seconds between two looks through the folder while a sync goes on, and how many times longer than a look itself.
_LOOK_EVERY = 3.0
_LOOK_SHARE = 20


@dataclass(frozen=True, slots=True)
class _Change:
    """A file whose contents are to be read; `content_hash` is what they hashed to when the plan was made, and `stat`
    what the file is known by then. `old_source` is where the same bytes lay before, if the file was renamed."""

    file: FoundFile
    content_hash: str
    stat: str
    old_source: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sync is going to do. `public` is what is told of it; `removed` holds the documents that go without
    another taking their place, `rows` what else is to be noted of files, and `forgotten` the files to note no more."""

    public: SyncPlan
    changes: tuple[_Change, ...]
    removed: tuple[str, ...]
    forgotten: tuple[str, ...]
    rows: tuple[FileRow, ...]


def plan(folder: Path, manifest: Manifest, waiting: Container[str] | None = None) -> Plan:
    """Compare the folder with the manifest; writes nothing. Files whose stat is the one kept are not opened,
    unless it cannot be trusted by the clock as it stands.

    With `waiting` only documents that are indexed are looked at, and of those none that waits to be read anyway.
    Raises FolderMissing.
    """
    now = scan(folder)
    with manifest.snapshot():
        seen, indexed = manifest.seen(), manifest.indexed()
    changes: dict[str, _Change] = {}
    rows: list[FileRow] = []
    unchanged: list[str] = []
    unread: list[str] = []
    for source, file in now.found.items():
        if waiting is not None and (source not in indexed or source in waiting):
            continue
        kept = seen.get(source)
        if kept is not None and file.settled and kept.stat == file.stat:
            unchanged.append(source)
            continue
        try:
            stat = _kept_stat(os.stat(file.path, follow_symlinks=False), time.time_ns())
            digest = content_hash(file.path)
        except FileNotFoundError:
            continue  # gone since it was listed: the next sync finds it gone
        except (SourceUnreadable, OSError) as fault:
            reason = str(fault) if isinstance(fault, SourceUnreadable) else _cannot_open(fault)
            rows.append(FileRow(source, _LOOK_AGAIN, file.size, "", State.UNREADABLE, reason))
            unread.append(source)
            continue
        if digest == indexed.get(source):
            # Touched, or looked at before its times could be trusted: these are the bytes that are indexed.
            unchanged.append(source)
            rows.append(FileRow(source, stat, file.size, digest, State.INDEXED))
        elif kept is not None and kept.state is not State.INDEXED and _is_known(kept, digest):
            unchanged.append(source)
            rows.append(replace(kept, stat=stat))
        else:
            changes[source] = _Change(file, digest, stat)
    rows.extend(FileRow(s, _LOOK_AGAIN, 0, "", State.SKIPPED, why) for s, why in now.refused.items())
    rows.extend(FileRow(s, _LOOK_AGAIN, 0, "", State.UNREADABLE, why) for s, why in now.unseen.items())
    gone = [s for s in indexed if s not in now.found and not now.is_unseen(s)]
    for old, new in _renames(gone, changes.values(), indexed):
        changes[new] = replace(changes[new], old_source=old)
    renamed = {change.old_source: source for source, change in changes.items() if change.old_source}
    removed = tuple(source for source in gone if source not in renamed)
    return Plan(
        public=SyncPlan(
            added=tuple(s for s, change in changes.items() if s not in indexed and not change.old_source),
            changed=tuple(s for s in (*changes, *unread) if s in indexed),
            renamed=tuple(renamed.items()),
            removed=removed,
            unchanged=tuple(unchanged),
        ),
        changes=tuple(changes.values()),
        removed=(*removed, *(source for source in unread if source in indexed)),
        forgotten=_forgotten(seen, now),
        rows=tuple(row for row in rows if row != seen.get(row.source)),
    )


def sync(
    folder: Path,
    manifest: Manifest,
    store: PassageStore,
    embedder: Embedder,
    on_progress: OnProgress = lambda _: None,
    on_look: Callable[[], None] = lambda: None,
) -> SyncReport:
    """Bring the index in step with the folder. May be stopped at any instant and run again. `on_look` is called
    whenever the folder is looked through. Raises FolderMissing."""
    started = time.monotonic()
    on_progress(Progress("Looking through the folder", "", 0, 0))
    work = plan(folder, manifest)
    _note_gone(manifest, work.removed)
    on_look()
    with Reader() as reader:
        applied = _Apply(folder, manifest, store, embedder, reader, _Tracker(on_progress, work.changes), on_look)
        # What is gone from the folder must not answer while the rest is read and embedded.
        applied.step((), work.removed, work.rows, work.forgotten)
        applied.take_all(work.changes)
    gone = _still_gone(manifest)
    # What could be embedded of a file that failed need not be embedded again when it is tried the next time. A file
    # that went while the others were read may have been renamed: the next sync knows.
    if not (applied.kept_old or applied.went or gone):
        manifest.vectors.drop_unused()
    if not applied.kept_old:
        manifest.complete = True
    return SyncReport(
        replace(
            work.public,
            changed=(*work.public.changed, *applied.overtook),
            removed=(*work.public.removed, *applied.went),
            unchanged=tuple(s for s in work.public.unchanged if s not in {*applied.overtook, *applied.went}),
        ),
        applied.embedded,
        applied.reused,
        _failed(manifest),
        time.monotonic() - started,
        gone,
    )


def in_step(folder: Path, manifest: Manifest) -> SyncReport | None:
    """The report of a sync that would find nothing to do; None where one would. Raises FolderMissing."""
    started = time.monotonic()
    work = plan(folder, manifest)
    if work.changes or work.removed or work.forgotten or work.rows or _gone(manifest):
        return None
    return SyncReport(work.public, 0, 0, _failed(manifest), time.monotonic() - started)


def forget_gone(manifest: Manifest) -> None:
    """Take the documents that went together as removed on purpose: the next sync drops their embeddings."""
    manifest.put("gone", "")


def mend(manifest: Manifest, store: PassageStore, on_progress: OnProgress = lambda _: None) -> int:
    """Make Chroma equal to the manifest, from kept embeddings; the number of rows written or deleted."""
    wanted, held = manifest.passage_ids(), set(store.ids())
    extra = sorted(held - wanted)
    store.delete(extra)
    manifest.clear_strays(manifest.strays())
    missing = wanted - held
    if missing:
        done = 0
        for passages, vectors in manifest.all_passages(PAGE):
            lacking = [at for at, passage in enumerate(passages) if passage.id in missing]
            if lacking:
                store.upsert([passages[at] for at in lacking], vectors[lacking])
                done += len(lacking)
                on_progress(Progress("Restoring the search index", passages[-1].source, 0, 0, done, len(missing)))
    return len(extra) + len(missing)


def unlike(manifest: Manifest, store: PassageStore) -> int:
    """How many passages Chroma lacks, has too many, or holds otherwise than the manifest says."""
    wanted: dict[str, tuple[bytes, Vectors]] = {}
    for passages, vectors in manifest.all_passages(PAGE):
        for passage, vector in zip(passages, vectors, strict=True):
            wanted[passage.id] = _digest(passage.text, stored_about(passage)), vector
    differing = 0
    for id_, text, about, vector in store.rows():
        digest, kept = wanted.pop(id_, (b"", vector))
        differing += digest != _digest(text, about) or not np.allclose(vector, kept, atol=1e-6)
    return differing + len(wanted)


def _digest(text: str | None, about: Mapping[str, object] | None) -> bytes:
    return hashlib.sha256(repr((text, sorted((about or {}).items()))).encode("utf-8", "surrogatepass")).digest()


def divided(document: Document, embedder: Embedder, on_row: Callable[[_Row], None] = lambda _: None) -> IndexedDocument:
    """The document as it is to be indexed: cut into passages, with the keys of their embeddings. `on_row` is given each
    as it is cut, before the text is packed."""
    title = title_of(document.text, document.metadata)
    passages = Passages(document, title)
    keys: list[bytes] = []
    for stretch in split(document.text, embedder.count_tokens, document.places):
        passages.append(stretch)
        passage = passages[-1]
        keys.append(vector_key(embedder.fingerprint, passage))
        on_row((keys[-1], passage))
    return IndexedDocument(*passages.pack(), title, passages, keys, time.time())


class _Apply:
    """Changes gathered into groups, each group one step as the module says.

    `kept_old` are the sources whose new version could not be embedded; `went` and `overtook` those that were found
    gone, and changed, while the sync was going on.
    """

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        store: PassageStore,
        embedder: Embedder,
        reader: Reader,
        tracker: _Tracker,
        on_look: Callable[[], None],
    ) -> None:
        self._folder, self._manifest, self._store, self._embedder = folder, manifest, store, embedder
        self._reader, self._tracker, self._on_look = reader, tracker, on_look
        self.embedded = self.reused = 0
        self.kept_old: list[str] = []
        self.went: list[str] = []
        self.overtook: list[str] = []
        self._waiting: dict[str, _Change] = {}
        self._late: list[_Change] = []
        self._taken: list[_Change] = []  # the one that is being read, if any
        self._look_at = time.monotonic() + _LOOK_EVERY
        self._group: list[_New] = []
        self._gathered = 0  # passages in the group
        self._part: list[_Row] = []  # of its passages, those that are not given out to be embedded yet
        self._sent: deque[_Batch] = deque()  # what is given out and not kept yet
        self._under_way: set[bytes] = set()  # its keys
        self._begun: deque[list[_New]] = deque()  # groups of which all is given out
        self._ahead = isinstance(embedder, EmbedsElsewhere)
        self._fault: EmbeddingFailed | None = None  # why some of what was given out could not be embedded

    def take_all(self, changes: Iterable[_Change]) -> None:
        """Read and index changed files, and those among the others that change meanwhile."""
        self._waiting = {change.file.source: change for change in changes}
        while True:
            if self._late:
                change = self._late.pop()
                self.overtook.append(change.file.source)
                self._take(change)
                self._flush()
                self._finish()
            elif self._waiting:
                self._take(self._waiting.pop(next(iter(self._waiting))))
            else:
                self._flush()
                self._finish()
                if not self._late:
                    break
            self._look()
        self._clear_strays()

    def _take(self, change: _Change) -> None:
        """Read a changed file; it is indexed with its group, or at once found to be no document."""
        file = change.file
        self._taken = [change]
        self._tracker.tell("Reading", file.source)
        try:
            document, stat = _read(file, self._reader)
        except SourceUnreadable as fault:
            state = State.SKIPPED if isinstance(fault, SourceUnsupported) else State.UNREADABLE
            stat = _LOOK_AGAIN if isinstance(fault, _TryAgain) else change.stat
            # Without its hash it is tried again as soon as somebody touches it: a limit may not be the file's fault.
            digest = "" if isinstance(fault, ReadingBroken) else change.content_hash
            row = FileRow(file.source, stat, file.size, digest, state, str(fault))
            # The text that was indexed is no longer in the folder, so it may not answer either.
            self._manifest.replace((), [source for source in (file.source, change.old_source) if source], [row])
            self._tracker.done(file)
            return
        length = len(document.text)

        def embed_in_parts(row: _Row) -> None:
            self._part.append(row)
            if len(self._part) >= self._group_size:
                self._tracker.within(file, row[1].end / length)
                self._embed_part()

        indexed = divided(document, self._embedder, embed_in_parts)
        del document  # its text, which is packed now, would fill the memory beside Chroma
        row = FileRow(file.source, stat, file.size, indexed.document.content_hash, State.INDEXED)
        self._group.append(_New(change, indexed, row))
        self._gathered += len(indexed.passages)
        if self._gathered >= self._group_size:
            self._flush()

    @cached_property
    def _group_size(self) -> int:
        return max(_GROUP, self._embedder.at_once)

    def _flush(self) -> None:
        """Have what is gathered embedded, and index it; where other machines embed it, what was gathered before."""
        self._embed_part()
        if self._group:
            self._begun.append(self._group)
        self._group, self._gathered = [], 0
        self._finish(but=1 if self._ahead else 0)

    def _finish(self, but: int = 0) -> None:
        """Index the groups that are gathered, `but` for so many of the last. What cannot be embedded does not keep its
        neighbours from being indexed."""
        while len(self._begun) > (0 if self._fault else but):
            group = self._begun.popleft()
            if self._fault is None:
                self._wait_for(group)
            if self._fault is None:
                self._index(group)
            else:
                self._index_each(group)
        self._fault = None

    def step(
        self,
        group: Sequence[_New],
        removed: Sequence[str] = (),
        files: Sequence[FileRow] = (),
        forgotten: Sequence[str] = (),
    ) -> None:
        """Points 3 and 4 of the module's order. All that is between points 2 and 3 must be in the group."""
        if not (group or removed or files or forgotten):
            return
        moved = [new.change.old_source for new in group if new.change.old_source]
        self._manifest.replace(
            [new.indexed for new in group],
            [*removed, *moved],
            [*files, *(new.row for new in group)],
            forgotten,
            lambda: self._tracker.tell("Storing", group[-1].row.source),
        )
        self._clear_strays()

    def _clear_strays(self) -> None:
        strays = self._manifest.strays()
        self._store.delete(strays)
        self._manifest.clear_strays(strays)

    def _index(self, group: Sequence[_New]) -> None:
        self._store_all(group)
        self.step(group)
        for new in group:
            self._tracker.done(new.change.file)

    def _index_each(self, group: Sequence[_New]) -> None:
        for new in group:
            try:
                for part in _parts([new]):
                    self._embed(part)
                self._index([new])
            except EmbeddingFailed as fault:
                self._keep_old(new, fault)

    def _embed_part(self) -> None:
        part, self._part = self._part, []
        if part and self._fault is None:
            try:
                self._embed(part, 2 * self._group_size if self._ahead else 0)
            except EmbeddingFailed as fault:
                self._fault = fault

    def _wait_for(self, group: Sequence[_New]) -> None:
        keys = self._under_way.intersection(key for new in group for key in new.indexed.vector_keys)
        try:
            while not keys.isdisjoint(self._under_way):
                self._keep_next()
        except EmbeddingFailed as fault:
            self._fault = fault

    def _embed(self, rows: Sequence[_Row], most: int = 0) -> None:
        """What is left of point 1 of the module's order, but for so many passages that may be under way yet. Raises
        EmbeddingFailed."""
        by_key = dict(rows)
        missing = self._manifest.vectors.missing(by_key) - self._under_way
        # Texts of one length in one batch waste least on padding; equal lengths go by key, so that runs are alike.
        wanted = sorted(missing, key=lambda key: (len(by_key[key].text), key))
        self._tracker.gathered(len(rows), len(rows) - len(wanted))
        self.reused += len(rows) - len(wanted)
        at_once = self._embedder.at_once if wanted else 1
        for at in range(0, len(wanted), at_once):
            keys = wanted[at : at + at_once]
            self._sent.append(_Batch.of(self._embedder, keys, [by_key[key] for key in keys]))
            self._under_way.update(keys)
        while len(self._under_way) > most:
            self._keep_next()
        if not wanted:
            self._tracker.tell("Embedding", rows[-1][1].source)
            self._look()

    def _keep_next(self) -> None:
        """Wait for what was given out first. Raises EmbeddingFailed."""
        batch = self._sent.popleft()
        try:
            vectors, of_sentences = batch.embedded()
        except EmbeddingFailed:
            self._sent.clear()
            self._under_way.clear()
            raise
        # Kept at once: what is embedded is never embedded again, wherever the run is stopped.
        self._manifest.vectors.put(batch.keys, [p.text for p in batch.passages], vectors, of_sentences)
        self._under_way.difference_update(batch.keys)
        self.embedded += len(batch.keys)
        self._tracker.embedded(len(batch.keys), batch.passages[-1].source)
        self._look()

    def _store_all(self, group: Sequence[_New]) -> None:
        """Point 2 of the module's order."""
        done, total = 0, sum(len(new.indexed.passages) for new in group)
        started = time.monotonic()
        # Many rows in one call: each call costs Chroma about 10 ms, one row or a thousand.
        for part in _parts(group):
            self._manifest.add_strays(passage.id for _, passage in part)
            vectors = self._manifest.vectors.under([key for key, _ in part])
            self._store.upsert([passage for _, passage in part], np.stack([vectors[key] for key, _ in part]))
            done += len(part)
            self._tracker.stored(part[-1][1].source, done, total, started)
            self._look()

    def _look(self) -> None:
        """Look through the folder again, if it is time."""
        started = time.monotonic()
        if started < self._look_at:
            return
        self._on_look()
        coming = [*self._waiting.values(), *self._late, *self._taken]
        coming += [new.change for group in (*self._begun, self._group) for new in group]
        # A file that changes all the time is read once more and then at the next sync, or this one would not end.
        left = {*self.overtook, *self.kept_old, *(change.file.source for change in coming)}
        now = plan(self._folder, self._manifest, left)
        # What was renamed answers until it is read where it lies now.
        renamed = {change.old_source for change in coming}
        gone = [source for source in now.removed if source not in renamed]
        _note_gone(self._manifest, gone)
        if gone or now.rows or now.forgotten:
            # Chroma's rows become strays, and go with the next step.
            self._manifest.replace((), gone, now.rows, now.forgotten)
        self.went.extend(gone)
        self._late.extend(now.changes)
        self._tracker.more(now.changes)
        self._look_at = time.monotonic() + max(_LOOK_EVERY, _LOOK_SHARE * (time.monotonic() - started))

    def _keep_old(self, new: _New, fault: EmbeddingFailed) -> None:
        """The contents are known and cannot be embedded now: the old version goes on answering, and it is said."""
        source = new.row.source
        row = replace(new.row, stat=_LOOK_AGAIN, state=State.UNREADABLE, reason=str(fault))
        if source in self._manifest.indexed():
            reason = f"The newest version could not be indexed, so the one before still answers. {fault}"
            row = replace(row, state=State.INDEXED, reason=reason)
        # A renamed file is no longer where its text was indexed, and nothing may be cited from there.
        moved = [new.change.old_source] if new.change.old_source else []
        self.step((), moved, [row])
        self.kept_old.append(source)
        self._tracker.done(new.change.file)


_Row = tuple[bytes, Passage]
"""A passage and the key of its embedding."""


@dataclass(frozen=True, slots=True)
class _New:
    """A document ready to be indexed, and the row of its file."""

    change: _Change
    indexed: IndexedDocument
    row: FileRow


@dataclass(frozen=True, slots=True)
class _Batch:
    """Passages that are given out to be embedded together, each under its document's title, and each one's sentences."""

    keys: list[bytes]
    passages: list[Passage]
    _vectors: Callable[[], Vectors]

    @classmethod
    def of(cls, embedder: Embedder, keys: list[bytes], passages: list[Passage]) -> _Batch:
        """Where other machines embed, they begin now; otherwise it is done when it is waited for. May raise
        EmbeddingFailed."""
        texts = [texts_of(passage) for passage in passages]
        flat = [first for first, *_ in texts] + [text for _, *rest in texts for text in rest]
        if isinstance(embedder, EmbedsElsewhere):
            return cls(keys, passages, embedder.begin(flat))
        return cls(keys, passages, lambda: embedder.embed_passages(flat))

    def embedded(self) -> tuple[Vectors, list[Vectors]]:
        """The passages' vectors, shape (passages, dimensions), and those of each one's sentences. Raises
        EmbeddingFailed."""
        vectors = self._vectors()
        borders = np.cumsum([len(passage.sentences) for passage in self.passages])[:-1]
        return vectors[: len(self.passages)], np.split(vectors[len(self.passages) :], borders)


class _TryAgain(SourceUnreadable):
    """A reason that may pass by itself, while the file stays as it is."""


def _read(file: FoundFile, reader: Reader) -> tuple[Document, str]:
    """The document as one version of the file, and its stat. A file that changes while it is read is read again.

    Raises SourceUnreadable.
    """
    if PurePosixPath(file.source).suffix.lower() not in readers.SUFFIXES:
        readers.extract(b"", file.source)  # says why; a film need not be read for that
    for _ in range(_READ_ATTEMPTS):
        try:
            # Taken before it is read: reading may last, and the clock jump, while all the times stay within one step.
            began = time.time_ns()
            before = os.stat(file.path, follow_symlinks=False)
            with file.path.open("rb") as opened:
                if not os.path.samestat(before, os.fstat(opened.fileno())):
                    continue  # exchanged for another, or for a link that leads out of the folder
                extract, digest = reader.read(opened, file.source)
            after = os.stat(file.path, follow_symlinks=False)
        except OSError as fault:
            raise _TryAgain(_cannot_open(fault)) from fault
        if stat_of(before) == stat_of(after):
            return (
                Document(file.source, digest, extract.text, extract.places, extract.metadata, extract.notices),
                _kept_stat(after, began),
            )
    raise _TryAgain("The file changes while it is being read. It is read again at the next sync.")


def _failed(manifest: Manifest) -> tuple[tuple[str, str], ...]:
    return tuple((row.source, row.reason) for row in manifest.seen().values() if row.reason)


def _note_gone(manifest: Manifest, removed: Sequence[str]) -> None:
    """Before they go, so that a crash does not lose that they went together."""
    if len(removed) >= _MANY and 2 * len(removed) > len(manifest.indexed()):
        manifest.put("gone", json.dumps(sorted({*_gone(manifest), *removed})))


def _still_gone(manifest: Manifest) -> int:
    """How many of the documents that went together are away yet; once most are back, none counts as such any more."""
    gone = _gone(manifest)
    away = len(gone - manifest.indexed().keys())
    if gone and 2 * away < len(gone):
        forget_gone(manifest)
        return 0
    return away


def _gone(manifest: Manifest) -> set[str]:
    return set(json.loads(manifest.get("gone") or "[]"))


def _parts(group: Sequence[_New]) -> Iterator[list[_Row]]:
    """The passages of documents and their keys, so many at a time as go into a group."""
    rows = (row for new in group for row in zip(new.indexed.vector_keys, new.indexed.passages, strict=True))
    while part := list(islice(rows, _GROUP)):
        yield part


def texts_of(passage: Passage) -> list[str]:
    """What is embedded of a passage: itself under its document's title, then each of its sentences."""
    text = passage.text.strip()
    titled = text if text.startswith(passage.title) else f"{passage.title}\n{text}"
    return [titled, *(passage.text[s - passage.start : e - passage.start].strip() for s, e in passage.sentences)]


def _cannot_open(fault: OSError) -> str:
    return f"The file cannot be opened ({fault.strerror or fault})."


def _kept_stat(info: os.stat_result, now_ns: int) -> str:
    """The stat to know the file by, or one that no file ever has if a later write need not show in this one."""
    return stat_of(info) if is_settled(info, now_ns) else f"?{stat_of(info)}"


def _is_known(kept: FileRow, digest: str) -> bool:
    """Whether what was noted of the file holds for these bytes, so that a bad file is not read again and again."""
    return kept.content_hash == digest and kept.stat != _LOOK_AGAIN


def _forgotten(seen: Iterable[str], now: Scan) -> tuple[str, ...]:
    known = now.found.keys() | now.refused.keys() | now.unseen.keys()
    return tuple(source for source in seen if source not in known and not now.is_unseen(source))


def _renames(gone: Iterable[str], changes: Iterable[_Change], indexed: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Pairs (old, new) of a file that is gone and a new one of the same bytes; each file is in one pair at most."""
    by_hash: dict[str, list[str]] = {}
    for source in gone:
        by_hash.setdefault(indexed[source], []).append(source)
    for change in changes:
        if change.file.source not in indexed and by_hash.get(change.content_hash):
            yield by_hash[change.content_hash].pop(0), change.file.source


class _Tracker:
    """Tells how far a sync is. Time left is by bytes, since a file's passages are known only once it is read."""

    def __init__(self, on_progress: OnProgress, changes: Sequence[_Change]) -> None:
        self._on_progress = on_progress
        self._started = time.monotonic()
        self._files_total = len(changes)
        self._bytes_total = sum(change.file.size for change in changes)
        self._files_done = self._bytes_done = self._passages_done = self._passages_total = 0
        self._bytes_within = 0.0  # of a long file, those of the parts that are done

    def more(self, changes: Sequence[_Change]) -> None:
        """Further files that have changed meanwhile."""
        self._files_total += len(changes)
        self._bytes_total += sum(change.file.size for change in changes)

    def within(self, file: FoundFile, share: float) -> None:
        """So large a share of a long file has been read and split."""
        self._bytes_within = share * file.size

    def gathered(self, passages: int, reused: int) -> None:
        self._passages_total += passages
        self._passages_done += reused

    def embedded(self, passages: int, source: str) -> None:
        self._passages_done += passages
        self.tell("Embedding", source)

    def stored(self, source: str, done: int, total: int, started: float) -> None:
        """Of a group's passages so many are stored, since `started`. Told of a long document only."""
        if total >= 4 * _GROUP:
            left = (time.monotonic() - started) * (total - done) / done
            files = (self._files_done, self._files_total)
            self._on_progress(Progress("Storing", source, *files, done, total, left))

    def done(self, file: FoundFile) -> None:
        self._files_done += 1
        self._bytes_done += file.size
        self._bytes_within = 0.0
        self.tell("Indexed", file.source)

    def tell(self, stage: str, source: str) -> None:
        self._on_progress(
            Progress(
                stage,
                source,
                self._files_done,
                self._files_total,
                self._passages_done,
                self._passages_total,
                self._seconds_left(),
            )
        )

    def _seconds_left(self) -> float | None:
        spent = time.monotonic() - self._started
        # Before a second has passed the rate is mostly start-up.
        if spent < 1 or not self._passages_done:
            return None
        # Passages known and not done, and those of the bytes not read yet at the rate of the bytes that are done.
        left: float = self._passages_total - self._passages_done
        if read := self._bytes_done + self._bytes_within:
            left = max(left, self._passages_done * (self._bytes_total - read) / read)
        return spent * left / self._passages_done
