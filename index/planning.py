"""What differs between the folder and the manifest."""

from __future__ import annotations

import os
import time
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from index.errors import SourceUnreadable
from index.manifest import FileRow, Manifest
from index.scanning import FoundFile, Scan, content_hash, is_settled, scan, stat_of
from index.types import State, SyncPlan

LOOK_AGAIN = ""
"""The stat of a file that is to be looked at again although its times do not change."""


@dataclass(frozen=True, slots=True)
class Change:
    """A file whose contents are to be read; `content_hash` is what they hashed to when the plan was made, and `stat`
    what the file is known by then. `old_source` is where the same bytes lay before, if the file was renamed."""

    file: FoundFile
    content_hash: str
    stat: str
    old_source: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sync is going to do. `public` is what is told of it; `removed` holds the documents that go without
    another taking their place, `rows` what else is to be noted of files, and `forgotten` the files to note no more."""

    public: SyncPlan
    changes: tuple[Change, ...]
    removed: tuple[str, ...]
    forgotten: tuple[str, ...]
    rows: tuple[FileRow, ...]


def plan(folder: Path, manifest: Manifest, waiting: Container[str] | None = None) -> Plan:
    """Compare the folder with the manifest; writes nothing. Files whose stat is the one kept are not opened,
    unless it cannot be trusted by the clock as it stands.

    With `waiting` only documents that are indexed are looked at, and of those none that waits to be read anyway.
    Raises FolderMissing.
    """
    now = scan(folder)
    with manifest.snapshot():
        seen, indexed = manifest.seen(), manifest.indexed()
    changes: dict[str, Change] = {}
    rows: list[FileRow] = []
    unchanged: list[str] = []
    unread: list[str] = []
    for source, file in now.found.items():
        if waiting is not None and (source not in indexed or source in waiting):
            continue
        kept = seen.get(source)
        if kept is not None and file.settled and kept.stat == file.stat:
            unchanged.append(source)
            continue
        try:
            stat = kept_stat(os.stat(file.path, follow_symlinks=False), time.time_ns())
            digest = content_hash(file.path)
        except FileNotFoundError:
            continue  # gone since it was listed: the next sync finds it gone
        except (SourceUnreadable, OSError) as fault:
            reason = str(fault) if isinstance(fault, SourceUnreadable) else cannot_open(fault)
            rows.append(FileRow(source, LOOK_AGAIN, file.size, "", State.UNREADABLE, reason))
            unread.append(source)
            continue
        if digest == indexed.get(source):
            # Touched, or looked at before its times could be trusted: these are the bytes that are indexed.
            unchanged.append(source)
            rows.append(FileRow(source, stat, file.size, digest, State.INDEXED))
        elif kept is not None and kept.state is not State.INDEXED and _is_known(kept, digest):
            unchanged.append(source)
            rows.append(replace(kept, stat=stat))
        else:
            changes[source] = Change(file, digest, stat)
    rows.extend(FileRow(s, LOOK_AGAIN, 0, "", State.SKIPPED, why) for s, why in now.refused.items())
    rows.extend(FileRow(s, LOOK_AGAIN, 0, "", State.UNREADABLE, why) for s, why in now.unseen.items())
    gone = [s for s in indexed if s not in now.found and not now.is_unseen(s)]
    for old, new in _renames(gone, changes.values(), indexed):
        changes[new] = replace(changes[new], old_source=old)
    renamed = {change.old_source: source for source, change in changes.items() if change.old_source}
    removed = tuple(source for source in gone if source not in renamed)
    return Plan(
        public=SyncPlan(
            added=tuple(s for s, change in changes.items() if s not in indexed and not change.old_source),
            changed=tuple(s for s in (*changes, *unread) if s in indexed),
            renamed=tuple(renamed.items()),
            removed=removed,
            unchanged=tuple(unchanged),
        ),
        changes=tuple(changes.values()),
        removed=(*removed, *(source for source in unread if source in indexed)),
        forgotten=_forgotten(seen, now),
        rows=tuple(row for row in rows if row != seen.get(row.source)),
    )


def cannot_open(fault: OSError) -> str:
    """The reason to list a file with that the system does not open."""
    return f"The file cannot be opened ({fault.strerror or fault})."


def kept_stat(info: os.stat_result, now_ns: int) -> str:
    """The stat to know the file by, or one that no file ever has if a later write need not show in this one."""
    return stat_of(info) if is_settled(info, now_ns) else f"?{stat_of(info)}"


def _is_known(kept: FileRow, digest: str) -> bool:
    """Whether what was noted of the file holds for these bytes, so that a bad file is not read again and again."""
    return kept.content_hash == digest and kept.stat != LOOK_AGAIN


def _forgotten(seen: Iterable[str], now: Scan) -> tuple[str, ...]:
    known = now.found.keys() | now.refused.keys() | now.unseen.keys()
    return tuple(source for source in seen if source not in known and not now.is_unseen(source))


def _renames(gone: Iterable[str], changes: Iterable[Change], indexed: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Pairs (old, new) of a file that is gone and a new one of the same bytes; each file is in one pair at most."""
    by_hash: dict[str, list[str]] = {}
    for source in gone:
        by_hash.setdefault(indexed[source], []).append(source)
    for change in changes:
        if change.file.source not in indexed and by_hash.get(change.content_hash):
            yield by_hash[change.content_hash].pop(0), change.file.source
