"""The folder's files as a person adds and removes them through Footnote, and the trash that what is removed goes to.

This is the only place where Footnote writes into the folder, and it does so for nothing but a person's own click. What
leaves the folder lies in the trash, byte for byte, until it is put back or the trash is emptied.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from assistant.errors import FootnoteError, NameTaken
from index.linking import link

MOST_BYTES = 100 * 1024 * 1024
"""Bytes of the largest file that is taken."""

_NAME_BYTES = 200  # of the 255 that file systems give a name; the rest is for " (2)" and what a system adds
_NOT_IN_NAMES = re.compile(r'[<>:"|?*]')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?\Z")
_RECORD = "record.json"
_PARTIAL = ".footnote-"
_CUT_OFF = 3600  # seconds after which nobody is still writing


@dataclass(frozen=True, slots=True)
class Removed:
    """A file in the trash: `source` is the path in the folder that it had, `removed_at` seconds since the epoch.
    `number` counts up, since the clock may be set back between two removals."""

    id: str
    source: str
    size: int
    removed_at: float
    number: int = 0


class Shelf:
    """The files of one folder. Every method raises FootnoteError, in words, when the files cannot be changed."""

    def __init__(self, folder: Path, trash: Path) -> None:
        self._folder = folder
        self._trash = trash

    def add(self, name: str, data: bytes, *, replace: bool = False) -> str:
        """Put a file into the folder, under its name without any path, and return its source.

        With `replace`, one that has the name already goes to the trash first. Raises NameTaken without it.
        """
        source = safe_name(name)
        if len(data) > MOST_BYTES:
            raise FootnoteError(f"{source} is larger than {MOST_BYTES // 2**20} MB. Copy it into the folder by hand.")
        target = self._folder / source
        with _told(source):
            if os.path.lexists(target):
                if not replace:
                    raise NameTaken(f"{source} is in the folder already.")
                self.remove(source)
            with self._partial() as partial:
                with partial.open("xb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                _name(partial, target, source)
        return source

    def free_name(self, name: str) -> str:
        """A name that the folder does not hold: this one, or it with a number."""
        source = safe_name(name)
        path = Path(source)
        number = 1
        while os.path.lexists(self._folder / source):
            number += 1
            source = f"{path.stem} ({number}){path.suffix}"
        return source

    def original(self, source: str) -> Path | None:
        """The file that a source was read from; None when it is gone, is a link, or lies outside of the folder."""
        path = self._folder / source
        return path if path.is_relative_to(self._folder) and path.resolve() == path and path.is_file() else None

    def remove(self, source: str) -> Removed:
        """Move a file to the trash. Raises FootnoteError when there is none, or it is a link."""
        path = self.original(source)
        if path is None:
            raise FootnoteError(f"{source} is no file of the folder. Look whether it was moved or renamed.")
        with _told(source):
            number = 1 + max((before.number for before in self.removed()), default=0)
            removed = Removed(secrets.token_hex(8), source, path.stat().st_size, time.time(), number)
            place = self._trash / removed.id
            place.mkdir(parents=True)
            # The record first: a move that is cut off leaves the file in the folder, or in the trash, or in both.
            (place / _RECORD).write_text(json.dumps(asdict(removed)), encoding="utf-8")
            shutil.move(path, place / "file")
        return removed

    def removed(self) -> tuple[Removed, ...]:
        """What is in the trash, the one removed last first."""
        records = [record for record in self._trash.glob(f"*/{_RECORD}") if record.with_name("file").exists()]
        found = [Removed(**json.loads(record.read_text(encoding="utf-8"))) for record in records]
        return tuple(sorted(found, key=lambda removed: (-removed.number, -removed.removed_at)))

    def put_back(self, removed: Removed) -> None:
        """Move a file from the trash to where it was. Raises NameTaken when another has its name now."""
        place, target = self._trash / removed.id, self._folder / removed.source
        with _told(removed.source):
            target.parent.mkdir(parents=True, exist_ok=True)
            with self._partial() as partial:
                link(place / "file", partial)
                _name(partial, target, removed.source)
            shutil.rmtree(place)

    def empty_trash(self) -> None:
        """Delete what is in the trash, for good."""
        with _told("The trash"):
            if self._trash.exists():
                shutil.rmtree(self._trash)

    @contextmanager
    def _partial(self) -> Iterator[Path]:
        """A hidden name in the folder, which no sync looks at, so that none reads half a file."""
        self._clear_partial()
        partial = self._folder / f"{_PARTIAL}{secrets.token_hex(8)}"
        try:
            yield partial
        finally:
            partial.unlink(missing_ok=True)

    def _clear_partial(self) -> None:
        """Delete what an addition that was cut off left behind."""
        for partial in self._folder.glob(f"{_PARTIAL}*"):
            # A time that lies ahead is as far from now as one that is past: the clock was set back since.
            if abs(time.time() - partial.stat().st_mtime) > _CUT_OFF:
                partial.unlink(missing_ok=True)


def safe_name(name: str) -> str:
    """The name as one that stays in the folder on any system: no path, no control characters, not hidden.

    Raises FootnoteError when nothing is left of it.
    """
    bare = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    bare = "".join(letter for letter in bare if unicodedata.category(letter)[0] != "C")
    bare = _NOT_IN_NAMES.sub("_", " ".join(bare.split())).lstrip(".~ ").rstrip(". ")
    if not bare:
        raise FootnoteError("The file has no name that can be kept. Give it one and add it again.")
    if _RESERVED.match(bare):
        bare = f"_{bare}"
    path = Path(bare)
    stem = path.stem.encode()[: max(1, _NAME_BYTES - len(path.suffix.encode()))].decode(errors="ignore")
    return stem + path.suffix


def _name(partial: Path, target: Path, source: str) -> None:
    """Give a whole file a name that is free, so that of two who want it at once one is refused. Raises NameTaken."""
    try:
        try:
            os.link(partial, target)
        except FileExistsError:
            raise
        except OSError:
            _claim(partial, target)
    except FileExistsError as error:
        raise NameTaken(f"{source} is in the folder already.") from error


def _claim(partial: Path, target: Path) -> None:
    """The same on a disk that knows no links: there, a file of no bytes stands under the name for an instant. Raises
    FileExistsError."""
    target.open("xb").close()
    try:
        partial.replace(target)
    except OSError:
        target.unlink(missing_ok=True)
        raise


@contextmanager
def _told(source: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FootnoteError(
            f"{source}: the files cannot be changed ({error.strerror or error}). See that the folder may be written to."
        ) from error
