"""Readers of plain text, Markdown and reStructuredText: exact text, encodings, headings, front matter, refusals."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.errors import SourceUnreadable, SourceUnsupported
from index.readers import extract, read
from index.types import Document, Extract, Metadata


def place_of(made: Extract, words: str) -> str:
    """The label of the place in which `words` stand."""
    document = Document("x", "", made.text, made.places)
    place = document.place(made.text.index(words))
    return place.label if place else ""


SAMPLES = {
    "cp1252": "Le café où l'élève a mangé coûtait 5 € – très cher, déjà « l'été ».",
    "latin-1": "El niño comió mañana en la ciudad de Málaga, según dijo José.",
    "cp1250": "Zażółć gęślą jaźń. Wrocław, Łódź i Kraków są miastami w Polsce.",
    "iso8859-2": "Zażółć gęślą jaźń. Wrocław, Łódź i Kraków są miastami w Polsce.",
    "cp1251": "Это документ о договоре аренды помещения между сторонами, подписанный в Москве.",
    "koi8-r": "Это документ о договоре аренды помещения между сторонами, подписанный в Москве.",
    "cp1253": "Αυτό είναι ένα έγγραφο σχετικά με τη σύμβαση μίσθωσης.",
    "cp1255": "זהו מסמך בנוגע לחוזה השכירות שנחתם בירושלים.",
    "cp1256": "هذه وثيقة بشأن عقد الإيجار الموقع في القاهرة.",
    "shift_jis": "これは契約書です。東京で署名されました。会議は三月に行われます。",
    "euc_jp": "これは契約書です。東京で署名されました。会議は三月に行われます。",
    "iso2022_jp": "これは契約書です。東京で署名されました。",
    "gb18030": "这是一份关于租赁合同的文件，由双方在北京签署。会议将于三月举行。",
    "big5": "這是一份關於租賃合約的文件，由雙方在台北簽署。會議將於三月舉行。",
    "euc_kr": "이것은 임대 계약에 관한 문서입니다. 서울에서 서명되었습니다.",
    "utf-16-le": "Plain English text without a mark.",
    "utf-16-be": "Это документ о договоре аренды.",
    "utf-32-le": "Plain English text without a mark.",
}


@pytest.mark.parametrize("encoding", SAMPLES)
def test_a_short_text_in_any_usual_encoding_is_read_as_written(encoding: str) -> None:
    text = SAMPLES[encoding] + "\r\n"
    assert extract(text.encode(encoding), "a.txt").text == text


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_a_byte_order_mark_decides_and_is_taken_off(mark: bytes, encoding: str) -> None:
    assert extract(mark + "Zwölf 🎉\n".encode(encoding), "a.txt").text == "Zwölf 🎉\n"


def test_a_text_read_by_detection_says_so_and_one_in_unicode_does_not() -> None:
    assert "cp1252" in extract(SAMPLES["cp1252"].encode("cp1252"), "a.txt").notices[0]
    assert extract(SAMPLES["cp1252"].encode(), "a.txt").notices == ()


def test_one_accent_in_an_english_text_is_read_as_western() -> None:
    assert extract("A naïve résumé costs 5 €.".encode("cp1252"), "a.txt").text == "A naïve résumé costs 5 €."


def test_accents_far_into_a_large_file_are_found_by_the_samples() -> None:
    text = "The quick brown fox jumps over the lazy dog.\n" * 20_000 + "Der Käufer prüft die Größe.\n" * 20
    assert extract(text.encode("cp1252"), "a.txt").text == text


def test_damaged_utf8_keeps_its_other_accents_and_says_how_many_are_lost() -> None:
    made = extract("é".encode() * 40 + b"\xff" + b" fin", "a.txt")
    assert made.text == "é" * 40 + "\ufffd fin"
    assert made.notices == ("1 characters were damaged in the file and are shown as \ufffd.",)


@settings(deadline=None)  # the first call imports
@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\r\n\t"), min_size=1))
def test_text_and_markdown_and_rst_are_the_decoded_bytes(text: str) -> None:
    for name in ("a.txt", "a.md", "a.rst"):
        made = extract(text.encode(), name)
        assert made.text == text.encode().decode("utf-8-sig")
        starts = [place.start for place in made.places]
        assert starts == sorted(starts)
        assert all(0 <= start < len(made.text) for start in starts)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", "PNG picture"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\0\0", "a PDF"),
        (b"PK\x03\x04\x14\0\0\0", "zip archive"),
        (bytes(range(256)), "binary data"),
        (b"text and \0 a hole", "binary data"),
        (b"\x01\x02\x03\x04\x05 abc", "binary data"),
    ],
)
def test_binary_content_under_a_text_name_is_refused_with_what_it_is(data: bytes, reason: str) -> None:
    with pytest.raises(SourceUnreadable, match=reason) as refused:
        extract(data, "a.txt")
    assert not isinstance(refused.value, SourceUnsupported)


def test_an_empty_file_is_an_empty_text_with_a_notice() -> None:
    assert extract(b"", "a.txt") == Extract("", notices=("The file is empty.",))
    assert extract(b" \n\n", "a.md").notices == ("The file holds no text.",)


def test_an_unknown_kind_is_named_in_the_refusal() -> None:
    with pytest.raises(SourceUnsupported, match=r"“\.xyz” is not a kind of file Footnote reads"):
        extract(b"abc", "folder.txt/a.xyz")
    with pytest.raises(SourceUnsupported, match="name ending"):
        extract(b"abc", "README")


def test_a_name_ending_in_capitals_is_the_same_kind(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"words")
    assert read(tmp_path / "x", "NOTES.TXT").text == "words"


def test_a_file_that_is_gone_is_unreadable_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable, match="No such file"):
        read(tmp_path / "gone.txt", "gone.txt")


MARKDOWN = """---
title: Talks in Geneva
authors: [Ann Lee, Bo Ek]
date: 2022-01-10
---
Opening words.

# Background

First *part*.

## Talks with `NATO`

The ministers met.

```
# not a heading
```

Setext
------

Set words.

# Outlook

Last words.
"""


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_markdown_headings_are_places_that_name_their_parents(line_end: str) -> None:
    text = MARKDOWN.replace("\n", line_end)
    made = extract(text.encode(), "a.md")
    assert made.text == text
    assert [p.label for p in made.places] == [
        "Background",
        "Background > Talks with NATO",
        "Background > Setext",
        "Outlook",
    ]
    assert {p.kind for p in made.places} == {"heading"}
    assert text[made.places[1].start :].startswith("## Talks")
    assert place_of(made, "ministers") == "Background > Talks with NATO"
    assert place_of(made, "Opening") == ""


def test_markdown_front_matter_gives_the_metadata() -> None:
    assert extract(MARKDOWN.encode(), "a.md").metadata == Metadata("Talks in Geneva", "Ann Lee, Bo Ek", "2022-01-10")


@pytest.mark.parametrize(
    "front", ["---\n: : [\n---\n", "---\n- a\n---\n", "---\ntitle: !!python/name:os.system\n---\n"]
)
def test_front_matter_that_is_no_plain_mapping_does_no_harm(front: str) -> None:
    made = extract((front + "# H\n\nwords").encode(), "a.md")
    assert made.metadata.author == ""
    assert place_of(made, "words") == "H"


RST = """====================
The Lease Agreement
====================

:Author: Ann Lee
:Date: 2024-02-03

Opening words.

Rent
====

The rent is due on the first.

Late payment
------------

A fee is charged.

Term
====

One year.
"""


def test_rst_section_titles_are_places_and_its_fields_metadata() -> None:
    made = extract(RST.encode(), "a.rst")
    assert made.text == RST
    assert place_of(made, "A fee") == "The Lease Agreement > Rent > Late payment"
    assert place_of(made, "One year") == "The Lease Agreement > Term"
    assert made.text[made.places[0].start :].startswith("====")
    assert made.metadata == Metadata("The Lease Agreement", "Ann Lee", "2024-02-03")
