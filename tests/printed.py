"""PDFs for the tests, made with reportlab."""

from __future__ import annotations

import io
from collections.abc import Callable

from reportlab.lib.pagesizes import A4
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas


def pdf(*pages: Callable[[Canvas], None], encrypt: str | None = None, rotate: int = 0) -> bytes:
    """A PDF whose pages are drawn by the functions given."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, encrypt=encrypt)
    canvas.setTitle("Lease of 2024")
    canvas.setAuthor("Ann Lee")
    for draw in pages:
        canvas.setPageRotation(rotate)
        draw(canvas)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def lines_of(text: str, width: float, size: float) -> list[str]:
    """The text wrapped to a column of `width` points."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if stringWidth(longer, "Helvetica", size) > width:
            lines.append(line)
            line = word
        else:
            line = longer
    return [*lines, line]


def column(
    canvas: Canvas, text: str, left: float = 72, top: float = 760, width: float = 450, size: float = 11
) -> float:
    """Draws a paragraph; returns the height of the next line below it."""
    canvas.setFont("Helvetica", size)
    for line in lines_of(text, width, size):
        canvas.drawString(left, top, line)
        top -= 1.25 * size
    return top
