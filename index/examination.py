"""All that the manifest keeps, compared with what it was made of."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable
from itertools import zip_longest

from index.database import ManifestDamaged
from index.errors import IndexUnwritable
from index.manifest import Manifest
from index.rows import WRITTEN, IndexedDocument, document_row, passage_rows, text_key
from index.schema import SCHEMA_VERSION
from index.types import Document


def examine(manifest: Manifest, remade: Callable[[Document], IndexedDocument]) -> None:
    """Compare all that is kept with what it was made of, but for what the folder says of files; `remade` indexes a
    kept text again. Raises ManifestDamaged."""
    try:
        fault = _fault(manifest, remade)
    except (ManifestDamaged, IndexUnwritable):
        raise
    # Whatever a damaged value may raise where it is read.
    except (sqlite3.DatabaseError, zlib.error, ValueError, TypeError, KeyError) as error:
        fault = f"{type(error).__name__}: {error}"
    if fault:
        raise ManifestDamaged(manifest.path, fault)


def _fault(manifest: Manifest, remade: Callable[[Document], IndexedDocument]) -> str:
    (verdict,) = manifest.rows("PRAGMA integrity_check(1)")[0]
    if verdict != "ok" or manifest.version() != SCHEMA_VERSION:
        return str(verdict)
    for number in ("generation", "requested", "served"):
        int(manifest.get(number) or 0)
    if not manifest.vectors.are_whole():
        return "an embedding was altered"
    with manifest.connected() as connection:
        for key, *about, text in connection.execute("SELECT key, metadata, notices, places, text FROM texts"):
            if text_key(about, [text]) != key:
                return "a text was altered"
    documents = manifest.rows("SELECT source, text, passages, title_terms, first_day, last_day FROM documents")
    for source, _, *about in documents:
        document = manifest.document(source)
        if document is None:
            return f"the text of {source} is missing"
        new = remade(document)
        if about != [*document_row(new)]:
            return f"what is noted of {source} was altered"
        statement = f"SELECT {', '.join(WRITTEN)} FROM passages WHERE source = ? ORDER BY ordinal"
        with manifest.connected() as connection:
            kept = connection.execute(statement, (source,))
            made = (tuple(row.values()) for row in passage_rows(new))
            if any(one != other for one, other in zip_longest(kept, made)):
                return f"the passages of {source} were altered"
    ((passages,),) = manifest.rows("SELECT count(*) FROM passages")
    ((texts,),) = manifest.rows("SELECT count(*) FROM texts")
    ((other,),) = manifest.rows(
        "SELECT count(*) FROM passages p LEFT JOIN vectors v ON v.key = p.vector WHERE v.term_count IS NOT p.term_count"
    )
    if other:
        return "the terms of a passage were altered"
    if passages != sum(row[2] for row in documents) or texts != len({row[1] for row in documents}):
        return "something is kept of documents that are not there"
    return ""
