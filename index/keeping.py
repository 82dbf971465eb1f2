"""The Chroma that belongs to a manifest: found whole and opened, or thrown away and begun anew.

An embedded one lies in a folder `chroma-N` beside the manifest. When it is closed, its index files are sealed with
their hash; the seal is broken when it is opened. So at the next opening there are three cases:

- sealed, and the files are those that were sealed: it is whole;
- sealed, and they are not: something else wrote to them, and a new one is begun;
- not sealed: the process that had it open was ended. It is tried out in another process first.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import threading
from pathlib import Path

from index.manifest import Manifest
from index.probing import is_searchable
from index.scope import EVERYTHING
from index.store import PassageStore, StoreDamaged

COLLECTION = "passages"

_FIRST = "chroma-1"
_NAME = re.compile(r"chroma-[0-9]{1,9}")
_SAMPLE = 50
# With so many rows Chroma has written index files (its hnsw:sync_threshold): where there are none, they were lost.
_FILES_FROM = 1000


class StoreKeeper:
    """Opens one store and keeps it open. `url` is the Chroma server's, if one is used, and `name` the collection's
    there. Safe to use from several threads."""

    def __init__(self, directory: Path, manifest: Manifest, url: str | None, name: str) -> None:
        self._directory, self._manifest, self._url, self._name = directory, manifest, url, name
        self._store: PassageStore | None = None
        self._guard = threading.RLock()

    @property
    def current(self) -> PassageStore | None:
        """The store, if it is open."""
        return self._store

    @property
    def name(self) -> str:
        """The name of the folder of an embedded store; another one after it was made anew."""
        return self._path().name

    def opened(self) -> PassageStore:
        """The store; a new, empty one in place of a damaged one. Raises StoreUnreachable, StoreDamaged."""
        with self._guard:
            if self._store is None:
                self._store = self._embedded() if self._url is None else PassageStore.server(self._url, self._name)
            return self._store

    def discard(self) -> None:
        """Throw the store away with all it holds; the next one opened is new. Raises StoreUnreachable."""
        with self._guard:
            store, self._store = self._store, None
            if self._url is None:
                # It is not closed: another thread may be searching it, and closing what is damaged may fail in any way.
                self._begin_anew()
            elif store is not None:
                store.drop()

    def close(self) -> None:
        """Close the store, and seal it if it is an embedded one."""
        with self._guard:
            if self._store is None:
                return
            self._store.close()
            self._store = None
            if self._url is None:
                self._manifest.put("seal", _seal_of(self._path()))

    def _embedded(self) -> PassageStore:
        seal = self._manifest.get("seal")
        self._manifest.put("seal", "")
        if not self._is_whole(seal):
            self._begin_anew()
        try:
            return PassageStore.embedded(self._path(), COLLECTION)
        except StoreDamaged:
            self._begin_anew()
            return PassageStore.embedded(self._path(), COLLECTION)

    def _is_whole(self, seal: str | None) -> bool:
        path = self._path()
        if seal:
            return seal == _seal_of(path)
        # Until it has written index files, all that Chroma has is its SQLite database, which a kill does not tear.
        if not _index_files(path) and self._manifest.passages_in(EVERYTHING) < _FILES_FROM:
            return True
        return is_searchable(path, COLLECTION, self._manifest.sample(_SAMPLE))

    def _path(self) -> Path:
        name = self._manifest.get("store") or _FIRST
        return self._directory / (name if _NAME.fullmatch(name) else _FIRST)

    def _begin_anew(self) -> None:
        """Go on to a folder that no Chroma of this process has ever had open."""
        damaged = self._path()
        path = damaged.with_name(f"chroma-{int(damaged.name.removeprefix('chroma-')) + 1}")
        shutil.rmtree(path, ignore_errors=True)
        self._manifest.put("store", path.name)
        shutil.rmtree(damaged, ignore_errors=True)


def _index_files(path: Path) -> list[Path]:
    return sorted(file for file in path.glob("*/*") if file.is_file())


def _seal_of(path: Path) -> str:
    """A hash of the index files in `path`; another one if the database beside them is gone."""
    seal = hashlib.sha256(str((path / "chroma.sqlite3").exists()).encode())
    for file in _index_files(path):
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").digest()
        seal.update(str(file.relative_to(path)).encode() + b"\0" + digest)
    return seal.hexdigest()
