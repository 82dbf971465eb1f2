"""The folder as it stands: which files lie in it, and whether each is the one that was indexed."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from index.errors import FolderMissing, SourceUnreadable

# Files that programs keep for themselves; nobody put them there to be read.
_OWN_NAMES = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
_LOCK_PREFIXES = ("~$", ".")


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file of the folder. `stat` changes whenever the file is written, replaced or renamed, once it is
    `settled`; until then it may be the same although the file is another."""

    source: str
    path: Path
    size: int
    stat: str
    settled: bool


@dataclass(frozen=True, slots=True)
class Scan:
    """A folder's files by source; `refused` holds what lies there and is not followed or read, with the reason, and
    `unseen` what could not be looked at, folders and files, which therefore are not known to be gone."""

    found: dict[str, FoundFile] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    unseen: dict[str, str] = field(default_factory=dict)

    def is_unseen(self, source: str) -> bool:
        return any(source == barred or source.startswith(f"{barred}/") for barred in self.unseen)


def existing_folder(path: Path) -> Path:
    """The folder at `path`, as an absolute path without links. Raises FolderMissing."""
    try:
        folder = path.expanduser().resolve(strict=True)
    except OSError as fault:
        raise FolderMissing(f"There is no folder {path}. Check the path, or make the folder.") from fault
    if not folder.is_dir():
        raise FolderMissing(f"{folder} is a file. Give the folder it lies in.")
    return folder


def scan(folder: Path) -> Scan:
    """List the folder and all below it. Hidden files and the locks of office programs are not part of it; links and
    special files are, and are refused. Raises FolderMissing."""
    if not folder.is_dir():
        raise FolderMissing(f"There is no folder {folder}. Check the path, or make the folder and put documents in it.")
    result = Scan()
    for source, entry in _walk(folder, "", result):
        if entry.is_symlink():
            result.refused[source] = "This is a link. Footnote reads only files that lie in the folder themselves."
            continue
        try:
            info = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue  # gone since it was listed
        except OSError as fault:
            result.unseen[source] = f"The file cannot be looked at ({fault.strerror})."
            continue
        if not stat.S_ISREG(info.st_mode):
            result.refused[source] = "This is not a regular file."
            continue
        result.found[source] = FoundFile(
            source, Path(entry.path), info.st_size, stat_of(info), is_settled(info, time.time_ns())
        )
    return result


def _walk(folder: Path, prefix: str, result: Scan) -> Iterator[tuple[str, os.DirEntry[str]]]:
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as fault:
        if not prefix:
            raise FolderMissing(
                f"The folder {folder} cannot be read ({fault.strerror}). Check its permissions and try again."
            ) from fault
        result.unseen[prefix.rstrip("/")] = f"This folder cannot be read ({fault.strerror})."
        return
    for entry in entries:
        if entry.name.startswith(_LOCK_PREFIXES) or entry.name.lower() in _OWN_NAMES:
            continue
        # A name that is no valid text on this system is shown with its odd bytes escaped.
        source = prefix + entry.name.encode("utf-8", "backslashreplace").decode("utf-8")
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), f"{source}/", result)
        else:
            yield source, entry


def stat_of(info: os.stat_result) -> str:
    """What a change of a file is noticed by. The change time cannot be set back by hand as the modification time can;
    the inode tells a file that was swapped for another."""
    return f"{info.st_size}:{info.st_mtime_ns}:{info.st_ctime_ns}:{info.st_ino}"


def is_settled(info: os.stat_result, now_ns: int) -> bool:
    """Whether a later write is bound to show in the times. File systems count time in steps of up to 2 s (FAT), so a
    file written just now could change again within the same step: its stat is not to be trusted yet. Nor is it while its
    times lie ahead: then the clock was set back, and is going to show those times once more."""
    return now_ns - max(info.st_mtime_ns, info.st_ctime_ns) > 2_000_000_000


def content_hash(path: Path) -> str:
    """The SHA-256 of the file's bytes, in hex. Raises SourceUnreadable."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as fault:
        raise SourceUnreadable(f"The file cannot be opened ({fault.strerror or fault}).") from fault
