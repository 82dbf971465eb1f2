"""Word documents (.docx): paragraphs, tables row by row, notes, headers and footers; headings are the places.

python-docx (MIT) opens the package and its styles. The text is gathered from the XML itself, since python-docx passes
over inserted text, content controls and text boxes. Text marked as deleted or hidden is left out, as in print.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from index.errors import SourceUnreadable
from index.readers.archives import open_archive
from index.readers.assembly import Assembly, row
from index.readers.core_properties import core_properties
from index.readers.headings import Outline
from index.readers.xml import local_name, parse_xml
from index.types import Extract

if TYPE_CHECKING:
    from lxml.etree import _Element

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_LEFT_OUT = frozenset(("del", "moveFrom", "Fallback", "rPr", "pPr", "instrText", "delText", "txbxContent"))
_HEADING = re.compile(r"heading (\d)\Z", re.IGNORECASE)


def read_word(data: bytes) -> Extract:
    from docx import Document

    archive = open_archive(data, "a Word document")
    if "word/document.xml" not in archive.namelist() and b"wordprocessingml" not in archive.read("[Content_Types].xml"):
        raise SourceUnreadable("The archive holds no Word document. Give it the name ending of its kind.")
    document = Document(io.BytesIO(data))
    notes: dict[str, _Element] = {}
    edges: dict[str, list[str]] = {"header": [], "footer": []}
    for relation in document.part.rels.values():
        kind = relation.reltype.rpartition("/")[2]
        if relation.is_external or kind not in ("footnotes", "endnotes", "header", "footer"):
            continue
        root = parse_xml(relation.target_part.blob)
        if kind in edges:
            text = " ".join(filter(None, (_text(p) for p in root.iter(f"{_W}p"))))
            if text and text not in edges[kind]:
                edges[kind].append(text)
        else:
            notes.update({f"{kind[:-1]}{note.get(f'{_W}id')}": note for note in root})
    body = _Body(_levels(document.styles.element), notes)
    for text in edges["header"]:
        body.paragraph(text)
    body.blocks(document.element.body)
    for text in edges["footer"]:
        body.paragraph(text)
    return body.assembly.extract(core_properties(archive))


class _Body:
    """The text of a document while its blocks are gone through."""

    def __init__(self, levels: dict[str, int], notes: dict[str, _Element]) -> None:
        self.assembly = Assembly()
        self._levels = levels
        self._notes = notes
        self._noted = 0
        self._outline = Outline()

    def paragraph(self, text: str) -> None:
        self.assembly.paragraph()
        self.assembly.add(text)

    def blocks(self, parent: _Element) -> None:
        for element in parent:
            name = local_name(element)
            if name == "p":
                self._paragraph(element)
            elif name == "tbl":
                self.assembly.paragraph()
                for table_row in _children(element, "tr"):
                    cells = [" ".join(_text(p) for p in cell.iter(f"{_W}p")) for cell in _children(table_row, "tc")]
                    self.assembly.line()
                    self.assembly.add(row(cells))
                    self._add_notes(table_row)
                self.assembly.paragraph()
            elif name in ("sdt", "sdtContent", "customXml", "ins", "moveTo", "smartTag"):
                self.blocks(element)

    def _paragraph(self, element: _Element) -> None:
        text = _text(element)
        level = self._level(element)
        self.assembly.paragraph()
        if level and text:
            self.assembly.place("heading", self._outline.enter(level, text))
        self.assembly.add(text)
        for box in element.iter(f"{_W}txbxContent"):
            if not any(local_name(parent) == "Fallback" for parent in box.iterancestors()):
                self.blocks(box)
        self._add_notes(element)

    def _add_notes(self, element: _Element) -> None:
        """The notes that a paragraph or row refers to, after it."""
        for kind in ("footnote", "endnote"):
            for reference in element.iter(f"{_W}{kind}Reference"):
                note = self._notes.get(f"{kind}{reference.get(f'{_W}id')}")
                if note is not None:
                    self._noted += 1
                    text = " ".join(filter(None, (_text(p) for p in note.iter(f"{_W}p"))))
                    self.paragraph(f"Note {self._noted}: {text}")

    def _level(self, element: _Element) -> int:
        own = element.find(f"{_W}pPr/{_W}outlineLvl")
        if own is not None and own.get(f"{_W}val", "") in list("012345678"):
            return int(own.get(f"{_W}val", "")) + 1
        style = element.find(f"{_W}pPr/{_W}pStyle")
        return self._levels.get(str(style.get(f"{_W}val")), 0) if style is not None else 0


def _children(element: _Element, name: str) -> list[_Element]:
    """The children of this name, also those inside content controls and marks of insertion."""
    found: list[_Element] = []
    for child in element:
        if local_name(child) == name:
            found.append(child)
        elif local_name(child) in ("sdt", "sdtContent", "customXml", "ins"):
            found.extend(_children(child, name))
    return found


def _text(element: _Element) -> str:
    """The text of a paragraph as it is printed."""
    parts: list[str] = []

    def gather(parent: _Element) -> None:
        for child in parent:
            name = local_name(child)
            if name == "t":
                parts.append(child.text or "")
            elif name == "tab":
                parts.append("\t")
            elif name in ("br", "cr") and child.get(f"{_W}type") not in ("page", "column"):
                parts.append("\n")
            elif name == "noBreakHyphen":
                parts.append("-")
            elif name in _LEFT_OUT or (name == "r" and child.find(f"{_W}rPr/{_W}vanish") is not None):
                continue
            else:
                gather(child)

    gather(element)
    return "".join(parts).strip()


def _levels(styles: _Element) -> dict[str, int]:
    """The heading level of each style that has one, by its id: by name, by outline level, or from the style it is of."""
    own: dict[str, int] = {}
    parents: dict[str, str] = {}
    for style in styles.iter(f"{_W}style"):
        style_id = str(style.get(f"{_W}styleId"))
        name, based_on = style.find(f"{_W}name"), style.find(f"{_W}basedOn")
        outline = style.find(f"{_W}pPr/{_W}outlineLvl")
        named = _HEADING.match(str(name.get(f"{_W}val"))) if name is not None else None
        if named:
            own[style_id] = int(named[1])
        elif outline is not None and outline.get(f"{_W}val", "") in list("012345678"):
            own[style_id] = int(outline.get(f"{_W}val", "")) + 1
        if based_on is not None:
            parents[style_id] = str(based_on.get(f"{_W}val"))
    levels = dict(own)
    for style_id in parents:
        at, seen = style_id, {style_id}
        while at not in own and at in parents and parents[at] not in seen:
            at = parents[at]
            seen.add(at)
        if at in own:
            levels[style_id] = own[at]
    return levels
