"""Zip-based documents, opened with limits so that a small file cannot fill the memory."""

from __future__ import annotations

import io
import zipfile

from index.errors import SourceUnreadable
from index.readers.kinds import kind_of

LARGEST_UNPACKED = 1024**3
"""The most bytes the members may hold together when unpacked."""
LARGEST_RATIO = 200
"""How many times larger than the file they may be, above 16 MB. Deflate gives 1032 at most; office files below 30."""
_RATIO_FROM = 16 * 1024**2
_MOST_MEMBERS = 100_000


def open_archive(data: bytes, kind: str) -> zipfile.ZipFile:
    """The archive that `data` holds; `kind` is what it should be, with its article ("a Word document").

    The sizes checked are those the archive states: zipfile reads no more of a member than it states.
    Raises SourceUnreadable for what is no zip archive, is locked, or would unpack to more than the limits.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile as error:
        found = kind_of(data)
        if not found or data.startswith(b"PK"):
            raise SourceUnreadable("The file is damaged or cut short. Get it anew from where it comes from.") from error
        raise SourceUnreadable(f"By its contents this is {found}, not {kind}. Open it and save it anew.") from error
    members = archive.infolist()
    unpacked = sum(member.file_size for member in members)
    if (
        unpacked > LARGEST_UNPACKED
        or len(members) > _MOST_MEMBERS
        or (unpacked > _RATIO_FROM and unpacked > LARGEST_RATIO * len(data))
    ):
        raise SourceUnreadable(
            f"Unpacked the file would take {unpacked // 1024**2} MB, which is more than is read of one of its size."
        )
    if any(member.flag_bits & 1 for member in members):
        raise SourceUnreadable("The file is locked with a password. Save a copy without one to have it read.")
    return archive


def member(archive: zipfile.ZipFile, name: str, kind: str) -> bytes:
    """The bytes of a member that a document of this `kind` must have."""
    try:
        return archive.read(name)
    except KeyError as error:
        raise SourceUnreadable(
            f"The archive holds no {name}, so it is not {kind}. Open it and save it anew."
        ) from error
