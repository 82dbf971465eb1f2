"""The readers of e-books, OpenDocument texts and rich text, on small files written here."""

from __future__ import annotations

import io
import zipfile

import pytest

from index.errors import SourceUnreadable
from index.readers import extract
from index.types import Document, Extract, Metadata


def label(made: Extract, words: str) -> str:
    place = Document("x", "", made.text, made.places).place(made.text.index(words))
    return place.label if place else ""


def zipped(members: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


XHTML = '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body>'
BOOK = {
    "mimetype": "application/epub+zip",
    "META-INF/container.xml": (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    ),
    "OEBPS/book.opf": (
        '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
        "<dc:title>The House</dc:title><dc:creator>Ann Lee</dc:creator><dc:creator>Bo Ek</dc:creator>"
        "<dc:date>2021</dc:date></metadata><manifest>"
        '<item id="n" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>'
        '<item id="b" href="text/two%20b.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="a" href="text/one.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="c" href="text/gone.xhtml" media-type="application/xhtml+xml"/>'
        '</manifest><spine><itemref idref="a"/><itemref idref="b"/><itemref idref="c"/></spine></package>'
    ),
    "OEBPS/nav.xhtml": XHTML + '<nav><a href="text/one.xhtml#top">The Door</a></nav></body></html>',
    "OEBPS/text/one.xhtml": XHTML + "<p>She opened the door.</p><h2>Inside</h2><p>It was dark.</p></body></html>",
    "OEBPS/text/two b.xhtml": XHTML + "<h1>The Garden</h1><p>Roses grew there.</p></body></html>",
}


def test_a_book_is_read_in_the_order_of_its_spine_with_chapters_as_places() -> None:
    made = extract(zipped(BOOK), "a.epub")
    assert made.text == "She opened the door.\n\nInside\n\nIt was dark.\n\nThe Garden\n\nRoses grew there."
    assert label(made, "opened") == "The Door"
    assert label(made, "dark") == "The Door > Inside"
    assert label(made, "Roses") == "The Garden"
    assert made.metadata == Metadata("The House", "Ann Lee, Bo Ek", "2021")
    assert made.notices == ("The chapter OEBPS/text/gone.xhtml is missing from the e-book.",)


def test_a_book_locked_by_its_seller_is_refused_with_the_reason() -> None:
    lock = (
        '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" xmlns:e="http://www.w3.org/2001/04/xmlenc#">'
        '<e:EncryptedData><e:CipherData><e:CipherReference URI="OEBPS/text/one.xhtml"/></e:CipherData>'
        "</e:EncryptedData></encryption>"
    )
    with pytest.raises(SourceUnreadable, match="DRM"):
        extract(zipped({**BOOK, "META-INF/encryption.xml": lock}), "a.epub")


def test_an_archive_that_is_no_book_is_refused() -> None:
    with pytest.raises(SourceUnreadable, match=r"not an e-book \(EPUB\)"):
        extract(zipped({"a.txt": "words"}), "a.epub")


SPACES = " ".join(
    f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for short, name in (("office", "office"), ("text", "text"), ("table", "table"), ("meta", "meta"))
)
ODT = {
    "mimetype": "application/vnd.oasis.opendocument.text",
    "META-INF/manifest.xml": "<manifest/>",
    "content.xml": (
        f"<office:document-content {SPACES}><office:body><office:text>"
        "<text:tracked-changes><text:changed-region><text:p>deleted words</text:p></text:changed-region>"
        "</text:tracked-changes>"
        '<text:h text:outline-level="1">Rent</text:h><text:p>The rent<text:s/>is <text:span>500</text:span> euros.'
        '<text:line-break/>Monthly.</text:p><text:h text:outline-level="2">Late</text:h>'
        "<text:p>A fee of 40.<text:note><text:note-citation>1</text:note-citation><text:note-body>"
        "<text:p>See below.</text:p></text:note-body></text:note></text:p>"
        "<table:table><table:table-row><table:table-cell><text:p>Item</text:p></table:table-cell>"
        "<table:table-cell><text:p>Cost</text:p></table:table-cell></table:table-row><table:table-row>"
        "<table:table-cell><text:p>Water</text:p></table:table-cell><table:table-cell><text:p>20</text:p>"
        "</table:table-cell></table:table-row></table:table><text:p>End.</text:p>"
        "</office:text></office:body></office:document-content>"
    ),
    "meta.xml": (
        f'<office:document-meta {SPACES} xmlns:dc="http://purl.org/dc/elements/1.1/"><office:meta>'
        "<dc:title>Lease</dc:title><meta:initial-creator>Ann Lee</meta:initial-creator>"
        "<meta:creation-date>2024-02-03T10:15:00.123456789</meta:creation-date></office:meta></office:document-meta>"
    ),
}


def test_an_opendocument_text_is_read_with_tables_row_by_row_and_headings_as_places() -> None:
    made = extract(zipped(ODT), "a.odt")
    assert made.text == (
        "Rent\n\nThe rent is 500 euros.\nMonthly.\n\nLate\n\nA fee of 40.\n\nSee below.\n\nItem | Cost\nWater | 20\n\nEnd."
    )
    assert label(made, "500") == "Rent"
    assert label(made, "fee") == "Rent > Late"
    assert made.metadata == Metadata("Lease", "Ann Lee", "2024-02-03T10:15:00")


def test_a_locked_opendocument_text_is_refused_with_the_reason() -> None:
    locked = {**ODT, "META-INF/manifest.xml": "<manifest><encryption-data/></manifest>", "content.xml": "\1\2"}
    with pytest.raises(SourceUnreadable, match="locked with a password"):
        extract(zipped(locked), "a.odt")


def test_entities_in_an_opendocument_text_are_refused() -> None:
    with pytest.raises(SourceUnreadable, match="entities"):
        extract(zipped({**ODT, "content.xml": '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'}), "a.odt")


RTF = (
    r"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}{\info{\title Lease}{\author Ann Lee}"
    r"{\creatim\yr2024\mo2\dy3}}\f0 The caf\'e9 rent is \b 500\b0  euros.\par Second \u8364? line.\par}"
)


def test_rich_text_is_read_without_its_marks() -> None:
    made = extract(RTF.encode(), "a.rtf")
    assert made.text == "The café rent is 500 euros.\nSecond € line."
    assert made.metadata == Metadata("Lease", "Ann Lee", "2024-02-03")


def test_what_is_no_rich_text_is_named() -> None:
    with pytest.raises(SourceUnreadable, match="a zip archive"):
        extract(zipped({"a": "b"}), "a.rtf")
