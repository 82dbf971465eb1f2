"""Embedding by the workers of a Dask cluster, for an archive that one machine would take days for.

Dask is the queue (https://distributed.dask.org): it hands texts out, hands them out again when a worker is lost, and
brings the vectors back. Every worker has Footnote installed, and one of them is started on each machine:

    dask scheduler
    dask worker tcp://HOST:8786 --nworkers 1 --nthreads 1

Passages are embedded there, and questions where they are asked. The model is the same, so an index may be begun by a
cluster and gone on with by one machine, or the other way round.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from index.embedding import MiniLM, Vectors
from index.errors import EmbeddingFailed, WorkersUnreachable

if TYPE_CHECKING:
    import distributed

PATIENCE = 20.0
"""Seconds that the scheduler is waited for, and a worker where there is none (any more)."""

_EVERY = 1.0
"""Seconds between two looks at whether any worker is left."""

# Texts of one piece of work: about a second's, so that little is lost with a worker and little spent on sending.
_TEXTS = 128
# Fewer are embedded here before they are sent anywhere.
_FEW = 32
# Pieces for each worker in one call: the next lies ready while one is done, and the last ones end together.
_PIECES = 4


class Cluster:
    """The embedding model, on the workers that the Dask scheduler at `address` knows.

    Every method that embeds passages raises WorkersUnreachable, besides EmbeddingFailed.
    """

    def __init__(self, address: str, model: MiniLM) -> None:
        self.address = address
        self.fingerprint = model.fingerprint
        self.dimensions = model.dimensions
        self._model = model
        self._client: distributed.Client | None = None
        self._connecting = threading.Lock()

    @property
    def at_once(self) -> int:
        """Enough passages to keep every worker busy; a passage comes with about four sentences."""
        client = self._connected()
        with self._faults_told():
            workers = len(_workers(client))
        return max(self._model.at_once, workers * _PIECES * _TEXTS // 5)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._model.count_tokens(texts)

    def embed_query(self, text: str) -> Vectors:
        return self._model.embed_query(text)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return self.begin(texts)()

    def begin(self, texts: Sequence[str]) -> Callable[[], Vectors]:
        """Hand texts out; what is returned waits for their vectors."""
        if len(texts) <= _FEW:
            return lambda: self._model.embed_passages(texts)
        by_length = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        pieces = [by_length[at : at + _TEXTS] for at in range(0, len(by_length), _TEXTS)]
        client = self._connected()
        with self._faults_told():
            # Not pure: the cluster need not look up or keep what it has done before.
            given = [[texts[at] for at in piece] for piece in pieces]
            work = client.map(_embedded, given, fingerprint=self.fingerprint, pure=False)

        def vectors() -> Vectors:
            made = np.empty((len(texts), self.dimensions), np.float32)
            with self._faults_told():
                try:
                    self._wait(client, work)
                    for piece, done in zip(pieces, client.gather(work), strict=True):
                        made[piece] = done
                finally:
                    client.cancel(work)
            return made

        return vectors

    def close(self) -> None:
        """Let go of the scheduler; the next passages connect anew."""
        client, self._client = self._client, None
        if client is not None:
            client.close(timeout=_EVERY)

    def _wait(self, client: distributed.Client, work: Sequence[Any]) -> None:
        """Until all is done. Dask itself would wait for ever for a worker to come back."""
        import distributed

        left_at = time.monotonic()
        while True:
            try:
                with client.as_current():
                    distributed.wait(work, timeout=_EVERY)
                return
            except TimeoutError:
                if _workers(client):
                    left_at = time.monotonic()
                elif time.monotonic() - left_at > PATIENCE:
                    raise self._unreachable("no worker is left") from None

    def _connected(self) -> distributed.Client:
        """The connection to the scheduler, with a worker that has come to it. Raises WorkersUnreachable."""
        with self._connecting:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> distributed.Client:
        try:
            import distributed
        except ImportError as fault:
            raise WorkersUnreachable(
                "Workers are reached through Dask, which is not installed. Install footnote-chat[workers], or index "
                "without --workers."
            ) from fault
        try:
            client = distributed.Client(self.address, timeout=PATIENCE, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as fault:
            raise self._unreachable("the scheduler does not answer") from fault
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError as fault:
            client.close(timeout=_EVERY)
            raise self._unreachable("no worker has come to it") from fault
        return client

    @contextmanager
    def _faults_told(self) -> Iterator[None]:
        """Dask's faults as WorkersUnreachable, after which the next passages connect anew."""
        from concurrent.futures import CancelledError

        from distributed.client import FuturesCancelledError
        from distributed.scheduler import KilledWorker

        try:
            yield
        except KilledWorker as fault:
            raise self._unreachable("a piece of work ended every worker that took it, as for want of memory") from fault
        except (CancelledError, FuturesCancelledError, OSError, TimeoutError) as fault:
            self.close()
            raise self._unreachable("the scheduler went away") from fault

    def _unreachable(self, why: str) -> WorkersUnreachable:
        return WorkersUnreachable(
            f"The Dask cluster at {self.address} does not embed: {why}. What it has embedded is kept. See that "
            "'dask scheduler' and 'dask worker' run, or index without --workers."
        )


def _workers(client: distributed.Client) -> dict[str, Any]:
    workers: dict[str, Any] = client.scheduler_info(n_workers=-1)["workers"]
    return workers


def _embedded(texts: Sequence[str], fingerprint: str) -> Vectors:
    """What a worker does: unit vectors of shape (len(texts), dimensions). Raises EmbeddingFailed."""
    model = _model()
    if model.fingerprint != fingerprint:
        raise EmbeddingFailed(
            f"A worker embeds with {model.fingerprint}, and the index holds {fingerprint}. Install the same version of "
            "Footnote on every worker."
        )
    return model.embed_passages(texts)


@cache
def _model() -> MiniLM:
    """The worker's own model, loaded once; its graph lies where the worker keeps its files."""
    from distributed import get_worker

    return MiniLM(Path(get_worker().local_directory) / "models")
