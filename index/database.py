"""The file that the manifest is: connections, transactions, single values, and what is told where it is damaged."""

from __future__ import annotations

import sqlite3
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from index.errors import IndexBusy, IndexDamaged, IndexUnwritable
from index.schema import SCHEMA_VERSION, TABLES, make_tables, tables_made

_REFUSED = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
# SQLite's default bound on the variables of one statement, in builds older than 3.32.
_VARIABLES = 900


class ManifestDamaged(IndexDamaged):
    """SQLite cannot read the manifest. The next sync builds the index anew from the folder."""

    def __init__(self, path: Path, fault: object) -> None:
        super().__init__(f"The index in {path} is damaged ({fault}). Reindex, and it is made anew from the folder.")


class Database:
    """One manifest's file, with its tables. Safe to use from several threads; another process may read it while this
    one writes.

    Any use of a file that SQLite finds damaged raises ManifestDamaged, and one that another process writes to for more
    than a minute IndexBusy.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held = threading.local()
        self._idle: list[sqlite3.Connection] = []
        self._guard = threading.Lock()
        self._damage: object = None
        # A look first: where another process writes at length, opening need not wait for it.
        if self.version() == 0:
            with self.writing() as connection:
                if self.version() == 0 and not self._tables():
                    make_tables(connection)
                    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        if self.version() in (0, SCHEMA_VERSION) and self._tables() != tables_made():
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
        with self.connected() as connection:
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
        with self.connected() as connection:
            if connection.in_transaction:
                yield
                return
            connection.execute("BEGIN")
            try:
                yield
            finally:
                connection.rollback()

    @contextmanager
    def connected(self) -> Iterator[sqlite3.Connection]:
        """A connection for this thread: the one it holds already, else an idle one, else a new one. A window serves
        each question on a thread of its own, so connections are handed round and not kept by threads."""
        held: sqlite3.Connection | None = getattr(self._held, "connection", None)
        if held is not None:
            yield held
            return
        with self.damage_is_told(), self._lent() as connection:
            yield connection

    @contextmanager
    def damage_is_told(self) -> Iterator[None]:
        """What SQLite, or whoever unpacks a value, finds wrong within is raised as an error of Footnote's."""
        try:
            yield
        except (sqlite3.DatabaseError, zlib.error, UnicodeDecodeError) as fault:
            code = getattr(fault, "sqlite_errorcode", 0) & 0xFF
            if code == sqlite3.SQLITE_BUSY:
                raise IndexBusy("Another Footnote is writing to the index at length. Try again in a minute.") from fault
            torn = code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
            # SQLite gives back what a column or a message holds; that text is no text is found by Python.
            if torn or isinstance(fault, zlib.error | UnicodeDecodeError) or "Could not decode to UTF-8" in str(fault):
                raise self.hurt(fault) from fault
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

    # Rows

    def rows(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a statement."""
        with self.connected() as connection:
            return connection.execute(statement, values).fetchall()

    def rows_in(
        self, statement: str, values: Sequence[str] | Sequence[bytes] | Sequence[int], before: Sequence[str] = ()
    ) -> Iterator[tuple[Any, ...]]:
        """The rows of a statement with `IN ({})` for any number of values, and after variables for those `before`."""
        for at in range(0, len(values), _VARIABLES):
            some = values[at : at + _VARIABLES]
            yield from self.rows(statement.format(",".join("?" * len(some))), (*before, *some))

    # Values

    def get(self, key: str) -> str | None:
        """The value that was put under a name; None where none was."""
        rows = self.rows("SELECT value FROM meta WHERE key = ?", (key,))
        return str(rows[0][0]) if rows else None

    def put(self, key: str, value: str) -> None:
        """Keep a value under a name, in place of the one that was."""
        with self.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    @property
    def generation(self) -> int:
        """Grows with every change of what can be found."""
        return int(self.get("generation") or 0)

    # Damage

    @property
    def damaged(self) -> bool:
        """Whether damage has been come upon since it was opened."""
        return self._damage is not None

    def hurt(self, fault: object) -> ManifestDamaged:
        """Note that damage has been come upon; the error to raise for it."""
        self._damage = fault
        return ManifestDamaged(self.path, fault)

    def check(self) -> None:
        """Go through the file's structure. Raises ManifestDamaged, also for what was come upon before."""
        if self._damage is not None:
            raise ManifestDamaged(self.path, self._damage)
        (verdict,) = self.rows("PRAGMA quick_check(1)")[0]
        if verdict != "ok":
            raise ManifestDamaged(self.path, verdict)

    def version(self) -> int:
        """SCHEMA_VERSION of the program that made its tables."""
        return int(self.rows("PRAGMA user_version")[0][0])

    def _tables(self) -> set[tuple[str, str]]:
        return set(self.rows(TABLES))
