"""An answer and a conversation taken along: Markdown that a reader renders as it was, JSON that holds all there is."""

from __future__ import annotations

import json
from dataclasses import replace

from markdown_it import MarkdownIt

from assistant.exporting import answer_markdown, conversation_json, conversation_markdown
from assistant.history import Conversation, Rating, Turn
from assistant.types import Answer, Citation, Mode, Sentence, Support

CITATION = Citation(1, "talks.txt", 10, 31, "Nobody spoke of\ntroops.", "page 3", 4, 5, "p", "hash", ("copy.txt",))
ANSWER = Answer("Who spoke?", Mode.GENERATED, True, (Sentence("Nobody did.", (CITATION,), Support.PARTLY),))


def test_each_sentence_has_its_mark_and_each_mark_its_footnote_with_place_and_words() -> None:
    assert answer_markdown(ANSWER) == (
        "Nobody did. (matches the source in part)[^1]\n\n"
        "[^1]: talks.txt, page 3, lines 4-5 (also in copy.txt): “Nobody spoke of troops.”\n"
    )


def test_an_answer_that_was_not_found_is_one_sentence() -> None:
    assert answer_markdown(Answer("q", Mode.QUOTE, False)) == "The documents do not hold the answer.\n"


def test_words_of_a_document_become_no_image_link_or_html() -> None:
    nasty = "![x](http://evil.example/x.png) <img src=x> [y](http://evil.example)"
    sentence = Sentence(nasty, (replace(CITATION, quote=nasty),), Support.QUOTED)
    html = MarkdownIt("commonmark").render(answer_markdown(replace(ANSWER, sentences=(sentence,))))
    assert "<img" not in html
    assert "<a " not in html


def test_footnotes_of_two_answers_in_one_conversation_keep_apart() -> None:
    turns = [Turn(7, "First?", ANSWER, 0.0), Turn(9, "Second?", ANSWER, 1.0), Turn(11, "Third?", None, 2.0)]
    text = conversation_markdown(Conversation("c", "Talks", 0.0, 2.0), turns)
    assert text.startswith("# Talks\n\n1970-01-01T00:00:00+00:00\n\n## First?\n")
    assert [text.count(f"[^{name}]") for name in ("1-1", "2-1")] == [2, 2]
    assert text.endswith("## Third?\n\nNot answered.\n")


def test_the_json_holds_offsets_words_and_ratings() -> None:
    turns = [Turn(7, "First?", ANSWER, 0.0, Rating(False, "too short"))]
    (turn,) = json.loads(conversation_json(Conversation("c", "Talks", 0.0, 2.0), turns))["turns"]
    citation = turn["answer"]["sentences"][0]["citations"][0]
    assert (citation["start"], citation["end"], citation["quote"]) == (10, 31, CITATION.quote)
    assert turn["rating"] == {"good": False, "note": "too short"}
