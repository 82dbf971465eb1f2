"""What ranking reads from the manifest: the passages that words find, and what each has to be scored by.

Where there are columns, they are made of this; where there are none of the index as it is now, this is what is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from index.database import Database
from index.embedding import Vectors
from index.rows import PASSAGE_NAMES, passage_from, prefixed
from index.schema import condition
from index.scope import Scope
from index.types import Passage


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
        return str(self.row[PASSAGE_NAMES.index("source")])

    @property
    def start(self) -> int:
        return int(self.row[PASSAGE_NAMES.index("start")])

    @property
    def passage(self) -> Passage:
        return passage_from(self.row)


@dataclass(frozen=True, slots=True)
class TermStatistics:
    """How many passages there are, and how many terms a passage and a window of it and its neighbours have on average."""

    passages: int
    mean_terms: float
    mean_window: float


class Tables:
    """The tables of one manifest, as ranking reads them. Safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def search_terms(self, question: Sequence[str], limit: int, scope: Scope) -> list[str]:
        """The ids of the passages of the scope that hold any of the terms, best first by BM25; ties go by id."""
        if not question:
            return []
        match = " OR ".join('"' + term.replace('"', '""') + '"' for term in question)
        if scope.is_everything:
            # The best are cut out before anything else of them is read; twice as many, so that ties fall inside.
            rows = self._database.rows(
                "SELECT p.id FROM (SELECT rowid, rank FROM passage_terms WHERE passage_terms MATCH ? ORDER BY rank LIMIT ?)"
                " AS best JOIN passages p ON p.number = best.rowid ORDER BY best.rank, p.id LIMIT ?",
                (match, 2 * limit, limit),
            )
            return [row[0] for row in rows]
        within, values = condition(scope)
        rows = self._database.rows(
            "SELECT p.id FROM passage_terms JOIN passages p ON p.number = passage_terms.rowid"
            f" JOIN documents d ON d.source = p.source WHERE passage_terms MATCH ? AND {within}"
            " ORDER BY bm25(passage_terms), p.id LIMIT ?",  # SQLite's scores fall below 0
            (match, *values, limit),
        )
        return [row[0] for row in rows]

    def candidates(self, ids: Sequence[str]) -> list[Candidate]:
        """The passages in `ids` that answer now, with what ranking needs of them; the others are left out."""
        rows = self._database.rows_in(
            f"SELECT {prefixed('p')}, v.terms, d.title_terms, v.vector, v.sentences,"
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

    def holding(self, term: str) -> int:
        """How many passages hold a term, in their text or their document's title."""
        rows = self._database.rows("SELECT doc FROM vocabulary WHERE term = ?", (term,))
        return int(rows[0][0]) if rows else 0

    def term_statistics(self) -> TermStatistics:
        """What ranking needs to know of the collection as a whole."""
        row = self._database.rows(
            "SELECT count(*), sum(term_count + titled), sum(window + titled) FROM ("
            " SELECT term_count, term_count * (1 + (p.ordinal > 0) + (p.ordinal < d.passages - 1)) AS window,"
            " length(d.title_terms) - length(replace(d.title_terms, ' ', '')) + (d.title_terms <> '') AS titled"
            " FROM passages p JOIN documents d USING (source))"
        )[0]
        count = int(row[0])
        return TermStatistics(count, (row[1] or 0) / max(count, 1), (row[2] or 0) / max(count, 1))

    def those_in(self, scope: Scope, ids: Sequence[str]) -> list[str]:
        """Those of `ids` that are passages of the scope, in the order given."""
        within, values = condition(scope)
        statement = (
            f"SELECT p.id FROM passages p JOIN documents d ON d.source = p.source WHERE {within} AND p.id IN ({{}})"
        )
        held = {row[0] for row in self._database.rows_in(statement, ids, values)}
        return [id_ for id_ in ids if id_ in held]

    def vectors_in(self, scope: Scope) -> tuple[list[str], Vectors]:
        """The ids of the passages of the scope, and their embeddings, shape (passages, dimensions)."""
        within, values = condition(scope)
        ids: list[str] = []
        vectors = bytearray()  # not a list of them: of a large folder they would lie in memory twice
        with self._database.connected() as connection:
            for id_, vector in connection.execute(
                "SELECT p.id, v.vector FROM documents d JOIN passages p ON p.source = d.source"
                f" JOIN vectors v ON v.key = p.vector WHERE {within} ORDER BY p.number",
                values,
            ):
                ids.append(id_)
                vectors += vector
        return ids, np.frombuffer(vectors, "<f4").reshape(len(ids), -1) if ids else np.zeros((0, 0), np.float32)

    def title_terms(self) -> dict[str, list[str]]:
        """The terms of every document's title, by source."""
        return {
            source: held.split() for source, held in self._database.rows("SELECT source, title_terms FROM documents")
        }

    def for_columns(self, after: int) -> Iterator[tuple[int, str, str, int, str, bytes, bytes]]:
        """Of every passage with a higher number, by number: number, id, source, ordinal, its terms without its title's,
        its embedding (float32) and those of its sentences (float16)."""
        with self._database.connected() as connection:
            yield from connection.execute(
                "SELECT p.number, p.id, p.source, p.ordinal, v.terms, v.vector, v.sentences"
                " FROM passages p JOIN vectors v ON v.key = p.vector WHERE p.number > ? ORDER BY p.number",
                (after,),
            )


def _apart(*texts: str | None) -> str:
    """Terms with single spaces between them, each with a space on either side."""
    joined = " ".join(text for text in texts if text)
    return f" {joined.replace(' ', '  ')} " if joined else ""
