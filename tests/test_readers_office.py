"""The readers of Word, PowerPoint and Excel files, on files made here with the libraries that write them."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime

import docx
import pptx
import pytest
import xlsxwriter
from docx.oxml import parse_xml as docx_xml
from pptx.util import Inches

from index.errors import SourceUnreadable
from index.readers import extract
from index.types import Document, Extract, Metadata

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def label(made: Extract, words: str) -> str:
    place = Document("x", "", made.text, made.places).place(made.text.index(words))
    return place.label if place else ""


def word_file() -> bytes:
    document = docx.Document()
    document.core_properties.title = "Lease"
    document.core_properties.author = "Ann Lee"
    document.core_properties.created = datetime(2024, 2, 3, 10, 15)
    document.sections[0].header.paragraphs[0].text = "Draft of the lease"
    document.add_paragraph("Opening words.")
    document.add_heading("Rent", 1)
    document.add_paragraph("The rent is 500 euros.")
    document.add_heading("Late payment", 2)
    paragraph = document.add_paragraph("A fee")
    paragraph._p.append(docx_xml(f"<w:ins {W}><w:r><w:t> of 40 euros</w:t></w:r></w:ins>"))
    paragraph._p.append(docx_xml(f"<w:del {W}><w:r><w:delText> of 30 euros</w:delText></w:r></w:del>"))
    paragraph._p.append(docx_xml(f"<w:r {W}><w:rPr><w:vanish/></w:rPr><w:t> secretly</w:t></w:r>"))
    paragraph.add_run(" is due.")
    document.add_heading("Costs", 1)
    table = document.add_table(2, 3)
    for row, texts in zip(table.rows, (("Item", "Cost", "Due"), ("Heating", "80", "1 April")), strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    document.add_paragraph("Last words.")
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def test_a_word_document_is_read_as_printed_with_tables_row_by_row() -> None:
    assert extract(word_file(), "a.docx").text == (
        "Draft of the lease\n\nOpening words.\n\nRent\n\nThe rent is 500 euros.\n\nLate payment\n\n"
        "A fee of 40 euros is due.\n\nCosts\n\nItem | Cost | Due\nHeating | 80 | 1 April\n\nLast words."
    )


def test_headings_of_a_word_document_are_its_places() -> None:
    made = extract(word_file(), "a.docx")
    assert label(made, "500 euros") == "Rent"
    assert label(made, "A fee") == "Rent > Late payment"
    assert label(made, "Heating") == "Costs"
    assert label(made, "Opening") == ""


def test_the_properties_of_a_word_document_are_its_metadata() -> None:
    assert extract(word_file(), "a.docx").metadata == Metadata("Lease", "Ann Lee", "2024-02-03T10:15:00+00:00")


def test_a_footnote_of_a_word_document_stands_after_its_paragraph() -> None:
    note = '<w:footnote w:id="2"><w:p><w:r><w:t>See the annex.</w:t></w:r></w:p></w:footnote>'
    notes = f"<w:footnotes {W}>{note}</w:footnotes>"
    document = docx.Document()
    paragraph = document.add_paragraph("The rent is due.")
    paragraph._p.append(docx_xml(f'<w:r {W}><w:footnoteReference w:id="2"/></w:r>'))
    document.add_paragraph("Next.")
    part = docx.opc.part.Part(
        docx.opc.packuri.PackURI("/word/footnotes.xml"),
        "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml",
        notes.encode(),
        document.part.package,
    )
    document.part.relate_to(part, "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes")
    buffer = io.BytesIO()
    document.save(buffer)
    assert extract(buffer.getvalue(), "a.docx").text == "The rent is due.\n\nNote 1: See the annex.\n\nNext."


def slides_file() -> bytes:
    presentation = pptx.Presentation()
    presentation.core_properties.title = "Plans"
    for title, body in (("Opening", "Welcome"), ("Costs", "Rent\nHeating"), ("Outlook", "The fee is 40 euros")):
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = body
    slide = presentation.slides[1]
    table = slide.shapes.add_table(2, 2, Inches(1), Inches(1), Inches(4), Inches(1)).table
    for row, texts in zip(table.rows, (("Item", "Cost"), ("Water", "20")), strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    group = slide.shapes.add_group_shape()
    group.shapes.add_textbox(0, 0, Inches(1), Inches(1)).text_frame.text = "In a group"
    slide.notes_slide.notes_text_frame.text = "Speak slowly."
    buffer = io.BytesIO()
    presentation.save(buffer)
    return buffer.getvalue()


def test_slides_are_read_with_their_tables_groups_and_notes() -> None:
    made = extract(slides_file(), "a.pptx")
    assert made.text == (
        "Opening\n\nWelcome\n\nCosts\n\nRent\nHeating\n\nItem | Cost\nWater | 20\n\nIn a group\n\n"
        "Notes: Speak slowly.\n\nOutlook\n\nThe fee is 40 euros"
    )
    assert [(p.kind, p.label, p.number) for p in made.places] == [
        ("slide", "slide 1", 1),
        ("slide", "slide 2", 2),
        ("slide", "slide 3", 3),
    ]
    assert label(made, "slowly") == "slide 2"
    assert label(made, "40 euros") == "slide 3"
    assert made.metadata.title == "Plans"


def sheets_file() -> bytes:
    buffer = io.BytesIO()
    workbook = xlsxwriter.Workbook(buffer, {"in_memory": True})
    workbook.set_properties({"title": "Budget of 2024", "author": "Ann Lee"})
    sheet = workbook.add_worksheet("Budget")
    sheet.write_row(0, 0, ["Budget of the house"])
    sheet.write_row(2, 0, ["Item", "Amount", "Due"])
    sheet.write_row(3, 0, ["Rent", 500])
    sheet.write_datetime(3, 2, datetime(2024, 3, 1), workbook.add_format({"num_format": "yyyy-mm-dd"}))
    sheet.write_row(4, 0, ["Water", 20.5])
    notes = workbook.add_worksheet("Notes")
    notes.write_row(1, 1, [1, 2])
    workbook.close()
    return buffer.getvalue()


def test_each_row_of_a_sheet_stands_by_itself() -> None:
    made = extract(sheets_file(), "a.xlsx")
    assert made.text == (
        "Budget of the house\nItem | Amount | Due\nItem: Rent; Amount: 500; Due: 2024-03-01\n"
        "Item: Water; Amount: 20.5\n\n1 | 2"
    )
    assert label(made, "Rent") == "Budget, row 4"
    assert label(made, "Water") == "Budget, row 5"
    assert label(made, "1 | 2") == "Notes, row 2"
    assert (made.metadata.title, made.metadata.author) == ("Budget of 2024", "Ann Lee")


def test_one_cell_in_the_last_corner_does_not_fill_the_memory() -> None:
    buffer = io.BytesIO()
    workbook = xlsxwriter.Workbook(buffer)
    sheet = workbook.add_worksheet()
    sheet.write(0, 0, "a")
    sheet.write(1_048_575, 16_383, "b")
    workbook.close()
    with pytest.raises(SourceUnreadable, match="1048576 rows and 16384 columns"):
        extract(buffer.getvalue(), "a.xlsx")


def repacked(data: bytes, name: str, content: bytes) -> bytes:
    """The archive with one member put in place of its like."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for each in old.namelist():
            if each != name:
                new.writestr(each, old.read(each))
        new.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("make", "name", "inner"),
    [
        (word_file, "a.docx", "word/document.xml"),
        (slides_file, "a.pptx", "ppt/slides/slide1.xml"),
        (sheets_file, "a.xlsx", "xl/worksheets/sheet1.xml"),
    ],
)
def test_an_office_file_that_unpacks_to_far_more_than_its_size_is_refused(make, name: str, inner: str) -> None:  # type: ignore[no-untyped-def]
    bomb = repacked(make(), inner, b"<a>" + b" " * 64 * 1024 * 1024 + b"</a>")
    assert len(bomb) < 200_000
    with pytest.raises(SourceUnreadable, match="Unpacked the file would take"):
        extract(bomb, name)


def text_or_reason(data: bytes, name: str) -> str:
    """All that a person could be shown of the file."""
    try:
        made = extract(data, name)
    except SourceUnreadable as refused:
        return str(refused)
    return made.text + made.metadata.title


@pytest.mark.parametrize(
    ("make", "name", "inner"),
    [
        (word_file, "a.docx", "word/document.xml"),
        (slides_file, "a.pptx", "ppt/slides/slide1.xml"),
        (sheets_file, "a.xlsx", "xl/worksheets/sheet1.xml"),
        (sheets_file, "a.xlsx", "docProps/core.xml"),
    ],
)
def test_entities_are_neither_expanded_nor_loaded(make, name: str, inner: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "secret").write_text("outside words")
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    head = f'<!DOCTYPE x [<!ENTITY l0 "lol"><!ENTITY out SYSTEM "file://{tmp_path}/secret">{laughs}]>'
    old = zipfile.ZipFile(io.BytesIO(make())).read(inner).decode()
    body = old[old.index("?>") + 2 :].replace("Rent", "&l11;&out;").replace("Opening", "&l11;&out;")
    crafted = repacked(make(), inner, (head + body.replace("Budget of 2024", "&l11;&out;")).encode())
    shown = text_or_reason(crafted, name)
    assert "outside words" not in shown
    assert len(shown) < 1000


def test_office_files_of_another_kind_are_named() -> None:
    with pytest.raises(SourceUnreadable, match="not an Excel workbook"):
        extract(word_file(), "a.xlsx")
    with pytest.raises(SourceUnreadable, match="no Word document"):
        extract(sheets_file(), "a.docx")
    with pytest.raises(SourceUnreadable, match="locked with a password"):
        extract(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "a.docx")
    with pytest.raises(SourceUnreadable, match="damaged"):
        extract(word_file()[:3000], "a.docx")
