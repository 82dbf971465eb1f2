"""What is indexed: the truth that Chroma is made equal to. One SQLite file.

It holds each document's text as it was read, its passages, their search terms (SQLite's FTS5), their embeddings (so
that Chroma can be rebuilt without computing one again), and what became of every file. A document changes from its old
version to its new one in a single transaction, and whatever reads goes through this file, so a reader sees the one or
the other, whatever Chroma holds at that moment.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass, fields
from functools import cache
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from index.embedding import Vectors
from index.errors import IndexBusy, IndexDamaged, IndexUnwritable
from index.packing import PackedText, unpacked
from index.scope import Scope, first_day, last_day
from index.terms import terms
from index.titles import name_words
from index.types import Document, FileStatus, Metadata, Passage, Place, State

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- Every file of the folder as the last scan saw it. `stat` is what a change is noticed by.
CREATE TABLE files (
    source TEXT PRIMARY KEY, stat TEXT NOT NULL, size INTEGER NOT NULL, content_hash TEXT NOT NULL,
    state TEXT NOT NULL, reason TEXT NOT NULL
) WITHOUT ROWID;

-- The version of each document that answers now.
CREATE TABLE documents (
    source TEXT PRIMARY KEY, content_hash TEXT NOT NULL, text TEXT NOT NULL REFERENCES texts, indexed_at REAL NOT NULL,
    passages INTEGER NOT NULL, title_terms TEXT NOT NULL, first_day TEXT NOT NULL, last_day TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX documents_by_text ON documents (text);

-- What was read from files, by its own hash: equal files share it, unless their endings make another text of the bytes.
-- What is long stands last: SQLite goes through a row from its start.
CREATE TABLE texts (
    key TEXT PRIMARY KEY, metadata TEXT NOT NULL, notices TEXT NOT NULL, places TEXT NOT NULL, text BLOB NOT NULL
);

CREATE TABLE passages (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, source TEXT NOT NULL, content_hash TEXT NOT NULL,
    ordinal INTEGER NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL, line INTEGER NOT NULL,
    places TEXT NOT NULL, sentences TEXT NOT NULL, title TEXT NOT NULL, metadata TEXT NOT NULL, text TEXT NOT NULL,
    term_count INTEGER NOT NULL, vector BLOB NOT NULL REFERENCES vectors
);
CREATE UNIQUE INDEX passages_in_order ON passages (source, ordinal);
CREATE INDEX passages_by_vector ON passages (vector);
CREATE VIRTUAL TABLE passage_terms USING fts5 (
    terms, content='', tokenize='ascii'
);
CREATE VIRTUAL TABLE vocabulary USING fts5vocab (passage_terms, 'row');

-- What takes long to make of a passage, by the hash of what it is made of: its search terms, its embedding (float32)
-- and those of its sentences (float16, one after another). `sum` is the CRC-32 of all of them: whatever else is kept
-- can be compared with what it was made of.
CREATE TABLE vectors (
    key BLOB PRIMARY KEY, term_count INTEGER NOT NULL, terms TEXT NOT NULL, vector BLOB NOT NULL,
    sentences BLOB NOT NULL, sum INTEGER NOT NULL
) WITHOUT ROWID;

-- Ids that Chroma may hold although no passage has them: written before Chroma is, cleared after it is cleaned.
CREATE TABLE strays (id TEXT PRIMARY KEY) WITHOUT ROWID;
"""
SCHEMA_VERSION = 6

_REFUSED = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
# SQLite's default bound on the variables of one statement, in builds older than 3.32.
_VARIABLES = 900
# Passages are added so many at a time.
_ROWS = 500
# Of more embeddings than so many it is not noted which may be used no more.
_LOOSE = 100_000


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file as a scan saw it. `stat` is what a change is noticed by; the hash is empty where it was not read."""

    source: str
    stat: str
    size: int
    content_hash: str
    state: State
    reason: str = ""


@dataclass(frozen=True, slots=True)
class IndexedDocument:
    """A document, its passages, and the key of each passage's embedding. `indexed_at` is seconds since the epoch. The
    text is beside the document and not in it, since a large one would fill the memory."""

    document: Document
    text: PackedText
    title: str
    passages: Sequence[Passage]
    vector_keys: Sequence[bytes]
    indexed_at: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage with what ranking needs: its terms and those of it and its neighbours, each with the title's, and unit
    vectors of the passage, shape (dimensions,), and of its sentences, shape (sentences, dimensions).

    Terms are one text, each with a space of its own on either side, which is searched faster than a list. The passage
    itself is made when it is asked for: most candidates are not.
    """

    row: Sequence[Any]
    terms: str
    window: str
    vector: Vectors
    sentence_vectors: Vectors

    @property
    def source(self) -> str:
        return str(self.row[_NAMES.index("source")])

    @property
    def start(self) -> int:
        return int(self.row[_NAMES.index("start")])

    @property
    def passage(self) -> Passage:
        return _passage(self.row)


@dataclass(frozen=True, slots=True)
class TermStatistics:
    """How many passages there are, and how many terms a passage and a window of it and its neighbours have on average."""

    passages: int
    mean_terms: float
    mean_window: float


class ManifestDamaged(IndexDamaged):
    """SQLite cannot read the manifest. The next sync builds the index anew from the folder."""

    def __init__(self, path: Path, fault: object) -> None:
        super().__init__(f"The index in {path} is damaged ({fault}). Reindex, and it is made anew from the folder.")


class Manifest:
    """One index's manifest. Safe to use from several threads; another process may read it while this one writes.

    Any use of a file that SQLite finds damaged raises ManifestDamaged, and one that another process writes to for more
    than a minute IndexBusy.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held = threading.local()
        self._idle: list[sqlite3.Connection] = []
        self._guard = threading.Lock()
        self._damage: object = None
        # Of embeddings, those that no passage may use; None where any may be such a one.
        self._loose: set[bytes] | None = None
        # A look first: where another process writes at length, opening need not wait for it.
        if self._version() == 0:
            with self.writing() as connection:
                if self._version() == 0 and not self._tables():
                    for statement in _statements(_SCHEMA):
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        if self._version() in (0, SCHEMA_VERSION) and self._tables() != _tables_made():
            raise ManifestDamaged(path, "its tables are not those that were made")

    def close(self) -> None:
        """Close the connections that no thread is using."""
        with self._guard:
            while self._idle:
                self._idle.pop().close()

    # Transactions

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it is kept, durably, or none. One within another is part of it."""
        with self._connected() as connection:
            if getattr(self._held, "writing", False):
                yield connection
                return
            connection.execute("BEGIN IMMEDIATE")
            self._held.writing = True
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            finally:
                self._held.writing = False
            connection.commit()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """While it lasts, this thread reads the manifest as it was at its start, whatever is written meanwhile."""
        with self._connected() as connection:
            if connection.in_transaction:
                yield
                return
            connection.execute("BEGIN")
            try:
                yield
            finally:
                connection.rollback()

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """A connection for this thread: the one it holds already, else an idle one, else a new one. A window serves
        each question on a thread of its own, so connections are handed round and not kept by threads."""
        held: sqlite3.Connection | None = getattr(self._held, "connection", None)
        if held is not None:
            yield held
            return
        with self._damage_is_told(), self._lent() as connection:
            yield connection

    @contextmanager
    def _damage_is_told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.DatabaseError, zlib.error, UnicodeDecodeError) as fault:
            code = getattr(fault, "sqlite_errorcode", 0) & 0xFF
            if code == sqlite3.SQLITE_BUSY:
                raise IndexBusy("Another Footnote is writing to the index at length. Try again in a minute.") from fault
            torn = code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
            # SQLite gives back what a column or a message holds; that text is no text is found by Python.
            if torn or isinstance(fault, zlib.error | UnicodeDecodeError) or "Could not decode to UTF-8" in str(fault):
                self._damage = fault
                raise ManifestDamaged(self.path, fault) from fault
            if code in _REFUSED:
                raise IndexUnwritable(
                    f"The index in {self.path} cannot be written ({fault}). See that the disk is not full and that you "
                    "may write there, and try again."
                ) from fault
            raise

    @contextmanager
    def _lent(self) -> Iterator[sqlite3.Connection]:
        with self._guard:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = sqlite3.connect(self.path, timeout=60, isolation_level=None, check_same_thread=False)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
        self._held.connection = connection
        try:
            yield connection
        finally:
            self._held.connection = None
            with self._guard:
                self._idle.append(connection)

    def _rows(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._connected() as connection:
            return connection.execute(statement, values).fetchall()

    def _rows_in(
        self, statement: str, values: Sequence[str] | Sequence[bytes] | Sequence[int], before: Sequence[str] = ()
    ) -> Iterator[tuple[Any, ...]]:
        """The rows of a statement with `IN ({})` for any number of values, and after variables for those `before`."""
        for at in range(0, len(values), _VARIABLES):
            some = values[at : at + _VARIABLES]
            yield from self._rows(statement.format(",".join("?" * len(some))), (*before, *some))

    # Values

    def get(self, key: str) -> str | None:
        rows = self._rows("SELECT value FROM meta WHERE key = ?", (key,))
        return str(rows[0][0]) if rows else None

    def put(self, key: str, value: str) -> None:
        with self.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    @property
    def generation(self) -> int:
        """Grows with every change of what can be found."""
        return int(self.get("generation") or 0)

    @property
    def complete(self) -> bool:
        """Whether a sync has once come to its end with everything embedded."""
        return self.get("complete") == "1"

    @complete.setter
    def complete(self, value: bool) -> None:
        if value != self.complete:
            self.put("complete", "1" if value else "0")

    @property
    def damaged(self) -> bool:
        """Whether damage has been come upon since it was opened."""
        return self._damage is not None

    def check(self) -> None:
        """Go through the file's structure. Raises ManifestDamaged, also for what was come upon before."""
        if self._damage is not None:
            raise ManifestDamaged(self.path, self._damage)
        (verdict,) = self._rows("PRAGMA quick_check(1)")[0]
        if verdict != "ok":
            raise ManifestDamaged(self.path, verdict)

    def check_whole(self, remade: Callable[[Document], IndexedDocument]) -> None:
        """Compare all that is kept with what it was made of, but for what the folder says of files; `remade` indexes a
        kept text again. Raises ManifestDamaged."""
        try:
            fault = self._fault(remade)
        except (ManifestDamaged, IndexUnwritable):
            raise
        # Whatever a damaged value may raise where it is read.
        except (sqlite3.DatabaseError, zlib.error, ValueError, TypeError, KeyError) as error:
            fault = f"{type(error).__name__}: {error}"
        if fault:
            raise ManifestDamaged(self.path, fault)

    def _fault(self, remade: Callable[[Document], IndexedDocument]) -> str:
        (verdict,) = self._rows("PRAGMA integrity_check(1)")[0]
        if verdict != "ok" or self._version() != SCHEMA_VERSION:
            return str(verdict)
        for number in ("generation", "requested", "served"):
            int(self.get(number) or 0)
        with self._connected() as connection:
            for row in connection.execute(f"SELECT {_KEPT} FROM vectors"):
                if not _is_whole(*row):
                    return "an embedding was altered"
            for key, *about, text in connection.execute("SELECT key, metadata, notices, places, text FROM texts"):
                if _text_key(about, [text]) != key:
                    return "a text was altered"
        documents = self._rows("SELECT source, text, passages, title_terms, first_day, last_day FROM documents")
        for source, _, *about in documents:
            document = self.document(source)
            if document is None:
                return f"the text of {source} is missing"
            new = remade(document)
            if about != [*_document_row(new)]:
                return f"what is noted of {source} was altered"
            statement = f"SELECT {', '.join(_WRITTEN)} FROM passages WHERE source = ? ORDER BY ordinal"
            with self._connected() as connection:
                kept = connection.execute(statement, (source,))
                made = (tuple(row.values()) for row in _passage_rows(new))
                if any(one != other for one, other in zip_longest(kept, made)):
                    return f"the passages of {source} were altered"
        ((passages,),) = self._rows("SELECT count(*) FROM passages")
        ((texts,),) = self._rows("SELECT count(*) FROM texts")
        ((other,),) = self._rows(
            "SELECT count(*) FROM passages p LEFT JOIN vectors v ON v.key = p.vector"
            " WHERE v.term_count IS NOT p.term_count"
        )
        if other:
            return "the terms of a passage were altered"
        if passages != sum(row[2] for row in documents) or texts != len({row[1] for row in documents}):
            return "something is kept of documents that are not there"
        return ""

    def make_terms_anew(self) -> None:
        """Fill the search index again from the passages."""
        with self.writing() as connection:
            connection.execute("INSERT INTO passage_terms (passage_terms) VALUES ('delete-all')")
            connection.execute(f"INSERT INTO passage_terms (rowid, terms) SELECT p.number, {_SEARCHED}")

    def forget_files(self) -> None:
        """Note nothing of any file, so that the next sync looks into each."""
        with self.writing() as connection:
            connection.execute("DELETE FROM files")

    def take_vectors(self, path: Path) -> None:
        """Keep the embeddings of another manifest, however damaged: those that can be read and are whole."""
        other = sqlite3.connect(path)
        other.text_factory = lambda data: data.decode(errors="replace")  # text that is none costs its own row alone
        try:
            rows = other.execute(f"SELECT {_KEPT} FROM vectors")
            while some := rows.fetchmany(_VARIABLES):
                with self.writing() as connection:
                    connection.executemany(_KEEP, (row for row in some if _is_whole(*row)))
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            return  # what comes after is embedded again
        finally:
            other.close()

    def _tables(self) -> set[tuple[str, str]]:
        return set(self._rows(_TABLES))

    def _version(self) -> int:
        return int(self._rows("PRAGMA user_version")[0][0])

    # Requests of other processes

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
        rows = self._rows("SELECT source, stat, size, content_hash, state, reason FROM files")
        return {row[0]: FileRow(row[0], row[1], row[2], row[3], State(row[4]), row[5]) for row in rows}

    def indexed(self) -> dict[str, str]:
        """The content hash of every document that answers now."""
        return dict(self._rows("SELECT source, content_hash FROM documents"))

    def content_hash(self, source: str) -> str | None:
        """The content hash of the document that answers now; None where there is none."""
        rows = self._rows("SELECT content_hash FROM documents WHERE source = ?", (source,))
        return str(rows[0][0]) if rows else None

    def files(self) -> tuple[FileStatus, ...]:
        """Every file of the folder, in order of its path."""
        rows = self._rows(
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
                metadata=Metadata(**json.loads(metadata or "{}")),
            )
            for source, state, size, reason, passages, content_hash, indexed_at, metadata, notices in rows
        )

    def document(self, source: str) -> Document | None:
        """The version of the document that answers now; None where there is none."""
        rows = self._rows(
            "SELECT d.content_hash, t.text, t.places, t.metadata, t.notices"
            " FROM documents d JOIN texts t ON t.key = d.text WHERE d.source = ?",
            (source,),
        )
        if not rows:
            return None
        content_hash, text, places, metadata, notices = rows[0]
        with self._damage_is_told():
            text = unpacked(text)
        return Document(
            source=source,
            content_hash=content_hash,
            text=text,
            places=places_from(json.loads(places)),
            metadata=Metadata(**json.loads(metadata)),
            notices=tuple(json.loads(notices)),
        )

    # Embeddings

    def missing_vectors(self, keys: Iterable[bytes]) -> set[bytes]:
        """Those of `keys` for which no embedding is kept."""
        wanted = list(dict.fromkeys(keys))
        kept = {row[0] for row in self._rows_in("SELECT key FROM vectors WHERE key IN ({})", wanted)}
        return set(wanted) - kept

    def put_vectors(
        self, keys: Sequence[bytes], texts: Sequence[str], vectors: Vectors, sentences: Sequence[Vectors]
    ) -> None:
        """Keep embeddings: of passages with these texts, shape (len(keys), dimensions), and for each of its sentences
        in order. With them the texts' search terms are kept."""
        rows = []
        for key, text, vector, of_sentences in zip(keys, texts, vectors, sentences, strict=True):
            found = terms(text)
            about = (key, len(found), " ".join(found))
            row = (*about, vector.astype("<f4").tobytes(), of_sentences.astype("<f2").tobytes())
            rows.append((*row, _sum(*row)))
        with self.writing() as connection:
            self._note_loose(connection, keys)
            connection.executemany(_KEEP, rows)

    def kept_vectors(self, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        """The passage embeddings kept under `keys`, by key."""
        rows = self._rows_in("SELECT key, vector FROM vectors WHERE key IN ({})", list(dict.fromkeys(keys)))
        return {key: np.frombuffer(vector, "<f4") for key, vector in rows}

    def drop_unused_vectors(self) -> None:
        """Drop the embeddings that no passage uses: at once where none can have become so since the last time. Where
        that was in this process only those are looked at that can, otherwise all."""
        if self._nothing_loose():
            return
        with self.writing() as connection:
            if self._loose is None:
                connection.execute("DELETE FROM vectors WHERE key NOT IN (SELECT vector FROM passages)")
            else:
                connection.executemany(
                    "DELETE FROM vectors WHERE key = ?1 AND NOT EXISTS (SELECT 1 FROM passages WHERE vector = ?1)",
                    ((key,) for key in self._loose),
                )
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('swept', ?)", (str(self.generation),))
        self._loose = set()

    def _nothing_loose(self) -> bool:
        return self.get("swept") == str(self.generation)

    def _note_loose(self, connection: sqlite3.Connection, keys: Iterable[bytes]) -> None:
        """Embeddings that no passage may use any more, or yet, once the transaction ends. Among a million, looking at
        all of them takes seconds; a process that ended before it dropped them has left word that they must be."""
        if self._nothing_loose():
            connection.execute("UPDATE meta SET value = '' WHERE key = 'swept'")
            self._loose = set()
        if self._loose is not None:
            self._loose.update(keys)
            if len(self._loose) > _LOOSE:
                self._loose = None

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
                self._note_loose(connection, used)
                connection.execute(
                    "INSERT INTO meta VALUES ('generation', '1')"
                    " ON CONFLICT DO UPDATE SET value = CAST(value AS INTEGER) + 1"
                )

    def candidates(self, ids: Sequence[str]) -> list[Candidate]:
        """The passages in `ids` that answer now, with what ranking needs of them; the others are left out."""
        rows = self._rows_in(
            f"SELECT {_prefixed('p')}, v.terms, d.title_terms, v.vector, v.sentences,"
            " (SELECT terms FROM vectors JOIN passages b ON key = b.vector"
            " WHERE b.source = p.source AND b.ordinal = p.ordinal - 1),"
            " (SELECT terms FROM vectors JOIN passages a ON key = a.vector"
            " WHERE a.source = p.source AND a.ordinal = p.ordinal + 1)"
            " FROM passages p JOIN documents d ON d.source = p.source JOIN vectors v ON v.key = p.vector"
            " WHERE p.id IN ({})",
            ids,
        )
        found = []
        for *columns, own, title, vector, sentences, before, after in rows:
            passage = np.frombuffer(vector, "<f4")
            found.append(
                Candidate(
                    row=columns,
                    terms=_apart(title, own),
                    window=_apart(title, before, own, after),
                    vector=passage,
                    sentence_vectors=np.frombuffer(sentences, "<f2").reshape(-1, len(passage)).astype(np.float32),
                )
            )
        return found

    def title_terms(self) -> dict[str, list[str]]:
        """The terms of every document's title, by source."""
        return {source: held.split() for source, held in self._rows("SELECT source, title_terms FROM documents")}

    def for_columns(self, after: int) -> Iterator[tuple[int, str, str, int, str, bytes, bytes]]:
        """Of every passage with a higher number, by number: number, id, source, ordinal, its terms without its title's,
        its embedding (float32) and those of its sentences (float16)."""
        with self._connected() as connection:
            yield from connection.execute(
                "SELECT p.number, p.id, p.source, p.ordinal, v.terms, v.vector, v.sentences"
                " FROM passages p JOIN vectors v ON v.key = p.vector WHERE p.number > ? ORDER BY p.number",
                (after,),
            )

    def sources_in(self, scope: Scope) -> list[str]:
        """The documents of the scope."""
        within, values = _condition(scope)
        return [row[0] for row in self._rows(f"SELECT source FROM documents d WHERE {within}", values)]

    def term_statistics(self) -> TermStatistics:
        """What ranking needs to know of the collection as a whole."""
        row = self._rows(
            "SELECT count(*), sum(term_count + titled), sum(window + titled) FROM ("
            " SELECT term_count, term_count * (1 + (p.ordinal > 0) + (p.ordinal < d.passages - 1)) AS window,"
            " length(d.title_terms) - length(replace(d.title_terms, ' ', '')) + (d.title_terms <> '') AS titled"
            " FROM passages p JOIN documents d USING (source))"
        )[0]
        count = int(row[0])
        return TermStatistics(count, (row[1] or 0) / max(count, 1), (row[2] or 0) / max(count, 1))

    def holding(self, term: str) -> int:
        """How many passages hold a term, in their text or their document's title."""
        rows = self._rows("SELECT doc FROM vocabulary WHERE term = ?", (term,))
        return int(rows[0][0]) if rows else 0

    def passages_of(self, source: str, first: int = 0, last: int | None = None) -> tuple[Passage, ...]:
        """The passages of a document in order, those with ordinals first to last, both included."""
        rows = self._rows(
            f"SELECT {_COLUMNS} FROM passages WHERE source = ? AND ordinal >= ? AND ordinal <= ? ORDER BY ordinal",
            (source, first, 2**62 if last is None else last),
        )
        return tuple(map(_passage, rows))

    def passages_numbered(self, numbers: Sequence[int]) -> tuple[Passage, ...]:
        """The passages of these numbers, in the order given. Raises ManifestDamaged where one is missing."""
        rows = self._rows_in(f"SELECT number, {_COLUMNS} FROM passages WHERE number IN ({{}})", numbers)
        found = {row[0]: row[1:] for row in rows}
        if missing := set(numbers) - found.keys():
            self._damage = f"passage {min(missing)} is missing"
            raise ManifestDamaged(self.path, self._damage)
        return tuple(_passage(found[number]) for number in numbers)

    def passage_ids(self) -> set[str]:
        return {row[0] for row in self._rows("SELECT id FROM passages")}

    def all_passages(self, batch: int) -> Iterator[tuple[list[Passage], Vectors]]:
        """Every passage with its embedding, in batches: what Chroma is rebuilt from."""
        last = -1
        statement = (
            f"SELECT p.number, v.vector, {_prefixed('p')} FROM passages p JOIN vectors v ON v.key = p.vector"
            " WHERE p.number > ? ORDER BY p.number LIMIT ?"
        )
        while rows := self._rows(statement, (last, batch)):
            last = rows[-1][0]
            yield [_passage(row[2:]) for row in rows], np.stack([np.frombuffer(row[1], "<f4") for row in rows])

    def sample(self, count: int) -> list[tuple[str, Vectors]]:
        """(id, vector) of up to so many passages from all over, no two of all passages having the same vector."""
        (last,) = self._rows("SELECT coalesce(max(number), 0) FROM passages")[0]
        found: dict[str, Vectors] = {}
        for at in range(0, last, max(1, last // count)):
            rows = self._rows(
                "SELECT p.id, v.vector FROM passages p JOIN vectors v ON v.key = p.vector WHERE p.number > ?"
                " AND NOT EXISTS (SELECT 1 FROM passages o WHERE o.vector = p.vector AND o.number <> p.number) LIMIT 1",
                (at,),
            )
            found.update({id_: np.frombuffer(vector, "<f4") for id_, vector in rows})
        return list(found.items())[:count]

    def search_terms(self, question: Sequence[str], limit: int, scope: Scope) -> list[str]:
        """The ids of the passages of the scope that hold any of the terms, best first by BM25; ties go by id."""
        if not question:
            return []
        match = " OR ".join('"' + term.replace('"', '""') + '"' for term in question)
        if scope.is_everything:
            # The best are cut out before anything else of them is read; twice as many, so that ties fall inside.
            rows = self._rows(
                "SELECT p.id FROM (SELECT rowid, rank FROM passage_terms WHERE passage_terms MATCH ? ORDER BY rank LIMIT ?)"
                " AS best JOIN passages p ON p.number = best.rowid ORDER BY best.rank, p.id LIMIT ?",
                (match, 2 * limit, limit),
            )
            return [row[0] for row in rows]
        within, values = _condition(scope)
        rows = self._rows(
            "SELECT p.id FROM passage_terms JOIN passages p ON p.number = passage_terms.rowid"
            f" JOIN documents d ON d.source = p.source WHERE passage_terms MATCH ? AND {within}"
            " ORDER BY bm25(passage_terms), p.id LIMIT ?",  # SQLite's scores fall below 0
            (match, *values, limit),
        )
        return [row[0] for row in rows]

    def passages_in(self, scope: Scope) -> int:
        """How many passages the documents of the scope have."""
        within, values = _condition(scope)
        (count,) = self._rows(f"SELECT coalesce(sum(passages), 0) FROM documents d WHERE {within}", values)[0]
        return int(count)

    def undated(self) -> int:
        """How many documents give no date of their own."""
        return int(self._rows("SELECT count(*) FROM documents WHERE first_day = ''")[0][0])

    def those_in(self, scope: Scope, ids: Sequence[str]) -> list[str]:
        """Those of `ids` that are passages of the scope, in the order given."""
        within, values = _condition(scope)
        statement = (
            f"SELECT p.id FROM passages p JOIN documents d ON d.source = p.source WHERE {within} AND p.id IN ({{}})"
        )
        held = {row[0] for row in self._rows_in(statement, ids, values)}
        return [id_ for id_ in ids if id_ in held]

    def vectors_in(self, scope: Scope) -> tuple[list[str], Vectors]:
        """The ids of the passages of the scope, and their embeddings, shape (passages, dimensions)."""
        within, values = _condition(scope)
        ids: list[str] = []
        vectors = bytearray()  # not a list of them: of a large folder they would lie in memory twice
        with self._connected() as connection:
            for id_, vector in connection.execute(
                "SELECT p.id, v.vector FROM documents d JOIN passages p ON p.source = d.source"
                f" JOIN vectors v ON v.key = p.vector WHERE {within} ORDER BY p.number",
                values,
            ):
                ids.append(id_)
                vectors += vector
        return ids, np.frombuffer(vectors, "<f4").reshape(len(ids), -1) if ids else np.zeros((0, 0), np.float32)

    # Strays

    def strays(self) -> list[str]:
        return [row[0] for row in self._rows("SELECT id FROM strays")]

    def add_strays(self, ids: Iterable[str]) -> None:
        with self.writing() as connection:
            connection.executemany("INSERT OR IGNORE INTO strays VALUES (?)", ((id_,) for id_ in ids))

    def clear_strays(self, ids: Iterable[str]) -> None:
        with self.writing() as connection:
            connection.executemany("DELETE FROM strays WHERE id = ?", ((id_,) for id_ in ids))


def _condition(scope: Scope) -> tuple[str, list[str]]:
    """The scope as a condition on documents `d`, and its variables."""
    parts, values = ["1"], []
    if scope.paths:
        # What lies below a folder sorts from "folder/" up to "folder0", since 0 follows / in every encoding used here.
        one = "d.source = ? OR (d.source > ? AND d.source < ?)"
        parts.append("(" + " OR ".join([one] * len(scope.paths)) + ")")
        values += [value for path in scope.paths for value in (path, f"{path}/", f"{path}0")]
    if scope.since:
        parts.append("d.last_day >= ?")  # nothing, where there is no date, is less than any
        values.append(first_day(scope.since))
    if scope.until:
        parts.append("d.first_day <> '' AND d.first_day <= ?")
        values.append(last_day(scope.until))
    return " AND ".join(parts), values


def _apart(*texts: str | None) -> str:
    """Terms with single spaces between them, each with a space on either side."""
    joined = " ".join(text for text in texts if text)
    return f" {joined.replace(' ', '  ')} " if joined else ""


def vector_key(fingerprint: str, passage: Passage) -> bytes:
    """The key under which the embeddings of a passage and its sentences by the model `fingerprint` are kept. It is the
    same wherever the same words stand, so that a renamed or copied file needs no new ones."""
    spans = [(start - passage.start, end - passage.start) for start, end in passage.sentences]
    embedded = f"{fingerprint}\0{passage.title}\0{spans}\0{passage.text}"
    return hashlib.sha256(embedded.encode("utf-8", "surrogatepass")).digest()


_NAMES = (
    *("id", "source", "content_hash", "ordinal", "start", '"end"', "line"),
    *("places", "sentences", "title", "metadata", "text"),
)
_COLUMNS = ", ".join(_NAMES)
_WRITTEN = (*_NAMES, "vector")
_KEPT = "key, term_count, terms, vector, sentences, sum"
_KEEP = f"INSERT OR IGNORE INTO vectors ({_KEPT}) VALUES (?, ?, ?, ?, ?, ?)"


def _prefixed(table: str) -> str:
    return ", ".join(f"{table}.{name}" for name in _NAMES)


def _passage(row: Sequence[Any]) -> Passage:
    id_, source, content_hash, ordinal, start, end, line, places, sentences, title, metadata, text = row
    return Passage(
        id=id_,
        source=source,
        content_hash=content_hash,
        ordinal=ordinal,
        start=start,
        end=end,
        line=line,
        places=places_from(json.loads(places)),
        sentences=spans_from(json.loads(sentences)),
        title=title,
        text=text,
        metadata=Metadata(**json.loads(metadata)),
    )


def places_from(rows: Iterable[Sequence[Any]]) -> tuple[Place, ...]:
    """Places from the lists that `place_rows` makes of them for JSON."""
    return tuple(Place(*row) for row in rows)


def spans_from(rows: Iterable[Sequence[int]]) -> tuple[tuple[int, int], ...]:
    return tuple((start, end) for start, end in rows)


_ABOUT = tuple(field.name for field in fields(Metadata))


def metadata_fields(metadata: Metadata) -> dict[str, str]:
    """What is given, for JSON."""
    return {name: value for name in _ABOUT if (value := getattr(metadata, name))}


def place_rows(places: Iterable[Place]) -> list[list[Any]]:
    return [list(astuple(place)) for place in places]


def _text_key(about: Sequence[str], text: Iterable[bytes]) -> str:
    digest = hashlib.sha256("".join(f"{part}\0" for part in about).encode())
    for part in text:
        digest.update(part)
    return digest.hexdigest()


def _document_row(new: IndexedDocument) -> tuple[int, str, str, str]:
    """The columns of a document from `passages` on."""
    title_terms = " ".join(terms(new.title or name_words(new.document.source)))
    day = new.document.metadata.day
    return len(new.passages), title_terms, first_day(day), last_day(day)


def _passage_rows(new: IndexedDocument) -> Iterator[dict[str, Any]]:
    """The columns of each passage that are made of it, as `_WRITTEN` names them."""
    metadata = json.dumps(metadata_fields(new.document.metadata))
    for passage, key in zip(new.passages, new.vector_keys, strict=True):
        values = (
            *(passage.id, passage.source, passage.content_hash, passage.ordinal, passage.start, passage.end),
            *(passage.line, json.dumps(place_rows(passage.places)), json.dumps(passage.sentences), passage.title),
            *(metadata, passage.text, key),
        )
        yield dict(zip(_WRITTEN, values, strict=True))


def _add_document(connection: sqlite3.Connection, new: IndexedDocument, on_rows: Callable[[], None]) -> None:
    document = new.document
    text_key = _add_text(connection, document, new.text)
    connection.execute(
        "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (document.source, document.content_hash, text_key, new.indexed_at, *_document_row(new)),
    )
    rows = _passage_rows(new)
    for first in range(0, len(new.passages), _ROWS):
        connection.executemany(
            f"INSERT INTO passages ({', '.join(_WRITTEN)}, term_count)"
            f" SELECT {', '.join(f'?{at}' for at in range(1, len(_WRITTEN) + 1))}, term_count FROM vectors"
            f" WHERE key = ?{len(_WRITTEN)}",
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
    key = _text_key(about, text.kept())
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


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _sum(key: bytes, term_count: int, found: str, vector: bytes, sentences: bytes) -> int:
    told = f"{term_count} {found}".encode()
    return zlib.crc32(sentences, zlib.crc32(vector, zlib.crc32(told, zlib.crc32(key))))


def _is_whole(*row: Any) -> bool:
    """Whether a row of embeddings is as it was kept; damage may have changed even the types in it."""
    kinds = (bytes, int, str, bytes, bytes, int)
    return all(isinstance(part, kind) for part, kind in zip(row, kinds, strict=True)) and _sum(*row[:-1]) == row[-1]


# But for the tables that FTS5 makes for itself, whose form is SQLite's.
_TABLES = "SELECT name, coalesce(sql, '') FROM sqlite_master WHERE name NOT LIKE 'passage\\_terms\\_%' ESCAPE '\\'"


@cache
def _tables_made() -> set[tuple[str, str]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in _statements(_SCHEMA):
            connection.execute(statement)
        return set(connection.execute(_TABLES))
