"""The reader of web pages."""

from __future__ import annotations

import pytest

from index.errors import SourceUnreadable
from index.readers import extract
from index.types import Document, Metadata

PAGE = """<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>Talks in
 Geneva</title><meta name="author" content="Ann Lee">
<meta property="article:published_time" content="2022-01-10T09:30:00Z">
<style>p { color: red }</style><script>var secret = "scripted";</script></head>
<body><nav><a href="/">Home</a></nav>
<p hidden>hidden words</p><div style="display: none">styled away</div><p aria-hidden="true">unheard</p>
<h1>Background</h1><p>The ministers
met&nbsp;in <b>Gen</b>eva.<br>They talked.</p>
<h2>The <em>second</em> day</h2><p>A tie&amp;vote.</p>
<table><tr><th>Item<th>Cost</tr><tr><td><p>Rent</p><td><div>500</div><td></tr></table>
<pre>a
  b</pre>
<noscript>enable scripts</noscript><img src="http://127.0.0.1:9/x.png" alt="x">
<ul><li>one<li>two</ul></body></html>"""


def label(name: str, data: bytes, words: str) -> str:
    made = extract(data, name)
    place = Document("x", "", made.text, made.places).place(made.text.index(words))
    return place.label if place else ""


def test_a_page_is_read_as_it_is_seen() -> None:
    made = extract(PAGE.encode(), "a.html")
    assert made.text == (
        "Background\n\nThe ministers met\u00a0in Geneva.\nThey talked.\n\nThe second day\n\nA tie&vote.\n\n"
        "Item | Cost\nRent | 500\n\na\n  b\n\none\ntwo"
    )
    assert made.metadata == Metadata("Talks in Geneva", "Ann Lee", "2022-01-10T09:30:00+00:00")


def test_headings_of_a_page_are_its_places() -> None:
    assert label("a.html", PAGE.encode(), "ministers") == "Background"
    assert label("a.html", PAGE.encode(), "Rent") == "Background > The second day"


def test_the_declared_encoding_of_a_page_is_followed() -> None:
    page = '<html><head><meta http-equiv="Content-Type" content="text/html; charset=koi8-r"></head><p>Договор</p>'
    made = extract(page.encode("koi8-r"), "a.htm")
    assert made.text == "Договор"
    assert made.notices == ()


@pytest.mark.parametrize("declared", ["base64", "rot13", "no-such", "utf-16"])
def test_a_declared_encoding_that_cannot_be_is_passed_over(declared: str) -> None:
    page = f"<meta charset=\"{declared}\"><p>Le café où l'élève a mangé était très cher, déjà l'été.</p>"
    assert extract(page.encode("cp1252"), "a.html").text == "Le café où l'élève a mangé était très cher, déjà l'été."


def test_a_page_nested_very_deep_is_read_to_its_end() -> None:
    page = "<div>" * 20_000 + "deep" + "</div>" * 20_000 + "<p>after</p>"
    assert extract(page.encode(), "a.html").text == "deep\n\nafter"


def test_a_html_file_without_html_is_refused_with_advice() -> None:
    with pytest.raises(SourceUnreadable, match=r"\.txt"):
        extract(b"just words", "a.html")
    with pytest.raises(SourceUnreadable, match="PNG"):
        extract(b"\x89PNG\r\n\x1a\n\0\0", "a.html")
