"""Conversations survive: reloads, crashes in the middle of an answer, and a damaged file."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.errors import HistoryUnusable
from assistant.history import History, Rating
from assistant.types import Answer, Citation, Mode, Sentence, Support

texts = st.text(st.characters(), max_size=40)  # every code point, lone surrogates and NUL among them
counts = st.integers(0, 2**40)
citations = st.builds(
    Citation,
    number=counts,
    source=texts,
    start=counts,
    end=counts,
    quote=texts,
    place=texts,
    line=counts,
    last_line=counts,
    passage_id=texts,
    content_hash=texts,
    also_in=st.lists(texts, max_size=2).map(tuple),
)
sentences = st.builds(
    Sentence,
    text=texts,
    citations=st.lists(citations, max_size=2).map(tuple),
    support=st.sampled_from(Support),
    note=texts,
    starts_paragraph=st.booleans(),
)
answers = st.builds(
    Answer,
    question=texts,
    mode=st.sampled_from(Mode),
    found=st.booleans(),
    sentences=st.lists(sentences, max_size=3).map(tuple),
    closest=st.lists(citations, max_size=2).map(tuple),
    complete=st.booleans(),
    notice=texts,
    pending=texts,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "history.sqlite"


@pytest.fixture
def history(path: Path) -> History:
    return History(path)


def reply(text: str, *, complete: bool = True) -> Answer:
    return Answer("q", Mode.QUOTE, True, (Sentence(text, (), Support.QUOTED),), complete=complete)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answer=answers)
def test_an_answer_comes_back_exactly_as_it_was_stored(history: History, answer: Answer) -> None:
    conversation = history.start()
    history.save_answer(history.add_question(conversation, "q"), answer)
    assert history.turns(conversation)[0].answer == answer


def test_turns_come_back_in_the_order_asked_after_the_file_is_opened_again(path: Path) -> None:
    first = History(path)
    conversation = first.start()
    for question in ("one", "two", "three"):
        first.add_question(conversation, question)
    first.close()
    again = History(path)
    assert [(turn.question, turn.answer) for turn in again.turns(conversation)] == [
        ("one", None),
        ("two", None),
        ("three", None),
    ]


def test_a_question_and_a_partial_answer_survive_a_killed_process(path: Path) -> None:
    program = (
        "import os, pathlib, sys\n"
        "from assistant.history import History, Rating\n"
        "from assistant.types import Answer, Mode, Sentence, Support\n"
        "history = History(pathlib.Path(sys.argv[1]))\n"
        "conversation = history.start()\n"
        "turn = history.add_question(conversation, 'Who came?')\n"
        "sentence = Sentence('Half of it.', (), Support.QUOTED)\n"
        "history.save_answer(turn, Answer('Who came?', Mode.QUOTE, True, (sentence,), complete=False))\n"
        "history.add_question(conversation, 'And then?')\n"
        "print(conversation, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False)
    assert ended.returncode == -9, ended.stderr
    broken_off, unanswered = History(path).turns(ended.stdout.strip())
    assert broken_off.answer is not None
    assert (broken_off.answer.text, broken_off.answer.complete) == ("Half of it.", False)
    assert (unanswered.question, unanswered.answer) == ("And then?", None)


def test_conversations_are_titled_by_their_first_question_and_listed_last_written_first(history: History) -> None:
    older, newer = history.start(), history.start()
    history.add_question(older, "  First\nquestion? ")
    history.add_question(newer, "x" * 200)
    turn = history.add_question(older, "Second question?")
    history.save_answer(turn, reply("yes"))
    titles = [(c.id, c.title) for c in history.conversations()]
    assert titles == [(older, "First question?"), (newer, "x" * 79 + "…")]


def test_a_conversation_without_a_question_is_not_listed(history: History) -> None:
    history.start()
    assert history.conversations() == ()


def test_a_new_title_stays_when_more_is_asked_and_an_empty_one_is_refused(history: History) -> None:
    conversation = history.start()
    history.add_question(conversation, "q")
    history.rename(conversation, "Troops")
    history.rename(conversation, "   ")
    history.add_question(conversation, "r")
    assert history.conversations()[0].title == "Troops"


def test_a_deleted_conversation_is_gone_and_a_late_answer_meets_no_other_question(history: History) -> None:
    gone = history.start()
    late = history.add_question(gone, "q")
    history.delete(gone)
    kept = history.start()
    fresh = history.add_question(kept, "r")
    history.save_answer(late, reply("late"))
    assert history.turns(gone) == ()
    assert fresh != late
    assert history.turns(kept)[0].answer is None
    with pytest.raises(HistoryUnusable, match="Start a new one"):
        history.add_question(gone, "again")


@pytest.mark.parametrize("damage", [b"not a database, but long enough to be looked at " * 40, None])
def test_a_damaged_file_is_kept_aside_and_said_once(path: Path, damage: bytes | None) -> None:
    history = History(path)
    conversation = history.start()
    for n in range(200):
        history.add_question(conversation, f"question {n} " * 20)
    history.close()
    if damage is None:  # a file that is still a database, with pages in its middle overwritten
        damage = bytearray(path.read_bytes())
        damage[8192:24576] = b"\xa5" * 16384
    path.write_bytes(damage)

    history = History(path)
    aside = [file for file in path.parent.iterdir() if "damaged" in file.name]
    assert [file.read_bytes() for file in aside] == [bytes(damage)]
    assert aside[0].name in history.take_notice()
    assert history.take_notice() == ""
    assert history.conversations() == ()
    history.add_question(history.start(), "works again")
    history.close()
    assert History(path).take_notice() == ""


def test_a_sound_file_gives_no_notice(path: Path) -> None:
    History(path).close()
    assert History(path).take_notice() == ""


def test_a_busy_file_is_not_taken_for_a_damaged_one(path: Path) -> None:
    History(path).close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        opened: list[History] = []
        opener = threading.Thread(target=lambda: opened.append(History(path)))
        opener.start()
        opener.join(0.3)
        assert opener.is_alive()
        other.execute("ROLLBACK")
        opener.join(10)
        assert opened[0].take_notice() == ""
    finally:
        other.close()
    assert list(path.parent.glob("*damaged*")) == []


def test_a_file_of_a_newer_version_is_left_as_it_is(path: Path) -> None:
    History(path).close()
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(HistoryUnusable, match="newer Footnote"):
        History(path)
    assert list(path.parent.glob("*damaged*")) == []


@pytest.mark.parametrize("stored", ["{", "[]", '{"version": 2}', json.dumps({"version": 1, "question": "q"})])
def test_an_answer_that_cannot_be_read_leaves_its_question_and_says_so(path: Path, stored: str) -> None:
    history = History(path)
    conversation = history.start()
    history.add_question(conversation, "Who came?")
    history.close()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE turn SET answer = ?", (stored,))
    database.close()
    turn = History(path).turns(conversation)[0]
    assert turn.question == "Who came?"
    assert turn.answer is not None
    assert not turn.answer.complete
    assert "Ask again" in turn.answer.notice


def test_threads_and_a_second_opener_write_side_by_side(path: Path) -> None:
    histories = [History(path), History(path)]
    conversation = histories[0].start()

    def ask(worker: int) -> None:
        for n in range(10):
            turn = histories[worker % 2].add_question(conversation, f"{worker}-{n}")
            histories[worker % 2].save_answer(turn, reply(f"{worker}-{n}"))

    workers = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    turns = histories[0].turns(conversation)
    assert len(turns) == 40
    assert all(turn.answer is not None and turn.answer.text == turn.question for turn in turns)


def test_a_folder_that_cannot_be_made_is_one_plain_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(HistoryUnusable, match="choose another data folder"):
        History(tmp_path / "file" / "history.sqlite")


def test_a_question_with_characters_no_file_can_hold_is_stored_all_the_same(history: History) -> None:
    conversation = history.start()
    history.add_question(conversation, "bad \ud800 half")
    assert history.turns(conversation)[0].question == "bad ? half"


def test_what_can_be_read_of_a_damaged_file_is_taken_over(path: Path) -> None:
    history = History(path)
    conversation = history.start()
    for number in range(300):
        history.add_question(conversation, f"Question {number} of many, of some length so that it takes its room?")
    history.close()
    held = bytearray(path.read_bytes())
    middle = held.index(b"Question 150 of") // 4096 * 4096
    held[middle : middle + 4096] = bytes(4096)
    path.write_bytes(held)
    history = History(path)
    asked = [turn.question.split()[1] for turn in history.turns(conversation)]
    assert asked[:100] == [str(number) for number in range(100)]
    assert asked[-100:] == [str(number) for number in range(200, 300)]
    assert f"the {len(asked)} questions" in history.take_notice()
    history.close()


def test_a_rating_is_kept_with_the_answer_it_was_given_to_and_taken_back(history: History) -> None:
    turn = history.add_question(conversation := history.start(), "Who came?")
    history.rate(turn, Rating(True))
    assert history.turns(conversation)[0].rating is None  # there is no answer yet
    history.save_answer(turn, reply("Nobody."))
    history.rate(turn, Rating(False, "wrong"))
    assert history.turns(conversation)[0].rating == Rating(False, "wrong")
    assert [(one.answer.text, one.rating.note) for one in history.rated()] == [("Nobody.", "wrong")]
    history.save_answer(turn, reply("Somebody."))
    assert history.turns(conversation)[0].rating is None
    assert history.rated()[0].answer.text == "Nobody."
    history.rate(turn, None)
    assert history.rated() == ()


def test_a_rating_goes_with_its_conversation(history: History) -> None:
    turn = history.add_question(conversation := history.start(), "Who came?")
    history.save_answer(turn, reply("Nobody."))
    history.rate(turn, Rating(True))
    history.delete(conversation)
    assert history.rated() == ()


def test_a_file_of_the_first_version_is_taken_over_with_its_conversations(path: Path) -> None:
    history = History(path)
    turn = history.add_question(conversation := history.start(), "Who came?")
    history.save_answer(turn, reply("Nobody."))
    history.close()
    with sqlite3.connect(path) as older:
        older.executescript("DROP TABLE rating; ALTER TABLE conversation DROP COLUMN written; PRAGMA user_version = 1")
    older.close()
    history = History(path)
    history.rate(turn, Rating(True))
    (read,) = history.turns(conversation)
    assert read.answer is not None
    assert (read.answer.text, read.rating) == ("Nobody.", Rating(True))


def test_conversations_are_found_by_all_words_in_title_question_or_answer_whatever_their_case_and_marks(
    history: History,
) -> None:
    one, other = history.start(), history.start()
    history.save_answer(history.add_question(one, "Who came to Zürich?"), reply("Nobody of note."))
    history.add_question(other, "Who left?")
    history.rename(other, "Departures")
    assert [(found.conversation.id, found.excerpt) for found in history.search("zurich NOBODY")] == [
        (one, "Who came to Zürich?")
    ]
    assert [(found.conversation.id, found.excerpt) for found in history.search("departures")] == [(other, "")]
    assert [found.conversation.id for found in history.search("who")] == [other, one]
    assert history.search("who zeppelin") == ()
    assert history.search("source quote") == ()  # names of stored fields are no words of a conversation


def test_what_a_conversation_cites_is_counted_by_answers(history: History) -> None:
    conversation = history.start()
    citation = Citation(1, "a.txt", 0, 1, "x", "", 1, 1, "p", "h")
    twice = (Sentence("x", (citation,), Support.QUOTED), Sentence("y", (citation,), Support.QUOTED))
    for _ in range(2):
        history.save_answer(history.add_question(conversation, "q"), Answer("q", Mode.QUOTE, True, twice))
    history.add_question(conversation, "unanswered")
    assert history.cited() == {conversation: {"a.txt": 2}}
