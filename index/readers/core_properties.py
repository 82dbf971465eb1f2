"""What an Office file says of itself: title, author and date, from docProps/core.xml (ECMA-376, part 2)."""

from __future__ import annotations

import zipfile

from index.readers.dates import iso_date
from index.readers.xml import local_name, parse_xml
from index.types import Metadata


def core_properties(archive: zipfile.ZipFile) -> Metadata:
    """The properties; empty where the file has none. The date is that of its making, or else of its last change."""
    if "docProps/core.xml" not in archive.namelist():
        return Metadata()
    root = parse_xml(archive.read("docProps/core.xml"))
    fields = {local_name(element): (element.text or "").strip() for element in root}
    return Metadata(
        title=fields.get("title", ""),
        author=fields.get("creator", ""),
        date=iso_date(fields.get("created") or fields.get("modified") or ""),
    )
