"""The reader of PDFs, on PDFs made here with reportlab."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from index.errors import SourceUnreadable
from index.readers import extract
from index.types import Document, Extract

LEFT = (
    "The tenant shall pay the rent on the first day of each month and shall keep the rooms in good repair at his own "
    "cost. The landlord may enter the rooms after a notice of one day. Any change of this lease needs the written "
    "form and the signature of both sides."
)
RIGHT = (
    "Heating is paid by the landlord during the winter months only. Pets are allowed when the neighbours do not mind "
    "them. The deposit is returned within thirty days after the end of the lease, less any damage that the tenant "
    "caused to the rooms or the house."
)
TITLE = "A title that spans both of the columns of this page"


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


def page_of(made: Extract, words: str) -> tuple[str, int | None]:
    place = Document("x", "", made.text, made.places).place(made.text.index(words))
    assert place is not None
    return place.label, place.number


def paragraph(text: str) -> Callable[[Canvas], None]:
    return lambda canvas: column(canvas, text) and None


def picture(canvas: Canvas) -> None:
    canvas.drawImage(ImageReader(Image.new("RGB", (40, 40), "grey")), 100, 100, 400, 400)


def test_a_fact_is_found_on_its_page() -> None:
    made = extract(pdf(paragraph("Opening words."), paragraph("Second."), paragraph("The fee is 40 euros.")), "a.pdf")
    assert page_of(made, "40 euros") == ("page 3", 3)
    assert page_of(made, "Opening") == ("page 1", 1)


def test_the_metadata_of_a_pdf_is_read() -> None:
    metadata = extract(pdf(paragraph("Words.")), "a.pdf").metadata
    assert (metadata.title, metadata.author) == ("Lease of 2024", "Ann Lee")
    assert metadata.date[:2] == "20"
    assert "T" in metadata.date


def test_wrapped_lines_of_a_paragraph_run_on() -> None:
    assert extract(pdf(paragraph(LEFT)), "a.pdf").text == LEFT


@pytest.mark.parametrize("order", ["column by column", "row by row"])
def test_two_columns_are_read_one_after_the_other_however_they_were_drawn(order: str) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", 16)
        canvas.drawString(72, 780, TITLE)
        if order == "column by column":
            column(canvas, LEFT, 72, 740, 210)
            column(canvas, RIGHT, 310, 740, 210)
            return
        canvas.setFont("Helvetica", 11)
        left, right = lines_of(LEFT, 210, 11), lines_of(RIGHT, 210, 11)
        for at in range(max(len(left), len(right))):
            for x, lines in ((72, left), (310, right)):
                if at < len(lines):
                    canvas.drawString(x, 740 - 14 * at, lines[at])

    assert extract(pdf(draw), "a.pdf").text == f"{TITLE}\n\n{LEFT}\n\n{RIGHT}"


def test_a_sentence_goes_on_from_the_foot_of_a_column_at_the_head_of_the_next() -> None:
    def draw(canvas: Canvas) -> None:
        column(canvas, LEFT + " It is a rule that this", 72, 740, 210)
        column(canvas, "sentence runs over the gutter. " + RIGHT, 310, 740, 210)

    assert "It is a rule that this sentence runs over the gutter. Heating" in extract(pdf(draw), "a.pdf").text


def test_three_columns_are_read_one_after_the_other() -> None:
    third = "Water and waste are part of the rent. The garden is shared by all tenants of the house and kept by them."

    def draw(canvas: Canvas) -> None:
        for x, text in ((40, LEFT), (220, RIGHT), (400, third)):
            column(canvas, text, x, 740, 150, 9)

    assert extract(pdf(draw), "a.pdf").text == f"{LEFT}\n\n{RIGHT}\n\n{third}"


def test_a_table_is_read_row_by_row() -> None:
    table = [("Item", "Cost", "Due"), ("Rent of the rooms", "500", "1 March"), ("Heating", "80", "1 April")]
    table += [("Water", "20", "1 May"), ("Parking place", "45", "1 June")]

    def draw(canvas: Canvas) -> None:
        for at, row in enumerate(table):
            for x, cell in zip((72, 300, 400), row, strict=True):
                canvas.drawString(x, 700 - 14 * at, cell)

    assert extract(pdf(draw), "a.pdf").text == "\n".join(" ".join(row) for row in table)


def test_a_word_parted_at_a_line_end_is_joined_and_a_hyphen_that_belongs_stays() -> None:
    lines = ["This well-known rule holds for the exam-", "ple and for the well-", "known one, in 2023-"]
    lines += ["2024 as for the Smith-", "Jones house."]

    def draw(canvas: Canvas) -> None:
        for at, line in enumerate(lines):
            canvas.drawString(72, 700 - 14 * at, line)

    assert extract(pdf(draw), "a.pdf").text == (
        "This well-known rule holds for the example and for the well-known one, in 2023-2024 as for the "
        "Smith-Jones house."
    )


def test_ligatures_are_letters() -> None:
    pdfmetrics.registerFont(TTFont("Vera", "Vera.ttf"))

    def draw(canvas: Canvas) -> None:
        canvas.setFont("Vera", 12)
        canvas.drawString(72, 700, "The ﬁrst ﬂat.")

    assert extract(pdf(draw), "a.pdf").text == "The first flat."


def test_running_heads_and_page_numbers_break_no_sentence_and_are_kept_once() -> None:
    bodies = [
        "The first page holds a sentence that goes on",
        "to the second page, with an exam-",
        "ple. Third.",
        "End.",
    ]

    def page(number: int) -> Callable[[Canvas], None]:
        def draw(canvas: Canvas) -> None:
            canvas.setFont("Helvetica", 9)
            canvas.drawString(72, 810, "Lease of the house in Mill Street")
            canvas.drawString(72, 40, "Confidential")
            canvas.drawString(300, 30, str(number + 1))
            column(canvas, bodies[number])

        return draw

    made = extract(pdf(*map(page, range(4))), "a.pdf")
    assert made.text == (
        "Lease of the house in Mill Street\n\nThe first page holds a sentence that goes on to the second page, with an "
        "example. Third.\n\nEnd.\n\nConfidential"
    )
    assert page_of(made, "to the second") == ("page 2", 2)
    assert page_of(made, "Third") == ("page 3", 3)


def test_running_heads_of_a_chapter_are_kept_once_though_most_pages_have_others() -> None:
    def page(number: int) -> Callable[[Canvas], None]:
        def draw(canvas: Canvas) -> None:
            canvas.drawString(72, 810, f"Chapter {number // 4}: Words {number + 1}")
            column(canvas, f"Page {number} holds this. {LEFT}")

        return draw

    text = extract(pdf(*map(page, range(20))), "a.pdf").text
    assert [text.count(f"Chapter {chapter}: Words") for chapter in range(5)] == [1] * 5
    assert all(f"Page {number} holds this." in text for number in range(20))


def test_pages_of_like_words_lose_none_of_them() -> None:
    bodies = [f"Page of number {n}. {LEFT}" for n in range(6)]
    assert extract(pdf(*map(paragraph, bodies)), "a.pdf").text == "\n\n".join(bodies)


def test_a_line_at_the_head_of_pages_whose_numbers_count_no_pages_stays() -> None:
    def page(amount: int) -> Callable[[Canvas], None]:
        def draw(canvas: Canvas) -> None:
            canvas.drawString(72, 810, f"Invoice of {amount} euros")
            column(canvas, LEFT)
            canvas.drawString(72, 60, "End of sheet")

        return draw

    text = extract(pdf(*map(page, (40, 7, 99))), "a.pdf").text
    assert [f"Invoice of {amount} euros" in text for amount in (40, 7, 99)] == [True, True, True]
    assert text.count("End of sheet") == 1


def test_a_page_printed_sideways_is_read_along_its_lines() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.translate(300, 100)
        canvas.rotate(90)
        column(canvas, LEFT, 0, 0)

    assert extract(pdf(draw, rotate=90), "a.pdf").text == LEFT


def test_a_stamp_written_sideways_stands_after_the_text_of_its_page() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.saveState()
        canvas.translate(30, 300)
        canvas.rotate(90)
        canvas.drawString(0, 0, "stamped 2024")
        canvas.restoreState()
        column(canvas, LEFT)

    assert extract(pdf(draw), "a.pdf").text == LEFT + "\n\nstamped 2024"


def test_a_scanned_page_is_named_in_a_notice_and_a_blank_one_is_not() -> None:
    made = extract(pdf(paragraph("Words."), picture, paragraph("More."), lambda canvas: None), "a.pdf")
    assert made.text == "Words.\n\nMore."
    assert len(made.notices) == 1
    assert made.notices[0].startswith("Page 2 has no text layer")
    made = extract(pdf(paragraph("Words."), picture, picture, paragraph("More."), picture), "a.pdf")
    assert made.notices[0].startswith("Pages 2–3, 5 have no text layer")


def test_a_scan_without_any_text_is_unreadable_with_advice() -> None:
    with pytest.raises(SourceUnreadable, match=r"no text layer.*OCR"):
        extract(pdf(picture, picture), "a.pdf")


def test_a_locked_pdf_is_unreadable_with_the_reason() -> None:
    with pytest.raises(SourceUnreadable, match="locked with a password"):
        extract(pdf(paragraph("Secret."), encrypt="open sesame"), "a.pdf")


def test_what_is_no_pdf_is_named() -> None:
    with pytest.raises(SourceUnreadable, match=r"a web page \(HTML\), not a PDF"):
        extract(b"<!DOCTYPE html><html><body>404</body></html>", "a.pdf")
    with pytest.raises(SourceUnreadable, match="no PDF, or is damaged"):
        extract(b"nothing of the kind", "a.pdf")
    with pytest.raises(SourceUnreadable, match="The PDF is damaged"):
        extract(b"%PDF-1.7\nbroken off", "a.pdf")


def test_pages_rise_and_lie_in_the_text() -> None:
    made = extract(pdf(*[paragraph(f"Page of number {n}. {LEFT}") for n in range(30)]), "a.pdf")
    starts = [place.start for place in made.places]
    assert starts == sorted(set(starts))
    assert len(starts) == 30
    assert all(made.text[start:].startswith("Page of number") for start in starts)
