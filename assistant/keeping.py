"""A library kept in step with its folder while a server runs."""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import dataclass, replace

from starlette.concurrency import run_in_threadpool

from assistant.errors import FootnoteError
from assistant.library import Library
from assistant.types import Progress, SyncReport
from index.errors import IndexBusy

WAIT = 20.0
"""Seconds that a question waits for the index to be in step."""

_log = logging.getLogger(__name__)


class NotInStep(FootnoteError):
    """The folder is still being read."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How the index stands to the folder: whether a sync runs and how far it is, and how the last one ended.

    `error` is why the last sync failed; `kept_elsewhere` that another process keeps the index in step.
    """

    syncing: bool = False
    progress: Progress | None = None
    report: SyncReport | None = None
    error: FootnoteError | None = None
    kept_elsewhere: bool = False


class Keeper:
    """Syncs a library, one sync at a time. To be used from one event loop."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._running = asyncio.Lock()
        self._next: asyncio.Task[None] | None = None
        self.standing = Standing()

    async def keep(self) -> None:
        """Keep the index in step until cancelled, so that what is new is read before anybody asks."""
        cancelled = threading.Event()
        occasions = self._library.occasions(cancelled)
        try:
            while await run_in_threadpool(next, occasions, self) is None:
                await self._sync()
        finally:
            cancelled.set()

    async def in_step(self) -> None:
        """Return once the index holds the folder as it is now.

        Raises NotInStep where that takes longer than `WAIT`, and what the sync failed with. An index that another
        process keeps is taken as it is.
        """
        try:
            await asyncio.wait_for(self._sync(), WAIT)
        except TimeoutError:
            raise NotInStep(self._still_reading()) from None
        if self.standing.error is not None:
            raise self.standing.error

    async def _sync(self) -> None:
        """A sync that begins from now on; whoever comes before it begins shares it, and nobody who leaves ends it."""
        if self._next is None:
            self._next = asyncio.create_task(self._run())
        await asyncio.shield(self._next)

    async def _run(self) -> None:
        async with self._running:
            self._next = None
            self.standing = replace(self.standing, syncing=True, progress=None)
            try:
                report = await run_in_threadpool(self._library.sync, self._advance)
                self.standing = Standing(report=report)
            except IndexBusy:
                self.standing = Standing(kept_elsewhere=True)
            except FootnoteError as error:
                self.standing = Standing(error=error)
            except Exception as error:  # noqa: BLE001  whatever a sync fails with is told to whoever asks
                _log.exception("A sync broke off")
                told = f"Reading the folder failed ({type(error).__name__}). Ask again; the server's log says more."
                self.standing = Standing(error=FootnoteError(told))

    def _advance(self, progress: Progress) -> None:
        self.standing = replace(self.standing, progress=progress)

    def _still_reading(self) -> str:
        progress = self.standing.progress
        far = f" ({progress.files_done} of {progress.files_total} files so far)" if progress else ""
        return f"The documents are still being read{far}. Ask again in a while; /health tells how far it is."
