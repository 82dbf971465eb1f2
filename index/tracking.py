"""How far a sync is, as it is told while it goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from index.planning import Change
from index.scanning import FoundFile
from index.types import Progress

OnProgress = Callable[[Progress], None]

_LONG = 2048
"""Of a document with so many passages it is told how far its storing is."""


class Tracker:
    """Tells how far a sync is. Time left is by bytes, since a file's passages are known only once it is read."""

    def __init__(self, on_progress: OnProgress, changes: Sequence[Change]) -> None:
        self._on_progress = on_progress
        self._started = time.monotonic()
        self._files_total = len(changes)
        self._bytes_total = sum(change.file.size for change in changes)
        self._files_done = self._bytes_done = self._passages_done = self._passages_total = 0
        self._bytes_within = 0.0  # of a long file, those of the parts that are done

    def more(self, changes: Sequence[Change]) -> None:
        """Further files that have changed meanwhile."""
        self._files_total += len(changes)
        self._bytes_total += sum(change.file.size for change in changes)

    def within(self, file: FoundFile, share: float) -> None:
        """So large a share of a long file has been read and split."""
        self._bytes_within = share * file.size

    def gathered(self, passages: int, reused: int) -> None:
        self._passages_total += passages
        self._passages_done += reused

    def embedded(self, passages: int, source: str) -> None:
        self._passages_done += passages
        self.tell("Embedding", source)

    def stored(self, source: str, done: int, total: int, started: float) -> None:
        """Of a group's passages so many are stored, since `started`. Told of a long document only."""
        if total >= _LONG:
            left = (time.monotonic() - started) * (total - done) / done
            files = (self._files_done, self._files_total)
            self._on_progress(Progress("Storing", source, *files, done, total, left))

    def done(self, file: FoundFile) -> None:
        self._files_done += 1
        self._bytes_done += file.size
        self._bytes_within = 0.0
        self.tell("Indexed", file.source)

    def tell(self, stage: str, source: str) -> None:
        self._on_progress(
            Progress(
                stage,
                source,
                self._files_done,
                self._files_total,
                self._passages_done,
                self._passages_total,
                self._seconds_left(),
            )
        )

    def _seconds_left(self) -> float | None:
        spent = time.monotonic() - self._started
        # Before a second has passed the rate is mostly start-up.
        if spent < 1 or not self._passages_done:
            return None
        # Passages known and not done, and those of the bytes not read yet at the rate of the bytes that are done.
        left: float = self._passages_total - self._passages_done
        if read := self._bytes_done + self._bytes_within:
            left = max(left, self._passages_done * (self._bytes_total - read) / read)
        return spent * left / self._passages_done
