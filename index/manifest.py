"""What is indexed: the truth that Chroma is made equal to. One SQLite file.

It holds each document's text as it was read, its passages, their search terms (SQLite's FTS5), their embeddings (so
that Chroma can be rebuilt without computing one again), and what became of every file. A document changes from its old
version to its new one in a single transaction, and whatever reads goes through this file, so a reader sees the one or
the other, whatever Chroma holds at that moment.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from index.database import Database
from index.embedding import Vectors
from index.kept_vectors import KeptVectors
from index.packing import PackedText, unpacked
from index.rows import (
    PASSAGE_NAMES,
    WRITTEN,
    IndexedDocument,
    document_row,
    metadata_fields,
    metadata_from,
    passage_from,
    passage_rows,
    place_rows,
    places_from,
    prefixed,
    text_key,
)
from index.schema import condition
from index.scope import Scope
from index.types import Document, FileStatus, Passage, State

# Passages are added so many at a time.
_ROWS = 500
_COLUMNS = ", ".join(PASSAGE_NAMES)


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file as a scan saw it. `stat` is what a change is noticed by; the hash is empty where it was not read."""

    source: str
    stat: str
    size: int
    content_hash: str
    state: State
    reason: str = ""


class Manifest(Database):
    """One index's manifest: its files, documents and passages, and as `vectors` their embeddings."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.vectors = KeptVectors(self)

    @property
    def complete(self) -> bool:
        """Whether a sync has once come to its end with everything embedded."""
        return self.get("complete") == "1"

    @complete.setter
    def complete(self, value: bool) -> None:
        if value != self.complete:
            self.put("complete", "1" if value else "0")

    def request(self) -> int:
        """Ask the owner for a sync; the number of the request."""
        with self.writing() as connection:
            connection.execute(
                "INSERT INTO meta VALUES ('requested', '1')"
                " ON CONFLICT DO UPDATE SET value = CAST(value AS INTEGER) + 1"
            )
            return int(connection.execute("SELECT value FROM meta WHERE key = 'requested'").fetchone()[0])

    # Files and documents

    def seen(self) -> dict[str, FileRow]:
        """Every file as the last scan left it, by source."""
        rows = self.rows("SELECT source, stat, size, content_hash, state, reason FROM files")
        return {row[0]: FileRow(row[0], row[1], row[2], row[3], State(row[4]), row[5]) for row in rows}

    def forget_files(self) -> None:
        """Note nothing of any file, so that the next sync looks into each."""
        with self.writing() as connection:
            connection.execute("DELETE FROM files")

    def indexed(self) -> dict[str, str]:
        """The content hash of every document that answers now."""
        return dict(self.rows("SELECT source, content_hash FROM documents"))

    def content_hash(self, source: str) -> str | None:
        """The content hash of the document that answers now; None where there is none."""
        rows = self.rows("SELECT content_hash FROM documents WHERE source = ?", (source,))
        return str(rows[0][0]) if rows else None

    def files(self) -> tuple[FileStatus, ...]:
        """Every file of the folder, in order of its path."""
        rows = self.rows(
            "SELECT f.source, f.state, f.size, f.reason, d.passages, d.content_hash, d.indexed_at,"
            " t.metadata, t.notices"
            " FROM files f LEFT JOIN documents d USING (source) LEFT JOIN texts t ON t.key = d.text"
            " ORDER BY f.source"
        )
        return tuple(
            FileStatus(
                source=source,
                state=State(state),
                size=size,
                passages=passages or 0,
                reason=reason or " ".join(json.loads(notices or "[]")),
                content_hash=content_hash or "",
                indexed_at=indexed_at or 0.0,
                metadata=metadata_from(metadata or "{}"),
            )
            for source, state, size, reason, passages, content_hash, indexed_at, metadata, notices in rows
        )

    def document(self, source: str) -> Document | None:
        """The version of the document that answers now; None where there is none."""
        rows = self.rows(
            "SELECT d.content_hash, t.text, t.places, t.metadata, t.notices"
            " FROM documents d JOIN texts t ON t.key = d.text WHERE d.source = ?",
            (source,),
        )
        if not rows:
            return None
        content_hash, text, places, metadata, notices = rows[0]
        with self.damage_is_told():
            text = unpacked(text)
        return Document(
            source=source,
            content_hash=content_hash,
            text=text,
            places=places_from(json.loads(places)),
            metadata=metadata_from(metadata),
            notices=tuple(json.loads(notices)),
        )

    def sources_in(self, scope: Scope) -> list[str]:
        """The documents of the scope."""
        within, values = condition(scope)
        return [row[0] for row in self.rows(f"SELECT source FROM documents d WHERE {within}", values)]

    def passages_in(self, scope: Scope) -> int:
        """How many passages the documents of the scope have."""
        within, values = condition(scope)
        (count,) = self.rows(f"SELECT coalesce(sum(passages), 0) FROM documents d WHERE {within}", values)[0]
        return int(count)

    def undated(self) -> int:
        """How many documents give no date of their own."""
        return int(self.rows("SELECT count(*) FROM documents WHERE first_day = ''")[0][0])

    # Passages

    def replace(
        self,
        documents: Sequence[IndexedDocument] = (),
        removed: Sequence[str] = (),
        files: Sequence[FileRow] = (),
        forgotten: Iterable[str] = (),
        on_rows: Callable[[], None] = lambda: None,
    ) -> None:
        """One step from old to new: `documents` take the place of whatever their sources had, the documents of the
        sources `removed` go, the rows `files` are kept and those of the sources `forgotten` dropped. Ids that Chroma
        still holds for what went are left as strays. `on_rows` is called as it goes on, since a long document takes a
        minute."""
        with self.writing() as connection:
            sources = [*removed, *(new.document.source for new in documents)]
            used = [key for source in sources for key in _remove_document(connection, source)]
            for new in documents:
                _add_document(connection, new, on_rows)
            connection.executemany("DELETE FROM files WHERE source = ?", ((source,) for source in forgotten))
            connection.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)", map(astuple, files))
            if sources:
                self.vectors.note_loose(connection, used)
                connection.execute(
                    "INSERT INTO meta VALUES ('generation', '1')"
                    " ON CONFLICT DO UPDATE SET value = CAST(value AS INTEGER) + 1"
                )

    def passages_of(self, source: str, first: int = 0, last: int | None = None) -> tuple[Passage, ...]:
        """The passages of a document in order, those with ordinals first to last, both included."""
        rows = self.rows(
            f"SELECT {_COLUMNS} FROM passages WHERE source = ? AND ordinal >= ? AND ordinal <= ? ORDER BY ordinal",
            (source, first, 2**62 if last is None else last),
        )
        return tuple(map(passage_from, rows))

    def passages_numbered(self, numbers: Sequence[int]) -> tuple[Passage, ...]:
        """The passages of these numbers, in the order given. Raises ManifestDamaged where one is missing."""
        rows = self.rows_in(f"SELECT number, {_COLUMNS} FROM passages WHERE number IN ({{}})", numbers)
        found = {row[0]: row[1:] for row in rows}
        if missing := set(numbers) - found.keys():
            raise self.hurt(f"passage {min(missing)} is missing")
        return tuple(passage_from(found[number]) for number in numbers)

    def passage_ids(self) -> set[str]:
        return {row[0] for row in self.rows("SELECT id FROM passages")}

    def all_passages(self, batch: int) -> Iterator[tuple[list[Passage], Vectors]]:
        """Every passage with its embedding, in batches: what Chroma is rebuilt from."""
        last = -1
        statement = (
            f"SELECT p.number, v.vector, {prefixed('p')} FROM passages p JOIN vectors v ON v.key = p.vector"
            " WHERE p.number > ? ORDER BY p.number LIMIT ?"
        )
        while rows := self.rows(statement, (last, batch)):
            last = rows[-1][0]
            yield [passage_from(row[2:]) for row in rows], np.stack([np.frombuffer(row[1], "<f4") for row in rows])

    def sample(self, count: int) -> list[tuple[str, Vectors]]:
        """(id, vector) of up to so many passages from all over, no two of all passages having the same vector."""
        (last,) = self.rows("SELECT coalesce(max(number), 0) FROM passages")[0]
        found: dict[str, Vectors] = {}
        for at in range(0, last, max(1, last // count)):
            rows = self.rows(
                "SELECT p.id, v.vector FROM passages p JOIN vectors v ON v.key = p.vector WHERE p.number > ?"
                " AND NOT EXISTS (SELECT 1 FROM passages o WHERE o.vector = p.vector AND o.number <> p.number) LIMIT 1",
                (at,),
            )
            found.update({id_: np.frombuffer(vector, "<f4") for id_, vector in rows})
        return list(found.items())[:count]

    def make_terms_anew(self) -> None:
        """Fill the search index again from the passages."""
        with self.writing() as connection:
            connection.execute("INSERT INTO passage_terms (passage_terms) VALUES ('delete-all')")
            connection.execute(f"INSERT INTO passage_terms (rowid, terms) SELECT p.number, {_SEARCHED}")

    # Strays

    def strays(self) -> list[str]:
        return [row[0] for row in self.rows("SELECT id FROM strays")]

    def add_strays(self, ids: Iterable[str]) -> None:
        with self.writing() as connection:
            connection.executemany("INSERT OR IGNORE INTO strays VALUES (?)", ((id_,) for id_ in ids))

    def clear_strays(self, ids: Iterable[str]) -> None:
        with self.writing() as connection:
            connection.executemany("DELETE FROM strays WHERE id = ?", ((id_,) for id_ in ids))


def _add_document(connection: sqlite3.Connection, new: IndexedDocument, on_rows: Callable[[], None]) -> None:
    document = new.document
    text_key = _add_text(connection, document, new.text)
    connection.execute(
        "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (document.source, document.content_hash, text_key, new.indexed_at, *document_row(new)),
    )
    rows = passage_rows(new)
    for first in range(0, len(new.passages), _ROWS):
        connection.executemany(
            f"INSERT INTO passages ({', '.join(WRITTEN)}, term_count)"
            f" SELECT {', '.join(f'?{at}' for at in range(1, len(WRITTEN) + 1))}, term_count FROM vectors"
            f" WHERE key = ?{len(WRITTEN)}",
            (tuple(row.values()) for row in islice(rows, _ROWS)),
        )
        added = (document.source, first, first + _ROWS)
        connection.execute(
            f"INSERT INTO passage_terms (rowid, terms) SELECT p.number, {_SEARCHED} WHERE {_ADDED}", added
        )
        connection.execute(f"DELETE FROM strays WHERE id IN (SELECT id FROM passages p WHERE {_ADDED})", added)
        on_rows()


def _add_text(connection: sqlite3.Connection, document: Document, text: PackedText) -> str:
    """Keep a document's text with what is told of it, unless it is kept; its key."""
    about = [
        json.dumps(metadata_fields(document.metadata)),
        json.dumps(document.notices),
        json.dumps(place_rows(document.places)),
    ]
    key = text_key(about, text.kept())
    added = connection.execute("INSERT OR IGNORE INTO texts VALUES (?, ?, ?, ?, zeroblob(?))", (key, *about, text.size))
    if added.rowcount and text.size:
        # Part by part: bound to the statement, the whole would lie in memory twice more.
        with connection.blobopen("texts", "text", added.lastrowid or 0) as blob:
            for part in text.kept():
                blob.write(part)
    return key


# The rows of a document that were added last, and what full-text search is given of passages `p`.
_ADDED = "p.source = ? AND p.ordinal >= ? AND p.ordinal < ?"

_SEARCHED = (
    "d.title_terms || ' ' || v.terms FROM passages p JOIN documents d USING (source) JOIN vectors v ON v.key = p.vector"
)


def _remove_document(connection: sqlite3.Connection, source: str) -> list[bytes]:
    """The keys of the embeddings that its passages used."""
    # A contentless FTS5 table must be told what it held.
    connection.execute(
        "INSERT INTO passage_terms (passage_terms, rowid, terms)"
        f" SELECT 'delete', p.number, {_SEARCHED} WHERE source = ?",
        (source,),
    )
    connection.execute("INSERT OR IGNORE INTO strays SELECT id FROM passages WHERE source = ?", (source,))
    used = connection.execute("DELETE FROM passages WHERE source = ? RETURNING vector", (source,)).fetchall()
    held = connection.execute("DELETE FROM documents WHERE source = ? RETURNING text", (source,)).fetchall()
    connection.executemany(
        "DELETE FROM texts WHERE key = ?1 AND NOT EXISTS (SELECT 1 FROM documents WHERE text = ?1)",
        held,
    )
    return [key for (key,) in used]
