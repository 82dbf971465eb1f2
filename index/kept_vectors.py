"""The embeddings that the manifest keeps, each under the hash of what it was made of."""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from index.database import Database
from index.embedding import Vectors
from index.terms import terms
from index.types import Passage

# Of more embeddings than so many it is not noted which may be used no more.
_LOOSE = 100_000
# Those of another manifest are taken so many at a time.
_TAKEN = 900
_KEPT = "key, term_count, terms, vector, sentences, sum"
_KEEP = f"INSERT OR IGNORE INTO vectors ({_KEPT}) VALUES (?, ?, ?, ?, ?, ?)"


def vector_key(fingerprint: str, passage: Passage) -> bytes:
    """The key under which the embeddings of a passage and its sentences by the model `fingerprint` are kept. It is the
    same wherever the same words stand, so that a renamed or copied file needs no new ones."""
    spans = [(start - passage.start, end - passage.start) for start, end in passage.sentences]
    embedded = f"{fingerprint}\0{passage.title}\0{spans}\0{passage.text}"
    return hashlib.sha256(embedded.encode("utf-8", "surrogatepass")).digest()


class KeptVectors:
    """The embeddings in one manifest's file. Safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Those that no passage may use; None where any may be such a one.
        self._loose: set[bytes] | None = None

    def missing(self, keys: Iterable[bytes]) -> set[bytes]:
        """Those of `keys` for which no embedding is kept."""
        wanted = list(dict.fromkeys(keys))
        kept = {row[0] for row in self._database.rows_in("SELECT key FROM vectors WHERE key IN ({})", wanted)}
        return set(wanted) - kept

    def put(self, keys: Sequence[bytes], texts: Sequence[str], vectors: Vectors, sentences: Sequence[Vectors]) -> None:
        """Keep embeddings: of passages with these texts, shape (len(keys), dimensions), and for each of its sentences
        in order. With them the texts' search terms are kept."""
        rows = []
        for key, text, vector, of_sentences in zip(keys, texts, vectors, sentences, strict=True):
            found = terms(text)
            about = (key, len(found), " ".join(found))
            row = (*about, vector.astype("<f4").tobytes(), of_sentences.astype("<f2").tobytes())
            rows.append((*row, _sum(*row)))
        with self._database.writing() as connection:
            self.note_loose(connection, keys)
            connection.executemany(_KEEP, rows)

    def under(self, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        """The passage embeddings kept under `keys`, by key."""
        rows = self._database.rows_in("SELECT key, vector FROM vectors WHERE key IN ({})", list(dict.fromkeys(keys)))
        return {key: np.frombuffer(vector, "<f4") for key, vector in rows}

    def drop_unused(self) -> None:
        """Drop the embeddings that no passage uses: at once where none can have become so since the last time. Where
        that was in this process only those are looked at that can, otherwise all."""
        if self._nothing_loose():
            return
        with self._database.writing() as connection:
            if self._loose is None:
                connection.execute("DELETE FROM vectors WHERE key NOT IN (SELECT vector FROM passages)")
            else:
                connection.executemany(
                    "DELETE FROM vectors WHERE key = ?1 AND NOT EXISTS (SELECT 1 FROM passages WHERE vector = ?1)",
                    ((key,) for key in self._loose),
                )
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('swept', ?)", (str(self._database.generation),))
        self._loose = set()

    def note_loose(self, connection: sqlite3.Connection, keys: Iterable[bytes]) -> None:
        """Embeddings that no passage may use any more, or yet, once the transaction ends. Among a million, looking at
        all of them takes seconds; a process that ended before it dropped them has left word that they must be."""
        if self._nothing_loose():
            connection.execute("UPDATE meta SET value = '' WHERE key = 'swept'")
            self._loose = set()
        if self._loose is not None:
            self._loose.update(keys)
            if len(self._loose) > _LOOSE:
                self._loose = None

    def take(self, path: Path) -> None:
        """Keep the embeddings of another manifest, however damaged: those that can be read and are whole."""
        other = sqlite3.connect(path)
        other.text_factory = lambda data: data.decode(errors="replace")  # text that is none costs its own row alone
        try:
            rows = other.execute(f"SELECT {_KEPT} FROM vectors")
            while some := rows.fetchmany(_TAKEN):
                with self._database.writing() as connection:
                    connection.executemany(_KEEP, (row for row in some if _is_whole(*row)))
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            return  # what comes after is embedded again
        finally:
            other.close()

    def are_whole(self) -> bool:
        """Whether all are as they were kept."""
        with self._database.connected() as connection:
            return all(_is_whole(*row) for row in connection.execute(f"SELECT {_KEPT} FROM vectors"))

    def _nothing_loose(self) -> bool:
        return self._database.get("swept") == str(self._database.generation)


def _sum(key: bytes, term_count: int, found: str, vector: bytes, sentences: bytes) -> int:
    told = f"{term_count} {found}".encode()
    return zlib.crc32(sentences, zlib.crc32(vector, zlib.crc32(told, zlib.crc32(key))))


def _is_whole(*row: Any) -> bool:
    """Whether a row of embeddings is as it was kept; damage may have changed even the types in it."""
    kinds = (bytes, int, str, bytes, bytes, int)
    return all(isinstance(part, kind) for part, kind in zip(row, kinds, strict=True)) and _sum(*row[:-1]) == row[-1]
