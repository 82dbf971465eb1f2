"""A damaged database moved out of the way, for whoever wants to look at it."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

# The log and its index belong to the database: beside a new one SQLite would replay them into it.
_PARTS = ("", "-wal", "-shm")


def set_aside(database: Path, stem: str) -> Path:
    """Give a database and what belongs to it the name `stem`-DATE-TIME, and return where it lies now.

    The hour that comes twice in autumn and a clock that is set back give the same name again: a number is added then,
    so that nothing set aside before is written over. Raises OSError.
    """
    name = f"{stem}-{time.strftime('%Y%m%d-%H%M%S')}"
    aside, number = database.with_name(f"{name}{database.suffix}"), 1
    while any(Path(f"{aside}{part}").exists() for part in _PARTS):
        number += 1
        aside = database.with_name(f"{name}-{number}{database.suffix}")
    for part in _PARTS:
        with suppress(FileNotFoundError):
            Path(f"{database}{part}").replace(f"{aside}{part}")
    return aside
