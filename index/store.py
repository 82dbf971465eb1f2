"""The passages' vectors in one Chroma collection: embedded in this process, or behind a server.

A server is what `chroma run` starts, a distributed deployment of Chroma, or Chroma Cloud: all are spoken to by the same
client. What that client reads from the environment by Chroma's own documentation holds here too: CHROMA_TENANT and
CHROMA_DATABASE for where the collection lies, and CHROMA_API_KEY for a server that asks for one.

Chroma is a cache of the manifest. Nothing here decides what is indexed; whatever is lost or damaged is made again.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

from index.embedding import Vectors
from index.errors import StoreUnreachable
from index.types import Passage

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

# Chroma refuses larger batches than its client's max_batch_size (5,461 embedded, 300 in Chroma Cloud), and `get` of many
# ids at once fails with "too many SQL variables"; pages of this size, or the server's where it is smaller, stay under both.
PAGE = 2000
# Ids alone may be listed so many at once.
_LISTED = 1_000_000


def load() -> None:
    """Import Chroma, which takes seconds, before its first use."""
    import chromadb  # noqa: F401


class StoreDamaged(Exception):
    """Chroma cannot open or search what it holds. Never shown: the collection is made again from the manifest."""


class PassageStore:
    """One collection with cosine space, keyed by passage id."""

    def __init__(self, collection: Collection, client: ClientAPI) -> None:
        self._collection = collection
        self._client = client
        self._page = min(PAGE, client.get_max_batch_size())

    @classmethod
    def embedded(cls, path: Path, name: str) -> PassageStore:
        """The collection in `path`, made if it is not there. One process at a time may open it. Raises StoreDamaged."""
        import chromadb

        path.mkdir(parents=True, exist_ok=True)
        with _damage_is_told():
            client = chromadb.PersistentClient(str(path), settings=_settings())
            return cls(_collection(client, name), client)

    @classmethod
    def server(cls, url: str, name: str) -> PassageStore:
        """The collection `name` of the Chroma server at `url`. Raises StoreUnreachable."""
        import chromadb
        import httpx

        try:
            client = _client(url)
            return cls(_collection(client, name), client)
        except (ValueError, OSError, httpx.HTTPError, chromadb.errors.ChromaError) as fault:
            raise StoreUnreachable(
                f"The Chroma server at {url} does not answer ({_first_line(fault)}). "
                "Start it with 'chroma run', or leave --chroma-url away to keep the index on this machine."
            ) from fault

    def upsert(self, passages: Sequence[Passage], vectors: Vectors) -> None:
        """Write passages with their vectors, shape (len(passages), dimensions); one that is there is overwritten."""
        for at in range(0, len(passages), self._page):
            some = passages[at : at + self._page]
            with _damage_is_told():
                self._collection.upsert(
                    ids=[passage.id for passage in some],
                    embeddings=vectors[at : at + self._page],
                    documents=[passage.text for passage in some],
                    metadatas=[stored_about(passage) for passage in some],
                )

    def delete(self, ids: Sequence[str]) -> None:
        """Delete passages; ids that are not there are passed over."""
        for at in range(0, len(ids), self._page):
            with _damage_is_told():
                self._collection.delete(ids=list(ids[at : at + self._page]))

    def nearest(self, vector: Vectors, limit: int) -> list[str]:
        """The ids of the passages nearest to a unit vector of shape (dimensions,), nearest first."""
        with _damage_is_told():
            found = self._collection.query(query_embeddings=np.asarray([vector]), n_results=limit, include=[])
        return list(found["ids"][0])

    def ids(self) -> Iterator[str]:
        """Every id in the collection."""
        # Chroma goes through all that comes before a page: a million ids in pages of 2,000 would take half an hour.
        size = self._page if self._page < PAGE else _LISTED
        offset = 0
        while True:
            with _damage_is_told():
                page = self._collection.get(limit=size, offset=offset, include=[])["ids"]
            yield from page
            if len(page) < size:
                return
            offset += len(page)

    def vectors(self, ids: Sequence[str]) -> dict[str, Vectors]:
        """The vectors of those passages that are in the collection, by id."""
        vectors: dict[str, Vectors] = {}
        for at in range(0, len(ids), self._page):
            with _damage_is_told():
                found: Any = self._collection.get(ids=list(ids[at : at + self._page]), include=["embeddings"])
            vectors.update(zip(found["ids"], found["embeddings"], strict=True))
        return vectors

    def rows(self) -> Iterator[tuple[str, str, dict[str, Any], Vectors]]:
        """Every passage as it is stored: id, text, metadata, vector. For checks, not for search."""
        ids = list(self.ids())
        for at in range(0, len(ids), self._page):
            with _damage_is_told():
                page = self._collection.get(
                    ids=ids[at : at + self._page], include=["documents", "metadatas", "embeddings"]
                )
            # chromadb types these as optional, whatever `include` asks for.
            columns: tuple[Any, ...] = (page["ids"], page["documents"], page["metadatas"], page["embeddings"])
            yield from zip(*columns, strict=True)

    def count(self) -> int:
        with _damage_is_told():
            return self._collection.count()

    def drop(self) -> None:
        """Delete the collection with all it holds."""
        import chromadb.errors

        # Another process may have been quicker.
        with _damage_is_told(), contextlib.suppress(chromadb.errors.NotFoundError):
            self._client.delete_collection(self._collection.name)

    def close(self) -> None:
        self._client.close()  # type: ignore[attr-defined]  # every client has it, their common base does not


def stored_about(passage: Passage) -> dict[str, str | int | float | bool | None]:
    """What Chroma holds of a passage beside its text and vector."""
    return {
        "source": passage.source,
        "content_hash": passage.content_hash,
        "start": passage.start,
        "end": passage.end,
    }


def _client(url: str) -> ClientAPI:
    """The client of a server, with the tenant, the database and the key that the environment names. Raises
    StoreUnreachable where the key would go over the net in the clear."""
    import chromadb

    parts = urlsplit(url if "//" in url else f"//{url}")
    tls = parts.scheme == "https"
    host, port = parts.hostname or "localhost", parts.port or (443 if tls else 8000)
    tenant, database, key = (os.environ.get(f"CHROMA_{name}") for name in ("TENANT", "DATABASE", "API_KEY"))
    if not key:
        return chromadb.HttpClient(
            host,
            port,
            ssl=tls,
            settings=_settings(),
            tenant=tenant or chromadb.config.DEFAULT_TENANT,
            database=database or chromadb.config.DEFAULT_DATABASE,
        )
    if not tls and host not in ("localhost", "127.0.0.1", "::1"):
        raise StoreUnreachable(
            f"CHROMA_API_KEY is set, and would go to {url} in the clear. Give an address that begins with https://, or "
            "unset the key."
        )
    return chromadb.CloudClient(tenant, database, key, _settings(), cloud_host=host, cloud_port=port, enable_ssl=tls)


def _collection(client: ClientAPI, name: str) -> Collection:
    return client.get_or_create_collection(name, configuration={"hnsw": {"space": "cosine"}}, embedding_function=None)


def _settings() -> Any:
    from chromadb.config import Settings

    os.environ["ANONYMIZED_TELEMETRY"] = "False"
    return Settings(anonymized_telemetry=False)


@contextlib.contextmanager
def _damage_is_told() -> Iterator[None]:
    """Chroma's own errors, and the panics of its Rust core, as StoreDamaged; a refused argument is our fault and stays.

    A panic reaches Python as pyo3's PanicException, which is a BaseException of no importable name. A log that cannot be
    read comes as an invalid argument. A server that went away comes as httpx's error.
    """
    import chromadb.errors
    import httpx

    try:
        yield
    except httpx.HTTPError as fault:
        raise StoreUnreachable(
            f"The Chroma server no longer answers ({_first_line(fault)}). Start it again with 'chroma run'."
        ) from fault
    except chromadb.errors.InvalidArgumentError as fault:
        if "log" not in str(fault):
            raise
        raise StoreDamaged(_first_line(fault)) from fault
    except (ValueError, TypeError):
        raise
    except (chromadb.errors.ChromaError, RuntimeError, OSError) as fault:
        raise StoreDamaged(_first_line(fault)) from fault
    except BaseException as fault:
        if type(fault).__name__ == "PanicException":
            raise StoreDamaged(_first_line(fault)) from fault
        raise


def _first_line(fault: BaseException) -> str:
    return (str(fault).splitlines() or [type(fault).__name__])[0]
