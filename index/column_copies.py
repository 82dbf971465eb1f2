"""The copies that columns are: made beside the questions, kept on disk, and opened once they are whole.

A copy is made of the one before it. Passages get rising numbers, so what is new comes after what was there; what is gone
leaves its row, until half of the rows are such. So the vectors, nearly all of a copy, are written once and then shared:
their two files are added to, and are linked into the next copy.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
import threading
from array import array
from collections.abc import Mapping
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.columns import Columns, Rows
from index.errors import FootnoteError
from index.linking import link
from index.manifest import Manifest
from index.postings import Words
from index.scope import EVERYTHING
from index.tables import Tables, TermStatistics

_KEY = "columns"  # of the manifest's values: the generation of the copy that is whole, and what its files are known by
_KNOWN = {"form", "generation", "name", "seal"}  # what is noted of a copy
_FORM = 2  # changes with the files of a copy
_SHARED = ("vectors", "sentences")

_log = logging.getLogger(__name__)


class KeptColumns:
    """The copies of one manifest, beside it on disk. Safe to use from several threads and processes."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._home = manifest.path.parent
        self._guard = threading.Lock()
        self._making = threading.Lock()
        self._opened: Columns | None = None

    def of(self, generation: int) -> Columns | None:
        """The copy of the manifest as it is now, at this generation; None while there is none."""
        opened = self._opened
        if opened is not None and opened.generation == generation:
            return opened
        kept = self._kept()
        return self._open(kept) if kept.get("generation") == generation else None

    def hold(self, generation: int) -> bool:
        """Whether there is a whole copy of the manifest at this generation; it is not opened."""
        kept = self._kept()
        return kept.get("generation") == generation and self._is_whole(kept)

    def make(self) -> None:
        """Make a copy of the manifest as it is, unless there is one. Called by whoever may change the index."""
        with self._making:
            try:
                if not self.hold(self._manifest.generation):
                    self._make()
            except (OSError, FootnoteError):
                # Nothing is lost: the tables answer. The next sync says what is wrong with the disk, or tries again.
                _log.warning("What makes searching fast could not be written", exc_info=True)

    def discard(self) -> bool:
        """Throw the copies away; whether the one that was last made is not as it was written."""
        kept = self._kept()
        damaged = bool(kept) and not self._is_whole(kept)
        self._manifest.put(_KEY, "")
        for path in self._home.glob("columns-*"):
            shutil.rmtree(path, ignore_errors=True)
        return damaged

    def _kept(self) -> dict[str, Any]:
        try:
            kept = json.loads(self._manifest.get(_KEY) or "{}")
        except ValueError:
            return {}  # damage, which an examination finds
        return kept if isinstance(kept, dict) and kept.keys() >= _KNOWN and kept["form"] == _FORM else {}

    def _open(self, kept: dict[str, Any]) -> Columns | None:
        with self._guard:
            if self._opened is None or self._opened.generation != kept["generation"]:
                if not self._is_whole(kept):
                    return None  # the next sync makes it anew
                self._opened = Columns(self._home / kept["name"], self._manifest)
            return self._opened

    def _is_whole(self, kept: dict[str, Any]) -> bool:
        """Whether the files of a copy are as they were written."""
        seal: list[list[str | int]] = kept["seal"]
        return _seal_of(self._home / kept["name"]) == seal

    def _make(self) -> None:
        kept = self._kept()
        before = self._open(kept) if kept else None
        earlier = list(self._home.glob("columns-*"))
        path = Path(tempfile.mkdtemp(prefix="columns-", dir=self._home))
        try:
            with self._manifest.snapshot():
                generation = self._manifest.generation
                _write(path, generation, self._manifest, before)
            made = {"form": _FORM, "generation": generation, "name": path.name, "seal": _seal_of(path)}
            self._manifest.put(_KEY, json.dumps(made))
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)
            raise
        for old in earlier:
            shutil.rmtree(old, ignore_errors=True)  # who has it open keeps it until it is closed


def _seal_of(path: Path) -> list[list[str | int]]:
    """What the files in `path` are known by: a file that is written to afterwards has another time."""
    try:
        stats = [(file.name, file.stat()) for file in sorted(path.iterdir())]
    except OSError:
        return []
    return [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]


def _write(path: Path, generation: int, manifest: Manifest, before: Columns | None) -> None:
    """Write a copy into the empty folder `path`, after the one before it where there is one."""
    tables = Tables(manifest)
    titles = tables.title_terms()
    passages = manifest.passages_in(EVERYTHING)
    carried: Rows = np.zeros(0, np.intp)
    if before is not None:
        carried = np.sort(before.rows(sorted(manifest.passage_ids())))
        if len(before) - len(carried) > passages:
            before, carried = None, carried[:0]
    rows = 0 if before is None else len(before)
    there = np.zeros(rows, np.bool_)
    there[carried] = True
    last = -1
    sources: list[str] = []
    starts = [0]
    if before is not None:
        for name in _SHARED:
            link(before.path / name, path / name)
        last = int(before.numbers_of(carried).max(initial=-1))
        sources = list(before.sources)
        starts = [before.sentence_count]
    places = {source: at for at, source in enumerate(dict.fromkeys([*sources, *titles]))}
    words = Words()
    numbers, documents, ordinals, lengths = array("q"), array("i"), array("i"), array("i")
    ids = bytearray()
    dimensions = before.dimensions if before is not None else 1
    with (path / "vectors").open("ab") as vectors, (path / "sentences").open("ab") as sentences:
        for number, id_, source, ordinal, own, vector, of_sentences in tables.for_columns(last):
            dimensions = len(vector) // 4
            here = own.split()
            words.add(rows + len(numbers), here + titles[source])
            numbers.append(number)
            documents.append(places[source])
            ordinals.append(ordinal)
            lengths.append(len(here))
            starts.append(starts[-1] + len(of_sentences) // (2 * dimensions))
            ids += id_.encode()
            vectors.write(vector)
            sentences.write(of_sentences)
    if before is not None and len(carried) + len(numbers) != passages:
        for name in _SHARED:
            (path / name).unlink()
        _write(path, generation, manifest, None)
        return
    of_titles = Words()
    title_lengths = np.zeros(len(places), "<i4")
    for source, at in places.items():
        of_titles.add(at, titles.get(source, []))
        title_lengths[at] = len(titles.get(source, []))
    columns: dict[str, NDArray[Any]] = {
        "numbers": np.array(numbers, "<i8"),
        "ids": np.frombuffer(bytes(ids), "S32"),
        "documents": np.array(documents, "<i4"),
        "ordinals": np.array(ordinals, "<i4"),
        "lengths": np.array(lengths, "<i4"),
        "sentence_starts": np.array(starts, "<i8"),
    }
    postings = words.postings()
    if before is not None:
        columns = before.followed_by(columns, there)
        postings = before.postings_of(there).joined(postings)
    columns["title_lengths"] = title_lengths
    for name, column in {**columns, **postings.files(""), **of_titles.postings().files("title_")}.items():
        column.tofile(path / name)
    about = {
        "generation": generation,
        "dimensions": dimensions,
        "statistics": astuple(_statistics(columns)),
        "sources": list(places),
    }
    (path / "about.json").write_text(json.dumps(about), encoding="utf-8")
    for file in path.iterdir():
        with file.open("rb") as written:
            os.fsync(written.fileno())


def _statistics(columns: Mapping[str, NDArray[Any]]) -> TermStatistics:
    """What the tables say of the collection as a whole, which among a million passages takes them seconds."""
    there = columns["documents"] >= 0
    documents, ordinals = columns["documents"][there], columns["ordinals"][there]
    lengths = columns["lengths"][there].astype(np.int64)
    titled = columns["title_lengths"][documents]
    last = np.bincount(documents)[documents] - 1
    windows = lengths * (1 + (ordinals > 0) + (ordinals < last))
    count = max(len(documents), 1)
    return TermStatistics(len(documents), int((lengths + titled).sum()) / count, int((windows + titled).sum()) / count)
