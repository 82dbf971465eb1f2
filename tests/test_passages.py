"""A document's passages know their words, lines and places, whichever is asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from texts import texts

from index.packing import PackedText, unpacked
from index.passages import Passages
from index.splitting import split
from index.types import Document, Place


def _letters(batch: Sequence[str]) -> list[int]:
    return [len(re.sub(r"\s", "", text)) for text in batch]


def passages_of(text: str, places: tuple[Place, ...] = ()) -> tuple[Document, Passages]:
    document = Document("a.txt", "0" * 64, text, places)
    passages = Passages(document, "A title")
    for stretch in split(text, _letters, places, limit=40):
        passages.append(stretch)
    return document, passages


@given(texts, st.sets(st.integers(0, 400), max_size=12))
def test_every_passage_has_its_documents_words_line_and_places(text: str, starts: set[int]) -> None:
    places = tuple(
        Place(at, "page", f"page {number}", number)
        for number, at in enumerate(sorted(at for at in starts if at < len(text)), 1)
    )
    document, passages = passages_of(text, places)
    before = list(passages)
    bare, packed = passages.pack()
    assert bare.text == ""
    assert list(passages) == before
    assert unpacked(b"".join(packed.kept())) == text
    assert "".join(passage.text for passage in passages) == (text if text.strip() else "")
    for ordinal, passage in enumerate(passages):
        assert passage.ordinal == ordinal
        assert passage.text == text[passage.start : passage.end]
        assert passage.sentences[0][0] == passage.start
        assert passage.sentences[-1][1] == passage.end
        within = {place.start for place in places if passage.start <= place.start < passage.end}
        for offset in within | {passage.start, passage.end - 1}:
            place = document.place(offset)
            assert passage.place_label(offset) == (place.label if place else "")
            assert passage.line_at(offset) == document.line(offset)


def test_passages_are_had_by_their_number_from_either_end_and_no_other() -> None:
    _, passages = passages_of("\n\n".join(f"Paragraph {number} is about boats and harbours." for number in range(5)))
    assert passages[-1] == passages[len(passages) - 1] == list(passages)[-1]
    assert passages[1:3] == list(passages)[1:3]
    with pytest.raises(IndexError):
        passages[len(passages)]


@pytest.mark.parametrize("piece", [1, 3, 1000])
def test_any_stretch_of_a_packed_text_is_that_of_the_text(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.packing._PIECE", piece)
    text = "A ‘text’ with 👩‍👩‍👧‍👦 and e\u0301, twenty."
    packed = PackedText(text)
    for start in range(len(text)):
        for end in range(start, len(text) + 1):
            assert packed[start:end] == text[start:end]
    kept = b"".join(packed.kept())
    assert len(kept) == packed.size
    assert unpacked(kept) == text
