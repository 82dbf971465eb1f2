"""What the manifest's rows are made of, and made into."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from functools import lru_cache
from typing import Any

from index.packing import PackedText
from index.scope import first_day, last_day
from index.terms import terms
from index.titles import name_words
from index.types import Document, Metadata, Passage, Place

PASSAGE_NAMES = (
    *("id", "source", "content_hash", "ordinal", "start", '"end"', "line"),
    *("places", "sentences", "title", "metadata", "text"),
)
"""The columns that a passage is made of."""
WRITTEN = (*PASSAGE_NAMES, "vector")
_ABOUT = tuple(field.name for field in fields(Metadata))
_REMEMBERED = 256


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


def prefixed(table: str) -> str:
    """The columns that a passage is made of, of a table with this name."""
    return ", ".join(f"{table}.{name}" for name in PASSAGE_NAMES)


def passage_from(row: Sequence[Any]) -> Passage:
    """The passage that has these columns."""
    id_, source, content_hash, ordinal, start, end, line, places, sentences, title, metadata, text = row
    return Passage(
        id=id_,
        source=source,
        content_hash=content_hash,
        ordinal=ordinal,
        start=start,
        end=end,
        line=line,
        places=_places(places),
        sentences=spans_from(json.loads(sentences)),
        title=title,
        text=text,
        metadata=metadata_from(metadata),
    )


# Passages of one document have the same, and those of most have the same as others'.
@lru_cache(_REMEMBERED)
def metadata_from(row: str) -> Metadata:
    """Metadata from the JSON of what `metadata_fields` makes of them."""
    return Metadata(**json.loads(row))


@lru_cache(_REMEMBERED)
def _places(row: str) -> tuple[Place, ...]:
    return places_from(json.loads(row))


def passage_rows(new: IndexedDocument) -> Iterator[dict[str, Any]]:
    """The columns of each passage that are made of it, as `WRITTEN` names them."""
    metadata = json.dumps(metadata_fields(new.document.metadata))
    for passage, key in zip(new.passages, new.vector_keys, strict=True):
        values = (
            *(passage.id, passage.source, passage.content_hash, passage.ordinal, passage.start, passage.end),
            *(passage.line, json.dumps(place_rows(passage.places)), json.dumps(passage.sentences), passage.title),
            *(metadata, passage.text, key),
        )
        yield dict(zip(WRITTEN, values, strict=True))


def document_row(new: IndexedDocument) -> tuple[int, str, str, str]:
    """The columns of a document from `passages` on."""
    title_terms = " ".join(terms(new.title or name_words(new.document.source)))
    day = new.document.metadata.day
    return len(new.passages), title_terms, first_day(day), last_day(day)


def text_key(about: Sequence[str], text: Iterable[bytes]) -> str:
    """The hash of a document's text together with what is told of it."""
    digest = hashlib.sha256("".join(f"{part}\0" for part in about).encode())
    for part in text:
        digest.update(part)
    return digest.hexdigest()


def places_from(rows: Iterable[Sequence[Any]]) -> tuple[Place, ...]:
    """Places from the lists that `place_rows` makes of them for JSON."""
    return tuple(Place(*row) for row in rows)


def spans_from(rows: Iterable[Sequence[int]]) -> tuple[tuple[int, int], ...]:
    return tuple((start, end) for start, end in rows)


def metadata_fields(metadata: Metadata) -> dict[str, str]:
    """What is given, for JSON."""
    return {name: value for name in _ABOUT if (value := getattr(metadata, name))}


def place_rows(places: Iterable[Place]) -> list[list[Any]]:
    return [list(astuple(place)) for place in places]
