"""From a file of each format to the footnote: the exact words, and the place that a person finds them at."""

from __future__ import annotations

import mailbox
import zipfile
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import docx
import pptx
import pytest
import xlsxwriter
from reportlab.pdfgen.canvas import Canvas

from assistant.history import History
from assistant.library import Library
from assistant.types import Citation, Support
from index.folder import FolderIndex

# What stands before and after the fact, in places of their own.
BEFORE = "The ferryman wears a blue coat in winter."
AFTER = "Swallows nest under the roof of the station."


def fact(bridge: str) -> str:
    return f"The toll of the {bridge} bridge is 41 crowns."


def pdf(path: Path) -> None:
    canvas = Canvas(str(path))
    for text in (BEFORE, AFTER, fact("Alder")):
        canvas.drawString(72, 700, text)
        canvas.showPage()
    canvas.save()


def slides(path: Path) -> None:
    presentation = pptx.Presentation()
    for title, text in (("Coats", BEFORE), ("Tolls", fact("Birch")), ("Birds", AFTER)):
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = text
    presentation.save(str(path))


def word(path: Path) -> None:
    document = docx.Document()
    for title, text in (("Coats", BEFORE), ("Tolls", fact("Cedar")), ("Birds", AFTER)):
        document.add_heading(title, 1)
        document.add_paragraph(text)
    document.save(str(path))


def workbook(path: Path) -> None:
    book = xlsxwriter.Workbook(str(path))
    book.add_worksheet("Coats").write_row(0, 0, ["Ferryman", "Blue coat"])
    sheet = book.add_worksheet("Tolls")
    sheet.write_row(0, 0, ["Bridge", "Toll in crowns", "Keeper"])
    for row, cells in enumerate([["Walnut", 12, "Ann"], ["Dogwood", 41, "Bo"], ["Willow", 13, "Cy"]], 1):
        sheet.write_row(row, 0, cells)
    book.close()


def table(path: Path) -> None:
    path.write_text(
        "What,Toll\nPoplar bridge,toll of 12 crowns\nElder bridge,toll of 41 crowns\nHazel bridge,toll of 13\n"
    )


def markdown(path: Path) -> None:
    path.write_text(f"# The river\n\n{BEFORE}\n\n## Tolls\n\n{fact('Fir')}\n\n## Birds\n\n{AFTER}\n")


def web_page(path: Path) -> None:
    path.write_text(
        f"<html><body><h1>The river</h1><p>{BEFORE}</p><h2>Tolls</h2><p>{fact('Gorse')}</p><h2>Birds</h2>"
        f"<p>{AFTER}</p></body></html>"
    )


def subtitles(path: Path) -> None:
    path.write_text(
        f"1\n00:00:01,000 --> 00:00:04,000\n{BEFORE}\n\n2\n00:01:05,500 --> 00:01:09,000\n{fact('Holly')}\n\n"
        f"3\n01:00:00,000 --> 01:00:04,000\n{AFTER}\n"
    )


def captions(path: Path) -> None:
    path.write_text(
        f"WEBVTT\n\n00:01.000 --> 00:02.000\n{BEFORE}\n\n02:03.000 --> 02:07.000\n{fact('Ivy')}\n\n"
        f"01:00:02.000 --> 01:00:03.000\n{AFTER}\n"
    )


def book(path: Path) -> None:
    page = '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body>{}</body></html>'
    chapters = {"one": ("The Coat", BEFORE), "two": ("The Toll", fact("Juniper")), "three": ("The Birds", AFTER)}
    listed = "".join(f'<item id="{c}" href="{c}.xhtml" media-type="application/xhtml+xml"/>' for c in chapters)
    read = "".join(f'<itemref idref="{chapter}"/>' for chapter in chapters)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
        archive.writestr(
            "META-INF/container.xml",
            '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>',
        )
        archive.writestr(
            "book.opf",
            '<package xmlns="http://www.idpf.org/2007/opf"><metadata/>'
            f"<manifest>{listed}</manifest><spine>{read}</spine></package>",
        )
        for chapter, (title, text) in chapters.items():
            archive.writestr(f"{chapter}.xhtml", page.format(f"<h1>{title}</h1><p>{text}</p>"))


def message(subject: str, text: str, day: int) -> EmailMessage:
    made = EmailMessage()
    made["Subject"], made["From"], made["To"] = subject, "Ann Lee <ann@example.org>", "bo@example.org"
    made["Date"] = f"Sat, {day:02} Feb 2024 10:15:00 +0100"
    made.set_content(text + "\n")
    return made


def mail(path: Path) -> None:
    path.write_bytes(message("Our tolls", fact("Kapok"), 3).as_bytes())


def mails(path: Path) -> None:
    box = mailbox.mbox(path)
    for day, (subject, text) in enumerate((("Coats", BEFORE), ("New tolls", fact("Larch")), ("Birds", AFTER)), 10):
        box.add(message(subject, text, day))
    box.close()


def restructured(path: Path) -> None:
    path.write_text(f"Coats\n=====\n\n{BEFORE}\n\nTolls\n=====\n\n{fact('Maple')}\n\nBirds\n=====\n\n{AFTER}\n")


def lines_of_json(path: Path) -> None:
    path.write_text('{"coat": "blue"}\n{"bridge": "Neem", "toll": "The toll of the Neem bridge is 41 crowns."}\n')


def opendocument(path: Path) -> None:
    names = " ".join(
        f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{short}:1.0"' for short in ("office", "text")
    )
    parts = "".join(
        f'<text:h text:outline-level="1">{title}</text:h><text:p>{text}</text:p>'
        for title, text in (("Coats", BEFORE), ("Tolls", fact("Olive")), ("Birds", AFTER))
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
        archive.writestr(
            "content.xml",
            f"<office:document-content {names}><office:body><office:text>{parts}</office:text></office:body>"
            "</office:document-content>",
        )


WRITERS: dict[str, Callable[[Path], None]] = {
    "a.pdf": pdf,
    "b.pptx": slides,
    "c.docx": word,
    "d.xlsx": workbook,
    "e.csv": table,
    "f.md": markdown,
    "g.html": web_page,
    "h.srt": subtitles,
    "i.vtt": captions,
    "j.epub": book,
    "k.eml": mail,
    "l.mbox": mails,
    "m.rst": restructured,
    "n.jsonl": lines_of_json,
    "o.odt": opendocument,
}
# The bridge that each file tells of, and where a person finds it there: kind of place, its words, its number.
PLACES = [
    ("a.pdf", "Alder", "page", "page 3", 3),
    ("b.pptx", "Birch", "slide", "slide 2", 2),
    ("c.docx", "Cedar", "heading", "Tolls", None),
    ("d.xlsx", "Dogwood", "row", "Tolls, row 3", 3),
    ("e.csv", "Elder", "row", "row 3", 3),
    ("f.md", "Fir", "heading", "The river > Tolls", None),
    ("g.html", "Gorse", "heading", "The river > Tolls", None),
    ("h.srt", "Holly", "time", "00:01:05", None),
    ("i.vtt", "Ivy", "time", "00:02:03", None),
    ("j.epub", "Juniper", "chapter", "The Toll", None),
    ("k.eml", "Kapok", "message", "Our tolls - 2024-02-03", None),
    ("l.mbox", "Larch", "message", "New tolls - 2024-02-11", None),
    ("m.rst", "Maple", "heading", "Tolls", None),
    ("n.jsonl", "Neem", "row", "line 2", 2),
    ("o.odt", "Olive", "heading", "Tolls", None),
]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("places") / "river"
    folder.mkdir()
    for name, write in WRITERS.items():
        write(folder / name)
    index = FolderIndex.open(folder, data_dir)
    library = Library(index, History(index.home / "history.sqlite"), None)
    report = library.sync()
    assert report.failed == ()
    yield library
    library.close()


def cited(library: Library, question: str) -> list[Citation]:
    *_, answer = library.ask(question)
    assert answer.found
    assert all(sentence.support is Support.QUOTED for sentence in answer.sentences)
    return list(answer.citations)


@pytest.mark.parametrize(("source", "bridge", "kind", "label", "number"), PLACES, ids=[place[0] for place in PLACES])
def test_a_footnote_names_the_place_that_holds_its_exact_words(
    library: Library, source: str, bridge: str, kind: str, label: str, number: int | None
) -> None:
    citation = cited(library, f"What is the toll of the {bridge} bridge?")[0]
    assert citation.source == source
    assert bridge in citation.quote
    assert "41" in citation.quote
    assert citation.place == label
    document = library.document(source)
    assert document is not None
    assert document.content_hash == citation.content_hash
    assert document.text[citation.start : citation.end] == citation.quote
    place = document.place(citation.start)
    assert place is not None
    assert (place.kind, place.label, place.number) == (kind, label, number)


@pytest.mark.parametrize("source", sorted({place[0] for place in PLACES} - {"d.xlsx", "e.csv", "k.eml", "n.jsonl"}))
def test_words_at_the_beginning_and_the_end_of_a_file_are_placed_there_and_not_at_its_fact(
    library: Library, source: str
) -> None:
    document = library.document(source)
    assert document is not None
    places = [document.place(document.text.index(words)) for words in (BEFORE, "toll of", AFTER)]
    assert len({place.start for place in places if place}) == 3


def test_every_passage_of_every_format_is_its_documents_slice(library: Library) -> None:
    for file in library.files():
        document = library.document(file.source)
        assert document is not None
        for hit in library.search(f"{BEFORE} {AFTER} toll bridge crowns", 100):
            passage = hit.passage
            if passage.source == file.source:
                assert passage.text == document.text[passage.start : passage.end]


def test_a_pdf_of_several_pages_is_one_source(library: Library) -> None:
    assert [file.source for file in library.files()] == sorted(WRITERS)
    sources = [hit.passage.source for hit in library.search("Alder bridge ferryman swallows", 100)]
    assert "a.pdf" in sources
    assert not any(source.startswith("a.pdf") and source != "a.pdf" for source in sources)
