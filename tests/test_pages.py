"""Pages of PDFs as pictures: the words are boxed where they stand, or not at all."""

from __future__ import annotations

import io
from collections.abc import Callable

import pypdfium2
import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from index.errors import SourceUnreadable
from index.pages import PagePicture, flat, picture
from index.readers import extract


def pdf(draw: Callable[[Canvas], None], rotate: int = 0) -> bytes:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4)
    canvas.setPageRotation(rotate)
    draw(canvas)
    canvas.save()
    return buffer.getvalue()


def lines(*texts: str) -> Callable[[Canvas], None]:
    def draw(canvas: Canvas) -> None:
        for at, text in enumerate(texts):
            canvas.drawString(72, 500 - 20 * at, text)

    return draw


def around(text: str, words: str, nth: int = 0) -> tuple[str, str, str]:
    at = -1
    for _ in range(nth + 1):
        at = text.index(words, at + 1)
    return text[:at], words, text[at + len(words) :]


def boxed(data: bytes, drawn: PagePicture) -> list[str]:
    """What the file itself says stands in each box."""
    page = pypdfium2.PdfDocument(data)[drawn.number - 1]
    conversion = page.render(scale=2).get_posconv(page)
    width, height = (2 * side for side in page.get_size())
    found = []
    for left, top, right, bottom in drawn.boxes:
        corners = [conversion.to_page(round(x * width), round(y * height)) for x, y in ((left, top), (right, bottom))]
        (x1, y1), (x2, y2) = corners
        bounds = (min(x1, x2) - 1, min(y1, y2) - 1, max(x1, x2) + 1, max(y1, y2) + 1)
        found.append(flat(page.get_textpage().get_text_bounded(*bounds)))
    return found


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_words_are_boxed_however_the_page_is_turned(rotate: int) -> None:
    data = pdf(lines("The harbour was dredged to nine metres.", "Nobody asked why."), rotate)
    text = extract(data, "a.pdf").text
    assert boxed(data, picture(data, 1, *around(text, "dredged to nine metres."))) == ["dredgedtoninemetres."]


# PDFium gives the lines of a page turned by 90 degrees from the last to the first: words over two are not found there.
@pytest.mark.parametrize("rotate", [0, 180, 270])
def test_words_over_two_lines_are_boxed_line_by_line(rotate: int) -> None:
    data = pdf(lines("The harbour was dredged to nine", "metres. Nobody asked why."), rotate)
    text = extract(data, "a.pdf").text
    drawn = picture(data, 1, *around(text, "dredged to nine metres."))
    assert boxed(data, drawn) == ["dredgedtonine", "metres."]
    assert drawn.png.startswith(b"\x89PNG")
    assert all(0 <= share <= 1 for box in drawn.boxes for share in box)


def test_a_word_that_a_line_end_parts_is_found_although_the_text_has_it_whole() -> None:
    data = pdf(lines("The commission wrote a recom-", "mendation to the town council."))
    text = extract(data, "a.pdf").text
    assert "recommendation" in text
    assert boxed(data, picture(data, 1, *around(text, "a recommendation to"))) == ["arecom", "mendationto"]


@pytest.mark.parametrize("nth", [0, 1])
def test_of_words_that_stand_twice_those_cited_are_boxed(nth: int) -> None:
    data = pdf(lines("Two ships sank.", "A storm came.", "Two ships sank."))
    text = extract(data, "a.pdf").text
    ((_, top, _, _),) = picture(data, 1, *around(text, "Two ships sank.", nth)).boxes
    assert (top < 0.42) == (nth == 0)


@pytest.mark.parametrize("words", ["No such words.", ""])
def test_words_that_are_not_on_the_page_are_boxed_nowhere(words: str) -> None:
    assert picture(pdf(lines("Two ships sank.")), 1, "", words, "").boxes == ()


def test_words_that_stand_oftener_on_the_page_than_in_the_text_are_boxed_nowhere() -> None:
    assert picture(pdf(lines("Two ships sank.", "Two ships sank.")), 1, "", "Two ships sank.", "").boxes == ()


@pytest.mark.parametrize("data", [b"%PDF-1.4 cut off", b""])
def test_a_file_that_cannot_be_drawn_is_told_in_a_sentence(data: bytes) -> None:
    with pytest.raises(SourceUnreadable, match="Open the original"):
        picture(data, 1, "", "words", "")


def test_a_page_that_is_not_there_is_told_in_a_sentence() -> None:
    with pytest.raises(SourceUnreadable, match="Open the original"):
        picture(pdf(lines("One page.")), 2, "", "words", "")
