"""The tables of the manifest, and a part of the folder as a condition on them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import cache

from index.scope import Scope, first_day, last_day

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

# But for the tables that FTS5 makes for itself, whose form is SQLite's.
TABLES = "SELECT name, coalesce(sql, '') FROM sqlite_master WHERE name NOT LIKE 'passage\\_terms\\_%' ESCAPE '\\'"
"""Asks a file for its tables."""


def make_tables(connection: sqlite3.Connection) -> None:
    """Make them in an empty file."""
    for statement in _statements(_SCHEMA):
        connection.execute(statement)


@cache
def tables_made() -> set[tuple[str, str]]:
    """What TABLES finds in a file in which they were made."""
    with closing(sqlite3.connect(":memory:")) as connection:
        make_tables(connection)
        return set(connection.execute(TABLES))


def condition(scope: Scope) -> tuple[str, list[str]]:
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


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
