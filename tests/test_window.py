"""The window as a script: what it draws for what the library holds, and that nothing untrusted is drawn as markup."""

from __future__ import annotations

import json
import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from streamlit.testing.v1 import AppTest

from assistant.errors import EndpointUnreachable, FootnoteError, NotAllowed
from assistant.history import History, Turn
from assistant.library import Library
from assistant.settings import Settings
from assistant.types import (
    EVERYTHING,
    Answer,
    Citation,
    Document,
    FileStatus,
    Mode,
    Progress,
    Scope,
    Sentence,
    State,
    Support,
)
from assistant.window_key import FILE, fits, window_key
from index.types import SyncPlan
from ui import launch, view
from ui.desk import Desk
from ui.markup import label, plain
from ui.notebook import STOPPED, TOO_EARLY, Notebook, Writing
from ui.room import Room
from ui.visit import Visit

SEEDS = Path(__file__).parent.parent / "seeds"
NASTY = [
    "![x](http://evil.example/x.png)",
    "[click](javascript:alert(1))",
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "https://evil.example www.evil.example a@evil.example",
    "# heading\n- item\n> quote\n```code```",
    "$x^2$ :red[hot] :smile: :material/home:",
    "\\![x](y) \\\\[x](y)",
    "&lt;b&gt; &#33;[x](y)",
    "| a | b |\n|---|---|",
]


def cited(quote: str, text: str, number: int = 1, source: str = "talks.txt") -> Citation:
    start = text.index(quote)
    return Citation(number, source, start, start + len(quote), quote, "", 1, 1, f"p{number}", "hash")


TEXT = "The talks began. Nobody spoke of troops. They end on Friday."
DOCUMENT = Document("talks.txt", "hash", TEXT)
CITATION = cited("Nobody spoke of troops.", TEXT)


def drawn(answer: Answer | None, *, writing: bool = False, aged: str = "", opened: view.Opened | None = None) -> Any:
    return view.turn("Who spoke?", answer, writing=writing, aged=lambda _: aged, opened=opened)


def blocks(data: Any, kind: str) -> list[Any]:
    return [block for block in data["blocks"] if block["kind"] == kind]


# Labels


@pytest.mark.parametrize("text", NASTY)
def test_a_label_shows_its_text_and_becomes_no_markup(text: str) -> None:
    html = MarkdownIt("gfm-like", {"linkify": False}).renderInline(label(text))
    assert "<" not in html
    shown = html.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&")
    assert shown.replace("\u2060", "") == " ".join(text.split())


@given(st.text(max_size=60))
def test_no_text_at_all_gets_out_of_a_label(text: str) -> None:
    assert "<" not in MarkdownIt("gfm-like", {"linkify": False}).renderInline(label(text))


def test_an_unescaped_label_would_be_markup() -> None:
    assert "<img" in MarkdownIt("gfm-like", {"linkify": False}).renderInline(NASTY[0])


@pytest.mark.parametrize("text", ["https://evil.example", "www.evil.example", "a@evil.example", ":smile:"])
def test_addresses_and_codes_in_a_label_are_parted_so_that_they_stay_text(text: str) -> None:
    unescaped = label(text).replace("\\", "")
    assert text not in unescaped
    assert unescaped.replace("\u2060", "") == text


def test_a_name_cannot_reorder_or_hide_its_letters() -> None:
    assert plain("annex\u202etxt.exe\x00\ud800") == "annex\ufffdtxt.exe\ufffd\ufffd"


# Answers


def test_a_footnote_names_its_source_and_place_for_those_who_cannot_see_it() -> None:
    page = replace(CITATION, place="page 3")
    lines = replace(CITATION, number=2, line=4, last_line=6)
    answer = Answer("q", Mode.QUOTE, True, (Sentence("S.", (page, lines), Support.QUOTED),))
    (sentence,) = blocks(drawn(answer), "sentence")
    assert [chip["name"] for chip in sentence["chips"]] == [
        "Footnote 1: talks.txt, page 3",
        "Footnote 2: talks.txt, lines 4–6",
    ]


def test_only_verbatim_words_are_called_certain_and_doubt_is_spelled_out() -> None:
    sentences = tuple(Sentence(f"{support}.", (CITATION,), support) for support in Support)
    shown = blocks(drawn(Answer("q", Mode.GENERATED, True, sentences)), "sentence")
    words = {block["sign"]["support"]: block["sign"]["words"] for block in shown}
    assert words["quoted"] == "quoted word for word"
    assert all("seems" in words[grade] for grade in ("supported", "partly"))
    assert "no support found" in words["unsupported"]
    assert {block["sign"]["support"]: block["spoken"] for block in shown} == {
        "quoted": False,
        "supported": False,
        "partly": True,
        "unsupported": True,
    }


def test_an_answer_that_was_not_found_says_so_and_claims_no_more_than_nearness() -> None:
    shown = drawn(Answer("q", Mode.QUOTE, False, closest=(CITATION,)))
    assert [block["text"] for block in blocks(shown, "plain")] == ["The documents do not hold the answer."]
    assert [block["text"] for block in blocks(shown, "heading")] == ["Closest passages"]
    assert blocks(shown, "closest")[0]["items"][0]["quote"] == CITATION.quote
    assert not blocks(shown, "sources")


def test_an_answer_that_broke_off_does_not_say_that_the_documents_hold_none() -> None:
    assert not blocks(drawn(Answer("q", Mode.GENERATED, False, complete=False)), "plain")


def test_a_growing_answer_is_drawn_like_the_complete_one_but_for_its_sources() -> None:
    answer = Answer("q", Mode.QUOTE, True, (Sentence("S.", (CITATION,), Support.QUOTED),), complete=False)
    growing = drawn(answer, writing=True)["blocks"]
    complete = drawn(replace(answer, complete=True))["blocks"]
    assert growing == [block for block in complete if block["kind"] == "sentence"]
    assert [block["kind"] for block in complete] == ["sentence", "sources", "legend"]


@pytest.mark.parametrize("aged", [view.CHANGED, view.GONE])
def test_a_source_that_moved_on_is_marked(aged: str) -> None:
    answer = Answer("q", Mode.QUOTE, True, (Sentence("S.", (CITATION,), Support.QUOTED),))
    assert blocks(drawn(answer, aged=aged), "sources")[0]["items"][0]["aged"] == aged


def test_the_open_footnote_is_pressed_and_no_other() -> None:
    second = cited("The talks began.", TEXT, 2)
    answer = Answer("q", Mode.QUOTE, True, (Sentence("S.", (CITATION, second), Support.QUOTED),))
    (sentence,) = blocks(drawn(answer, opened=view.Opened(1, False, 1)), "sentence")
    assert [chip["open"] for chip in sentence["chips"]] == [False, True]


# Sources


@given(st.text(max_size=50), st.text(min_size=1, max_size=20), st.text(max_size=50), st.integers(1, 30))
def test_the_highlight_is_the_exact_span_and_nothing_is_lost_around_it(
    before: str, quote: str, after: str, context: int
) -> None:
    text = before + quote + after
    citation = replace(CITATION, start=len(before), end=len(before) + len(quote), quote=quote)
    shown = view.source(citation, Document("talks.txt", "hash", text), "", context=context)
    assert shown["quote"] == quote
    assert shown["earlier"] + len(shown["before"]) == len(before)
    assert shown["later"] + len(shown["after"]) == len(after)
    assert shown["before"] + quote + shown["after"] in text


@pytest.mark.parametrize(
    ("document", "age"),
    [(None, view.GONE), (replace(DOCUMENT, text="Other words entirely, and quite a lot of them."), view.CHANGED)],
)
def test_a_citation_whose_source_moved_on_shows_its_words_and_no_text_that_was_not_cited(
    document: Document | None, age: str
) -> None:
    shown = view.source(CITATION, document, age)
    assert (shown["before"], shown["quote"], shown["after"]) == ("", CITATION.quote, "")
    assert age in shown["note"]


def test_words_that_are_not_where_the_citation_says_are_never_highlighted_in_the_document() -> None:
    shown = view.source(CITATION, replace(DOCUMENT, text="x" + TEXT), "")
    assert shown["before"] == ""
    assert "as they were cited" in shown["note"]


# Documents and progress


def test_files_that_could_not_be_read_come_first_with_their_reason() -> None:
    files = [
        FileStatus("b.txt", State.INDEXED, 1),
        FileStatus("photo.raw", State.SKIPPED, 1, reason="Not read."),
        FileStatus("bad.pdf", State.UNREADABLE, 1, reason="It ends early."),
    ]
    groups = view.documents(files)
    assert [group["title"] for group in groups] == ["Could not be read (1)", "Can be asked (1)", "Skipped (1)"]
    assert groups[0]["files"] == [{"name": "bad.pdf", "reason": "It ends early."}]


def test_a_folder_of_thousands_is_counted_rather_than_listed_whole() -> None:
    (group,) = view.documents(FileStatus(f"{n}.txt", State.INDEXED, 1) for n in range(5000))
    assert (len(group["files"]), group["more"]) == (view.FILES_SHOWN, 5000 - view.FILES_SHOWN)


@pytest.mark.parametrize(
    ("made", "share", "words"),
    [
        (None, 0.0, "Looking through the folder"),
        (Progress("reading", "a", 1, 4), 0.25, "Reading: 1 of 4 files"),
        (Progress("embedding", "a", 1, 1, 3, 4, 200.0), 0.75, "Embedding: 1 of 1 file, about 3 min left"),
        (Progress("reading", "a", 0, 0), 0.0, "Reading: 0 of 0 files"),
        (Progress("embedding", "a", 1, 1, 9, 8), 1.0, "Embedding: 1 of 1 file"),
    ],
)
def test_progress_is_a_share_between_nothing_and_all(made: Progress | None, share: float, words: str) -> None:
    assert view.progress(made) == (share, words)


# Work that goes on behind the window. A gate in the library holds an answer where a real one cannot be held.


class Gated:
    """A library whose answer waits at a gate after its first words, and then fails or ends."""

    generation = 0

    def __init__(self, folder: Path, fault: Exception | None = None) -> None:
        self.folder = folder
        self.history = History(folder / "data" / "history.sqlite")
        self.gate = threading.Event()
        self.reached = threading.Event()
        self.fault = fault

    def occasions(self, _: threading.Event) -> Iterator[None]:
        return iter(())

    def plan(self) -> SyncPlan:
        return SyncPlan()

    def sync(self, _: object) -> None:
        return None

    def prepare(self) -> None:
        return None

    def suggestions(self) -> Iterator[str]:
        return iter(())

    def ask(self, question: str, _: Sequence[Turn], scope: Scope) -> Iterator[Answer]:
        first = Answer(question, Mode.QUOTE, True, (Sentence("First.", (), Support.QUOTED),), complete=False)
        yield first
        self.reached.set()
        assert self.gate.wait(10)
        if self.fault:
            raise self.fault
        yield replace(first, sentences=(*first.sentences, Sentence("Second.", (), Support.QUOTED)), complete=True)


def begun(library: Any) -> tuple[Notebook, str, Writing]:
    notebook = Room(library).notebook()
    conversation = library.history.start()
    turn = library.history.add_question(conversation, "q")
    notebook.write(conversation, turn, "q")
    writing = notebook.writing(turn)
    assert writing is not None
    assert library.reached.wait(10)
    return notebook, conversation, writing


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_a_stopped_answer_keeps_what_came_and_nothing_that_comes_later(tmp_path: Path) -> None:
    library = Gated(tmp_path)
    _, conversation, writing = begun(library)
    writing.stop()
    library.gate.set()
    time.sleep(0.2)
    answer = library.history.turns(conversation)[0].answer
    assert answer is not None
    assert (answer.text, answer.complete, answer.notice) == ("First.", False, STOPPED)
    assert writing.answer == answer


@pytest.mark.parametrize(
    ("fault", "notice"),
    [
        (EndpointUnreachable("Nothing answers. Start the model and ask again."), "Nothing answers. Start the model"),
        (ZeroDivisionError("secret detail"), "Footnote failed while answering (ZeroDivisionError)"),
    ],
)
def test_an_answer_that_fails_keeps_what_came_and_says_why_in_a_sentence(
    tmp_path: Path, fault: Exception, notice: str
) -> None:
    library = Gated(tmp_path, fault)
    _, conversation, writing = begun(library)
    library.gate.set()
    until(lambda: writing.done)
    answer = library.history.turns(conversation)[0].answer
    assert answer is not None
    assert (answer.text, answer.complete) == ("First.", False)
    assert answer.notice.startswith(notice)
    assert "secret detail" not in answer.notice


def test_a_new_question_stops_the_answer_still_being_written_before_it(tmp_path: Path) -> None:
    library = Gated(tmp_path)
    notebook, conversation, writing = begun(library)
    notebook.write(conversation, library.history.add_question(conversation, "r"), "r")
    assert writing.done
    library.gate.set()
    until(lambda: all(t.answer is not None for t in library.history.turns(conversation)))
    assert [t.answer.text for t in library.history.turns(conversation) if t.answer] == ["First.", "First. Second."]


class Shared(Gated):
    """The same library, with the conversations of two people."""

    def history_of(self, person: str) -> History:
        return History(self.folder / person / "history.sqlite")


def test_two_people_whose_turns_have_one_number_are_answered_at_once_and_each_their_own(tmp_path: Path) -> None:
    library = Shared(tmp_path)
    room = Room(library)  # type: ignore[arg-type]
    notebooks = [room.notebook(person) for person in ("ann", "ben")]
    assert room.notebook("ann") is notebooks[0]
    turns = []
    for notebook, question in zip(notebooks, ("Ann asks", "Ben asks"), strict=True):
        conversation = notebook.history.start()
        turns.append(notebook.history.add_question(conversation, question))
        notebook.write(conversation, turns[-1], question)
    assert turns == [1, 1]
    writings = [notebook.writing(1) for notebook in notebooks]
    until(lambda: all(writing and writing.answer.sentences for writing in writings))
    assert [writing.answer.question for writing in writings if writing and not writing.done] == ["Ann asks", "Ben asks"]
    assert writings[0]
    writings[0].stop()
    library.gate.set()
    until(lambda: all(writing and writing.saved for writing in writings))
    kept = [notebook.history.turns(notebook.history.conversations()[0].id)[0].answer for notebook in notebooks]
    assert [(answer.question, answer.text) for answer in kept if answer] == [
        ("Ann asks", "First."),
        ("Ben asks", "First. Second."),
    ]
    assert library.history.conversations() == ()


def test_who_may_not_edit_can_ask_and_change_neither_documents_nor_settings(tmp_path: Path) -> None:
    library = Gated(tmp_path)
    room = Room(library)  # type: ignore[arg-type]
    desk = Desk(room, room.notebook(), Visit(may_edit=False, sign_in="reader"))
    for change in (lambda: desk.shelf, lambda: desk.preferences, desk.forget_gone):
        with pytest.raises(NotAllowed, match="Ask whoever runs Footnote"):
            change()
    turn = desk.history.add_question(conversation := desk.history.start(), "q")
    desk.write(conversation, turn, "q")
    assert desk.writing(turn)
    desk.stop(turn)
    assert desk.history.turns(conversation)[0].answer


def test_a_desk_gives_nothing_more_once_its_person_signed_out_in_whatever_tab(tmp_path: Path) -> None:
    library = Gated(tmp_path)
    room = Room(library)  # type: ignore[arg-type]
    here, there, later = (Desk(room, room.notebook(), Visit(sign_in=of)) for of in ("first", "first", "second"))
    assert there.history.conversations() == ()
    here.visit.end()
    uses: list[Callable[[], object]] = [
        lambda: there.room,
        lambda: there.library,
        lambda: there.history,
        lambda: there.shelf,
        lambda: there.preferences,
        there.start_sync,
        there.forget_gone,
        lambda: there.write("c", 1, "q"),
        lambda: there.writing(1),
        lambda: there.stop(1),
    ]
    for use in uses:
        with pytest.raises(NotAllowed, match="Sign in again"):
            use()
    assert later.history.conversations() == ()


# The folder is the truth, on the real library


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "seeds"
    shutil.copytree(SEEDS, folder)
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(tmp_path / "data"))
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "FOOTNOTE_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "argv", ["app.py", str(folder)])
    return folder


@pytest.fixture
def untended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks at the folder between questions."""
    monkeypatch.setattr(Library, "occasions", lambda *_: iter(()))


@pytest.fixture
def room(folder: Path) -> Iterator[Room]:
    room = Room(Library.open(folder, Settings.read()))
    until(lambda: not room.sync.running, 60)
    yield room
    room.close()


def answered(room: Room, question: str) -> Answer:
    notebook = room.notebook()
    conversation = notebook.history.start()
    turn = notebook.history.add_question(conversation, question)
    notebook.write(conversation, turn, question)
    writing = notebook.writing(turn)
    assert writing is not None
    until(lambda: writing.done, 60)
    return writing.answer


@pytest.mark.parametrize("change", ["edit", "remove"])
def test_no_answer_rests_on_words_that_left_the_folder_before_it_was_asked(
    folder: Path, untended: None, room: Room, change: str
) -> None:
    assert answered(room, "What did Sherman say about troop levels?").found
    (file,) = folder.iterdir()
    if change == "edit":
        file.write_text("The zebra crossing is painted white.")
    else:
        file.unlink()
    answer = answered(room, "What did Sherman say about troop levels?")
    assert "troop levels" not in answer.text
    assert not any("troop levels" in citation.quote for citation in (*answer.citations, *answer.closest))


def test_a_file_added_while_the_window_is_open_can_soon_be_asked(folder: Path, room: Room) -> None:
    (folder / "zebra.txt").write_text("The zebra crossing is painted white.")
    until(lambda: any(file.source == "zebra.txt" for file in room.library.files()), 30)
    until(lambda: not room.sync.running, 60)
    assert "painted white" in answered(room, "How is the zebra crossing painted?").text


def test_an_answer_not_found_while_documents_are_still_unread_says_so(tmp_path: Path) -> None:
    library = Gated(tmp_path)
    library.gate.set()
    nothing = Answer("q", Mode.QUOTE, found=False)
    library.ask = lambda *_: iter([nothing])  # type: ignore[method-assign]
    conversation = library.history.start()
    turn = library.history.add_question(conversation, "q")
    for all_read, notice in ((False, TOO_EARLY), (True, "")):
        writing = Writing(library, library.history, turn, "q", (), EVERYTHING, lambda all_read=all_read: all_read)  # type: ignore[arg-type]
        until(lambda writing=writing: writing.done)
        assert (writing.answer.found, writing.answer.notice) == (False, notice)


# The script itself, on the real library


def opened(conversation: str = "") -> AppTest:
    app = AppTest.from_file(launch.APP, default_timeout=60)
    app.query_params["key"] = window_key(Settings.read().data_dir)
    if conversation:
        app.query_params["c"] = conversation
    return app.run()


def parts(app: AppTest, name: str) -> list[Any]:
    elements = [e.proto for e in app.get("bidi_component") if e.proto.component_name == f"footnote_{name}"]
    return [json.loads(e.mixed.json or e.json) for e in elements]


def settled(app: AppTest) -> AppTest:
    """Drawn again until neither a sync nor an answer is going on."""

    def at_rest() -> bool:
        app.run()
        return not any(turn["writing"] for turn in parts(app, "turn")) and not app.button(key="reindex").disabled

    until(at_rest, 60)
    return app


def test_a_question_is_answered_listed_and_there_again_after_a_reload(folder: Path) -> None:
    app = settled(opened())
    assert any("You can ask 1 document." in element.value for element in app.main.markdown)
    app.chat_input(key="question").set_value("What did Sherman say about troop levels?").run()
    settled(app)
    assert not app.exception
    (turn,) = parts(app, "turn")
    sentences = blocks(turn, "sentence")
    assert any("We did not have discussions about American troop levels" in s["text"] for s in sentences)
    assert all(s["chips"] for s in sentences)
    again = opened(app.query_params["c"])
    assert parts(again, "turn") == [turn]
    assert not again.exception


def test_the_source_opens_at_the_words_cited_and_the_next_footnote_follows(folder: Path) -> None:
    app = settled(opened())
    app.chat_input(key="question").set_value("What did Sherman say about troop levels?").run()
    settled(app)
    history = History(next(folder.parent.glob("data/**/history.sqlite")))
    (turn,) = history.turns(app.query_params["c"])
    assert turn.answer is not None
    app.query_params["t"], app.query_params["f"] = str(turn.id), "1"
    app.run()
    (source,) = parts(app, "source")
    citation = turn.answer.citations[0]
    assert source["quote"] == citation.quote
    text = (folder / citation.source).read_text()
    assert source["before"] + source["quote"] + source["after"] == text
    assert app.button(key="previous").disabled
    app.button(key="close-source").click().run()
    assert parts(app, "source") == []


def test_an_old_answer_is_marked_when_its_source_has_changed_and_when_it_is_gone(folder: Path) -> None:
    app = settled(opened())
    app.chat_input(key="question").set_value("What did Sherman say about troop levels?").run()
    settled(app)
    (file,) = folder.iterdir()
    for change, mark in ((lambda: file.write_text("Other words."), view.CHANGED), (file.unlink, view.GONE)):
        change()
        app.button(key="reindex").click().run()
        settled(app)
        (turn,) = parts(app, "turn")
        assert {item["aged"] for item in blocks(turn, "sources")[0]["items"]} == {mark}


def test_documents_that_went_all_at_once_are_told_and_forgotten_when_that_was_meant(folder: Path) -> None:
    for number in range(9):
        (folder / f"{number}.txt").write_text(f"Document {number} speaks of zebras.")
    app = settled(opened())
    for number in range(9):
        (folder / f"{number}.txt").unlink()
    app.button(key="reindex").click().run()
    settled(app)
    assert any("9 documents, more than half of all, went" in element.value for element in app.warning)
    app.button(key="forget-gone").click().run()
    settled(app)
    assert not app.warning


def test_a_folder_that_is_not_there_is_one_sentence_and_no_traceback(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["app.py", str(folder / "nowhere")])
    app = opened()
    assert not app.exception
    assert len(app.error) == 1
    assert "nowhere" in app.error[0].value


def test_a_nasty_file_name_and_question_are_shown_and_never_become_markup(folder: Path) -> None:
    (folder / "![x](http:evil).txt").write_text("Sherman spoke of <img src=x onerror=alert(1)> at length.")
    app = settled(opened())
    app.chat_input(key="question").set_value("![q](http://evil.example/q.png) Sherman?").run()
    settled(app)
    assert not app.exception
    everything = [element.value for element in (*app.markdown, *app.caption, *app.error, *app.warning)]
    everything += [button.label for button in app.button]
    assert not any("![" in text for text in everything)
    assert parts(app, "turn")[0]["question"].startswith("![q]")


def test_a_conversation_can_be_renamed_and_deleted(folder: Path) -> None:
    app = settled(opened())
    app.chat_input(key="question").set_value("Who is Sherman?").run()
    settled(app)
    conversation = app.query_params["c"]
    app.text_input(key=f"title-{conversation}").set_value("Talks").run()
    app.button(key="new").click().run()
    assert parts(app, "turn") == []
    assert app.button(key=f"conversation-{conversation}").label == "Talks"
    app.button(key=f"conversation-{conversation}").click().run()
    assert parts(app, "turn")[0]["question"] == "Who is Sherman?"
    app.button(key="delete").click().run()
    assert parts(app, "turn") == []
    assert "c" not in app.query_params
    assert [b for b in app.button if (b.key or "").startswith("conversation-")] == []


def test_an_address_of_a_conversation_that_never_was_begins_a_new_one(folder: Path) -> None:
    app = settled(opened("'; DROP TABLE turn; --"))
    assert not app.exception
    app.chat_input(key="question").set_value("Who is Sherman?").run()
    settled(app)
    assert len(parts(app, "turn")) == 1


# The launcher


def test_a_port_that_is_taken_is_said_before_anything_starts() -> None:
    with socket.socket() as taken:
        taken.bind((launch.ADDRESS, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(FootnoteError, match=f"Port {port} cannot be used"):
            launch.run(Path("."), launch.ADDRESS, port, open_browser=False)


# Who is let in


def test_the_windows_key_stays_the_same_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    key = window_key(tmp_path / "data")
    assert len(key) >= 32
    assert window_key(tmp_path / "data") == key
    assert window_key(tmp_path / "other") != key
    assert (tmp_path / "data" / FILE).stat().st_mode & 0o077 == 0
    assert fits(key, key)
    assert not any(fits(given, key) for given in ("", key[:-1], key + "x", key.swapcase(), "ü\udcff"))


def test_a_key_that_cannot_be_read_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"\xff\xfe")
    with pytest.raises(FootnoteError, match="Delete that file"):
        window_key(tmp_path)
    (tmp_path / FILE).write_bytes(b"")
    assert window_key(tmp_path)


@pytest.mark.parametrize("key", ["", "wrong"])
def test_without_the_key_the_window_shows_nothing_of_the_folder(folder: Path, key: str) -> None:
    app = AppTest.from_file(launch.APP, default_timeout=60)
    app.query_params["key"] = key
    app.run()
    assert "address that Footnote printed" in app.error[0].value
    assert [*app.chat_input, *app.sidebar.button, *parts(app, "documents"), *parts(app, "turn")] == []
    assert not any((folder.parent / "data").glob("folders/*"))
