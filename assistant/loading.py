"""Imports that take seconds, made beside what else starts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from index import store

# What Python says of a pool, a thread or a call for its end that somebody asks for while it ends.
_ENDING = ("interpreter shutdown", "atexit after shutdown")


def load_ahead() -> None:
    """Begin to import Chroma and llama-index, one after the other, in a thread of its own; who needs them sooner waits
    for them there."""
    threading.Thread(target=_load, name="load", daemon=True).start()


def _load() -> None:
    with unless_ending():
        store.load()
        import index.retrieval  # noqa: F401


@contextmanager
def unless_ending() -> Iterator[None]:
    """What is imported inside may want a say at the end of the process: no fault where that has come already."""
    try:
        yield
    except RuntimeError as fault:
        # Python stops its pools, and takes no more calls for its end, while the main thread still counts as alive.
        ending = any(sign in str(fault) for sign in _ENDING)
        if threading.main_thread().is_alive() and not ending:
            raise
