"""What an index holds, in a form in which two of them can be compared."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

import numpy as np

from index.folder import FolderIndex

_LONGEST_TERM = 32768  # bytes: FTS5 cuts longer ones, such as a line of 40,000 digits
Rows = dict[str, tuple[object, ...]]


@dataclass(frozen=True)
class Contents:
    """Equal for two indexes of equal folders, however they came about."""

    documents: dict[str, tuple[object, ...]]
    passages: Rows
    terms: dict[str, tuple[str, ...]]
    vectors: dict[bytes, bytes]
    files: dict[str, tuple[object, ...]]
    chroma: Rows
    strays: tuple[str, ...]


def contents(index: FolderIndex) -> Contents:
    """All that manifest and Chroma hold, but for times and the numbers that SQLite deals out."""
    store = index._keeper.opened()
    with sqlite3.connect(index.manifest.path) as connection:
        connection.text_factory = lambda data: data.decode(errors="ignore")  # a term may be cut within a character
        connection.execute("CREATE VIRTUAL TABLE temp.held USING fts5vocab (main, passage_terms, instance)")

        def rows(statement: str) -> list[tuple[object, ...]]:
            return connection.execute(statement).fetchall()

        numbers = dict(rows("SELECT number, id FROM passages"))
        terms: dict[str, list[tuple[int, str]]] = {}
        for number, place, term in rows("SELECT doc, offset, term FROM temp.held"):
            terms.setdefault(numbers.get(number, f"no passage {number}"), []).append((place, term))  # type: ignore
        found = Contents(
            documents={
                row[0]: row[1:]
                for row in rows("SELECT source, content_hash, text, passages, title_terms FROM documents")
            },  # type: ignore
            passages={
                row[0]: row[1:]
                for row in rows(
                    'SELECT id, source, content_hash, ordinal, start, "end", line, places, p.sentences, title, text, terms, p.vector FROM passages p JOIN vectors ON key = p.vector'
                )
            },  # type: ignore
            terms={id_: tuple(term for _, term in sorted(held)) for id_, held in terms.items()},
            vectors={row[0]: row[1] + row[2] for row in rows("SELECT key, vector, sentences FROM vectors")},  # type: ignore
            files={row[0]: row[1:] for row in rows("SELECT source, size, content_hash, state, reason FROM files")},  # type: ignore
            chroma={
                id_: (text, tuple(sorted(about.items())), np.asarray(vector, np.float32).tobytes())
                for id_, text, about, vector in store.rows()
            },
            strays=tuple(row[0] for row in rows("SELECT id FROM strays")),  # type: ignore
        )
        held_texts = {row[0] for row in rows("SELECT key FROM texts")}
        assert held_texts == {row[1] for row in found.documents.values()}
    connection.close()
    assert store.count() == len(found.chroma)
    return found


def assert_whole(index: FolderIndex) -> None:
    """Chroma and the manifest say the same, each passage is its file's slice, and nothing is there twice."""
    now = contents(index)
    assert set(now.chroma) == set(now.passages) == set(now.terms) | {i for i, p in now.passages.items() if not p[10]}
    assert now.strays == ()
    for source in now.documents:
        document = index.document(source)
        assert document is not None
        passages = index.manifest.passages_of(source)
        assert "".join(passage.text for passage in passages) == (document.text if document.text.strip() else "")
        assert all(passage.text == document.text[passage.start : passage.end] for passage in passages)
    for id_, passage in now.passages.items():
        terms = f"{now.documents[passage[0]][3]} {passage[10]}".split()
        assert now.terms.get(id_, ()) == tuple(term.encode()[:_LONGEST_TERM].decode(errors="ignore") for term in terms)
        text, about, vector = now.chroma[id_]
        assert text == passage[9]
        assert ("source", passage[0]) in about  # type: ignore
        kept = now.vectors[passage[11]][: len(vector)]  # type: ignore
        np.testing.assert_allclose(np.frombuffer(vector, "<f4"), np.frombuffer(kept, "<f4"), atol=1e-6)  # type: ignore
    assert set(now.vectors) == {passage[11] for passage in now.passages.values()}
