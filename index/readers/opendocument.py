"""OpenDocument texts (.odt): paragraphs, tables row by row and notes; headings are the places.

Read from content.xml with lxml by the OpenDocument 1.3 schema; odfpy is older than the current Pythons and expands
entities. Deleted text of tracked changes and comments are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from index.errors import SourceUnreadable
from index.readers.archives import member, open_archive
from index.readers.assembly import Assembly
from index.readers.dates import iso_date
from index.readers.headings import Outline
from index.readers.xml import local_name, parse_xml
from index.types import Extract, Metadata

if TYPE_CHECKING:
    from lxml.etree import _Element

_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_KIND = "an OpenDocument text"
_LEFT_OUT = frozenset(("tracked-changes", "annotation", "annotation-end", "sequence-decls", "forms", "note-citation"))


def read_opendocument(data: bytes) -> Extract:
    archive = open_archive(data, _KIND)
    if b"encryption-data" in member(archive, "META-INF/manifest.xml", _KIND):
        raise SourceUnreadable("The document is locked with a password. Save a copy without one to have it read.")
    body = parse_xml(member(archive, "content.xml", _KIND)).find(
        "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}body"
    )
    assembly = Assembly()
    if body is not None:
        _add(body, assembly, Outline())
    if "meta.xml" not in archive.namelist():
        return assembly.extract()
    meta = parse_xml(archive.read("meta.xml"))
    fields = {local_name(element): (element.text or "").strip() for element in meta.iter()}
    return assembly.extract(
        Metadata(
            title=fields.get("title", ""),
            author=fields.get("initial-creator") or fields.get("creator", ""),
            date=iso_date((fields.get("creation-date") or fields.get("date", "")).partition(".")[0]),
        )
    )


def _add(element: _Element, assembly: Assembly, outline: Outline) -> None:
    """Adds what an element holds; not the text that follows it."""
    name = local_name(element)
    if name in _LEFT_OUT or not name:
        return
    if name == "h":
        title = " ".join(" ".join(str(text) for text in element.itertext()).split())
        level = str(element.get(f"{_TEXT}outline-level", "1"))
        assembly.paragraph()
        if title:
            assembly.place("heading", outline.enter(int(level) if level.isdigit() else 1, title))
    elif name in ("p", "note", "table", "list"):
        assembly.paragraph()
    elif name == "table-row":
        assembly.start_row()
    elif name == "table-cell" and element.getprevious() is not None:
        assembly.cell()
    elif name in ("s", "tab"):
        assembly.blank()
    elif name == "line-break":
        assembly.line()
    assembly.flow(element.text or "")
    for child in element:
        _add(child, assembly, outline)
        assembly.flow(child.tail or "")
    if name == "table-row":
        assembly.end_row()
    elif name in ("h", "p", "note", "table", "list"):
        assembly.paragraph()
