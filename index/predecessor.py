"""The index that was there before a setting changed: it answers until the new one beside it is complete."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from index.database import ManifestDamaged
from index.manifest import Manifest
from index.planning import plan
from index.schema import SCHEMA_VERSION

MANIFEST = "manifest.sqlite"

_TOLD = {
    "model": "the embedding model",
    "schema": "the way it is kept",
    "readers": "the way files are read",
    "passages": "the size of passages",
    "terms": "the way words are searched",
}

Settings = dict[str, str]


@dataclass(frozen=True, slots=True)
class Predecessor:
    """The manifest of a complete older index, and the settings it was made with."""

    manifest: Manifest
    settings: Settings


def find_predecessor(home: Path, current: Path) -> Predecessor | None:
    """The index in `home`, other than `current`, that was complete last; None where there is none."""
    found = []
    for path in others(home, current):
        try:
            manifest = Manifest(path / MANIFEST)
            settings = json.loads(manifest.get("settings") or "{}")
            if manifest.complete and settings:
                found.append(((path / MANIFEST).stat().st_mtime, Predecessor(manifest, settings)))
        except (ManifestDamaged, OSError):
            continue  # it cannot answer, and goes when the new one is complete
    return max(found, key=lambda pair: pair[0])[1] if found else None


def others(home: Path, current: Path) -> list[Path]:
    """The folders of other indexes in `home`."""
    return [path for path in sorted(home.glob("index-*")) if path != current and (path / MANIFEST).exists()]


def remove_others(home: Path, current: Path) -> None:
    """Delete them; one that another process still holds open, where that prevents it, goes the next time."""
    for path in others(home, current):
        shutil.rmtree(path, ignore_errors=True)


def take_out_changed(folder: Path, older: Manifest) -> None:
    """Take out of an older index the documents that are gone from the folder or are others now. It takes in no new
    ones: they would be embedded twice. Raises FolderMissing, ManifestDamaged."""
    now = plan(folder, older, waiting=())
    gone = sorted({*now.removed, *(change.file.source for change in now.changes)})
    if gone or now.rows or now.forgotten:
        # Forgotten, so that they are read again if the setting is put back.
        older.replace((), gone, now.rows, {*now.forgotten, *gone})


def is_readable(settings: Settings) -> bool:
    """Whether this program knows the tables of an index with these settings."""
    return settings.get("schema") == str(SCHEMA_VERSION)


def why_anew(old: Settings, new: Settings) -> str:
    """A sentence saying what changed."""
    changed = [told for key, told in _TOLD.items() if old.get(key) != new.get(key)]
    listed = " and ".join([", ".join(changed[:-1]), changed[-1]] if len(changed) > 1 else changed)
    return f"The index is built anew because {listed} changed."
