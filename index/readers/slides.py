"""Presentations (.pptx): the texts, tables and speaker's notes of each slide; slides are the places.

python-pptx (MIT), the usual library for the format.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from index.readers.archives import member, open_archive
from index.readers.assembly import Assembly, row
from index.readers.core_properties import core_properties
from index.types import Extract

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pptx.shapes.base import BaseShape


def read_slides(data: bytes) -> Extract:
    archive = open_archive(data, "a PowerPoint presentation")
    member(archive, "ppt/presentation.xml", "a PowerPoint presentation")
    from pptx import Presentation

    assembly = Assembly()
    for number, slide in enumerate(Presentation(io.BytesIO(data)).slides, 1):
        assembly.paragraph()
        assembly.place("slide", f"slide {number}", number)
        title = slide.shapes.title
        shapes = [shape for shape in slide.shapes if title is None or shape.shape_id != title.shape_id]
        _add_shapes([title, *shapes] if title is not None else shapes, assembly)
        notes = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
        if notes is not None and notes.text.strip():
            assembly.paragraph()
            assembly.add(f"Notes: {_clean(notes.text)}")
    return assembly.extract(core_properties(archive))


def _add_shapes(shapes: Iterable[BaseShape], assembly: Assembly) -> None:
    from pptx.shapes.graphfrm import GraphicFrame
    from pptx.shapes.group import GroupShape

    for shape in shapes:
        assembly.paragraph()
        if isinstance(shape, GroupShape):
            _add_shapes(shape.shapes, assembly)
        elif isinstance(shape, GraphicFrame) and shape.has_table:
            for table_row in shape.table.rows:
                assembly.line()
                assembly.add(row([cell.text for cell in table_row.cells]))
        elif shape.has_text_frame:
            assembly.add(_clean(shape.text_frame.text))  # type: ignore[attr-defined]


def _clean(text: str) -> str:
    return text.replace("\v", "\n").strip()
