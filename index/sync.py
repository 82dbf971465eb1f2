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
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePosixPath

import numpy as np

from index import readers
from index.absence import gone, note_gone, still_gone
from index.batches import Batch
from index.embedding import Embedder, EmbedsElsewhere
from index.errors import EmbeddingFailed, SourceUnreadable, SourceUnsupported
from index.kept_vectors import vector_key
from index.manifest import FileRow, Manifest
from index.passages import Passages
from index.planning import LOOK_AGAIN, Change, cannot_open, kept_stat, plan
from index.reading import Reader, ReadingBroken
from index.rows import IndexedDocument
from index.scanning import FoundFile, stat_of
from index.splitting import split
from index.store import PassageStore
from index.titles import title_of
from index.tracking import OnProgress, Tracker
from index.types import Document, Passage, Progress, State, SyncReport

# Documents are gathered until they make so many new passages: enough for full batches, few enough to lose little work.
# A longer one is embedded in parts of as many.
_GROUP = 512
# How often a file that changes while it is read is read again before it is left for the next sync.
_READ_ATTEMPTS = 3
# Seconds between two looks through the folder while a sync goes on, and how many times longer than a look itself.
_LOOK_EVERY = 3.0
_LOOK_SHARE = 20


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
    note_gone(manifest, work.removed)
    on_look()
    with Reader() as reader:
        applied = _Apply(folder, manifest, store, embedder, reader, Tracker(on_progress, work.changes), on_look)
        # What is gone from the folder must not answer while the rest is read and embedded.
        applied.step((), work.removed, work.rows, work.forgotten)
        applied.take_all(work.changes)
    away = still_gone(manifest)
    # What could be embedded of a file that failed need not be embedded again when it is tried the next time. A file
    # that went while the others were read may have been renamed: the next sync knows.
    if not (applied.kept_old or applied.went or away):
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
        away,
    )


def in_step(folder: Path, manifest: Manifest) -> SyncReport | None:
    """The report of a sync that would find nothing to do; None where one would. Raises FolderMissing."""
    started = time.monotonic()
    work = plan(folder, manifest)
    if work.changes or work.removed or work.forgotten or work.rows or gone(manifest):
        return None
    return SyncReport(work.public, 0, 0, _failed(manifest), time.monotonic() - started)


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
        tracker: Tracker,
        on_look: Callable[[], None],
    ) -> None:
        self._folder, self._manifest, self._store, self._embedder = folder, manifest, store, embedder
        self._reader, self._tracker, self._on_look = reader, tracker, on_look
        self.embedded = self.reused = 0
        self.kept_old: list[str] = []
        self.went: list[str] = []
        self.overtook: list[str] = []
        self._waiting: dict[str, Change] = {}
        self._late: list[Change] = []
        self._taken: list[Change] = []  # the one that is being read, if any
        self._look_at = time.monotonic() + _LOOK_EVERY
        self._group: list[_New] = []
        self._gathered = 0  # passages in the group
        self._part: list[_Row] = []  # of its passages, those that are not given out to be embedded yet
        self._sent: deque[Batch] = deque()  # what is given out and not kept yet
        self._under_way: set[bytes] = set()  # its keys
        self._begun: deque[list[_New]] = deque()  # groups of which all is given out
        self._ahead = isinstance(embedder, EmbedsElsewhere)
        self._fault: EmbeddingFailed | None = None  # why some of what was given out could not be embedded

    def take_all(self, changes: Iterable[Change]) -> None:
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

    def _take(self, change: Change) -> None:
        """Read a changed file; it is indexed with its group, or at once found to be no document."""
        file = change.file
        self._taken = [change]
        self._tracker.tell("Reading", file.source)
        try:
            document, stat = _read(file, self._reader)
        except SourceUnreadable as fault:
            state = State.SKIPPED if isinstance(fault, SourceUnsupported) else State.UNREADABLE
            stat = LOOK_AGAIN if isinstance(fault, _TryAgain) else change.stat
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
            self._sent.append(Batch.of(self._embedder, keys, [by_key[key] for key in keys]))
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
        note_gone(self._manifest, gone)
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
        row = replace(new.row, stat=LOOK_AGAIN, state=State.UNREADABLE, reason=str(fault))
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

    change: Change
    indexed: IndexedDocument
    row: FileRow


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
            raise _TryAgain(cannot_open(fault)) from fault
        if stat_of(before) == stat_of(after):
            return (
                Document(file.source, digest, extract.text, extract.places, extract.metadata, extract.notices),
                kept_stat(after, began),
            )
    raise _TryAgain("The file changes while it is being read. It is read again at the next sync.")


def _failed(manifest: Manifest) -> tuple[tuple[str, str], ...]:
    return tuple((row.source, row.reason) for row in manifest.seen().values() if row.reason)


def _parts(group: Sequence[_New]) -> Iterator[list[_Row]]:
    """The passages of documents and their keys, so many at a time as go into a group."""
    rows = (row for new in group for row in zip(new.indexed.vector_keys, new.indexed.passages, strict=True))
    while part := list(islice(rows, _GROUP)):
        yield part
