"""The index kept in step with its folder for as long as a process runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from watchfiles import watch as changes_of

from index.errors import FootnoteError
from index.folder import FolderIndex
from index.types import SyncReport

# Events end a wait at once; a change is taken as ended when none has come for the debounce.
_DEBOUNCE_MS = 500
# How often the requests of other processes are looked at, and the folder when no events come (network drives).
_LOOK_MS = 1000
_SCAN_EVERY = 20
"""Looks between two scans without an event."""


def watch(
    index: FolderIndex,
    on_report: Callable[[SyncReport], None],
    on_error: Callable[[FootnoteError], None],
    stop: threading.Event,
) -> None:
    """Sync now and whenever the index may be behind, until `stop` is set. What goes wrong is told to `on_error`, once as
    long as it stays the same, and tried again."""
    told = ""
    first = True
    for _ in occasions(index, stop):
        try:
            report = index.sync()
        except FootnoteError as fault:
            if str(fault) != told:
                on_error(fault)
            told = str(fault)
            continue
        told = ""
        if first or not report.plan.empty:
            on_report(report)
        first = False


def occasions(index: FolderIndex, stop: threading.Event) -> Iterator[None]:
    """At once, and whenever the index may be behind its folder: the folder changed, another process asks for a sync, or
    the time has come to look whether a change went unseen. Ends when `stop` is set."""
    for looks, changed in enumerate(_looks(index, stop), 1):
        # The second look is the first that misses nothing: what was written before the watch began had no event.
        if changed or looks <= 2 or index.asked_to_sync or looks % _SCAN_EVERY == 0:
            yield


def _looks(index: FolderIndex, stop: threading.Event) -> Iterator[bool]:
    """A look at once and about once a second; True where the folder has changed. A folder that goes away ends no watch."""
    yield False
    while not stop.is_set():
        try:
            events = changes_of(
                index.folder,
                watch_filter=None,
                debounce=_DEBOUNCE_MS,
                rust_timeout=_LOOK_MS,
                yield_on_timeout=True,
                stop_event=stop,
                raise_interrupt=True,
            )
            for batch in events:
                yield bool(batch)
        except OSError:
            yield True  # the folder is gone: the sync says so
            stop.wait(_LOOK_MS / 1000)
