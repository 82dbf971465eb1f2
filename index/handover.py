"""A sync asked for by a process that does not own the index, and done by the one that does.

Both sides meet in the manifest. A request is a number one higher than the last; whatever sync begins after it serves
it, and leaves its outcome there.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict

from index.errors import FootnoteError, IndexBusy
from index.manifest import Manifest
from index.types import Progress, SyncPlan, SyncReport

_EVERY = 1.0  # seconds between two notes of progress for others, each a write to disk
_LOOK = 0.2  # seconds between two looks at the other side


class Handover:
    """Both sides of it. The owner calls the first four, another process `wait`."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._told_at = 0.0

    @property
    def pending(self) -> int:
        """The number of the last request if no sync has served it yet, else 0."""
        requested = self._number("requested")
        return requested if requested > self._number("served") else 0

    def begin(self) -> None:
        """A sync begins. One that was ended halfway may have left its progress."""
        self._manifest.put("progress", json.dumps(asdict(Progress("Looking through the folder", "", 0, 0))))

    def tell(self, progress: Progress) -> None:
        """How far the sync is."""
        if time.monotonic() - self._told_at >= _EVERY:
            self._told_at = time.monotonic()
            self._manifest.put("progress", json.dumps(asdict(progress)))

    def end(self, served: int, outcome: SyncReport | FootnoteError | None) -> None:
        """The sync is over and has served the request of that number, 0 for none. None: it was broken off, and the
        request still stands."""
        if served and outcome is not None:
            told = {"error": str(outcome)} if isinstance(outcome, FootnoteError) else asdict(outcome)
            self._manifest.put("outcome", json.dumps(told))
            self._manifest.put("served", str(served))
        self._manifest.put("progress", "")

    def wait(
        self, patience: float, on_progress: Callable[[Progress], None], take_over: Callable[[], bool]
    ) -> SyncReport | None:
        """Ask the owner and wait for it; None if there is no owner any more and `take_over` made this process it.

        Raises IndexBusy if the owner begins nothing for `patience` seconds, FootnoteError with what it failed with.
        """
        number = self._manifest.request()
        shown = ""
        alive_at = time.monotonic()
        while not take_over():
            if self._number("served") >= number:
                return _report(json.loads(self._manifest.get("outcome") or "{}"))
            if progress := self._manifest.get("progress"):
                alive_at = time.monotonic()
                if progress != shown:
                    shown = progress
                    on_progress(Progress(**json.loads(progress)))
            elif time.monotonic() - alive_at > patience:
                raise IndexBusy(
                    "Another Footnote has this folder open and keeps its index, but does not follow the folder. "
                    "Reindex there, or close it and try again."
                )
            time.sleep(_LOOK)
        return None

    def _number(self, key: str) -> int:
        return int(self._manifest.get(key) or 0)


def _report(told: dict[str, object]) -> SyncReport:
    if "error" in told:
        raise FootnoteError(str(told["error"]))
    plan = {name: tuple(sources) for name, sources in told.pop("plan").items()}  # type: ignore[attr-defined]
    plan["renamed"] = tuple((old, new) for old, new in plan["renamed"])
    failed = tuple((source, reason) for source, reason in told.pop("failed"))  # type: ignore[attr-defined]
    return SyncReport(plan=SyncPlan(**plan), failed=failed, **told)  # type: ignore[arg-type]
