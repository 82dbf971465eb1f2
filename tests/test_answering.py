"""Answers over a folder, offline and by an endpoint: what is cited, what is marked, what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import llama_server
import pytest
from faulty_endpoint import Reply, delta, events, faulty_endpoint, message
from pydantic import SecretStr

from assistant.answering import CUT_SHORT, NO_MORE, REPEATS
from assistant.citing import NOT_FOUND
from assistant.history import History
from assistant.library import Library
from assistant.settings import Endpoint
from assistant.types import Answer, Mode, Scope, Support
from index.folder import FolderIndex

SEEDS = Path(__file__).parent.parent / "seeds"
REFUSAL = "Biden administration will not remove U.S. troops or weapons from eastern Europe."

Open = Callable[..., Library]


@pytest.fixture
def opened(tmp_path: Path, data_dir: Path) -> Iterator[Open]:
    """Opens a library over the files given, or over the seeds, which answers through `endpoint` where there is one."""
    with ExitStack() as stack:

        def open_library(
            files: dict[str, str] | None = None, endpoint: str | None = None, entailment: bool = False
        ) -> Library:
            folder = tmp_path / "folder"
            if files is None:
                shutil.copytree(SEEDS, folder, dirs_exist_ok=True)
            for name, text in (files or {}).items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(text, encoding="utf-8")
            index = FolderIndex.open(folder, data_dir)
            reached = Endpoint(endpoint, SecretStr(""), "any", 60, entailment) if endpoint else None
            library = Library(index, History(index.home / "history.sqlite"), reached)
            stack.callback(library.close)
            library.sync()
            return library

        yield open_library


def ask(library: Library, *questions: str) -> list[Answer]:
    """The answers of one conversation, each question asked with the turns before it."""
    conversation = library.history.start()
    answers = []
    for question in questions:
        turns = library.history.turns(conversation)
        turn = library.history.add_question(conversation, question)
        *_, answer = library.ask(question, turns)
        library.history.save_answer(turn, answer)
        answers.append(answer)
    return answers


def exact(library: Library, answer: Answer) -> None:
    """Every footnote of the answer is the words of the document at its offsets."""
    for citation in [*answer.citations, *answer.closest]:
        document = library.document(citation.source)
        assert document is not None
        assert document.text[citation.start : citation.end] == citation.quote
        assert document.line(citation.start) == citation.line
        assert document.content_hash == citation.content_hash


def said(*texts: str) -> Reply:
    """An endpoint's streamed answer."""
    return events(*(delta(text) for text in texts), delta("", finish="stop"))


def test_only_the_file_that_holds_the_fact_is_cited(opened: Open) -> None:  # anything-llm 826
    library = opened(
        {
            "apples.txt": "Apples are grown in the north valley. The apple harvest of 2021 was 4,100 tonnes.",
            "pears.txt": "Pears are grown in the south valley. The pear trees were planted by monks.",
        }
    )
    [answer] = ask(library, "How many tonnes was the apple harvest of 2021?")
    assert {citation.source for citation in answer.citations} == {"apples.txt"}
    exact(library, answer)


def test_a_question_to_part_of_the_folder_is_answered_from_that_part_or_not_at_all(opened: Open) -> None:
    library = opened(
        {
            "north/apples.txt": "The apple harvest was 4,100 tonnes. The pickers came from the coast.",
            "south/apples.md": "---\nauthor: Ann Lee\ndate: 2022-01-10\n---\n\nThe apple harvest was 900 tonnes.",
        }
    )
    question = "How many tonnes was the apple harvest?"
    for scope, quoted in (
        (Scope.of(["north"]), "4,100"),
        (Scope.of(["south"]), "900"),
        (Scope.of(since="2022"), "900"),
    ):
        *_, answer = library.ask(question, scope=scope)
        assert quoted in answer.sentences[0].text
        assert len({citation.source for citation in answer.citations}) == 1
        assert answer.scope == scope
        exact(library, answer)
    [citation] = answer.citations
    assert (citation.metadata.author, citation.metadata.date) == ("Ann Lee", "2022-01-10")
    *_, elsewhere = library.ask("Where did the pickers come from?", scope=Scope.of(["south"]))
    assert not elsewhere.found
    assert all(citation.source == "south/apples.md" for citation in elsewhere.closest)
    turn = library.history.add_question(conversation := library.history.start(), question)
    library.history.save_answer(turn, answer)
    assert library.history.turns(conversation)[0].answer == answer


COOKING = {
    "bread.txt": "Knead the dough for ten minutes. Bake the bread at 230 degrees for forty minutes.",
    "soup.txt": "Simmer the onions in butter until they are brown. Add the stock and cook for an hour.",
}


def test_a_folder_about_something_else_answers_nothing_and_cites_nothing(opened: Open) -> None:  # anything-llm 1430
    library = opened(COOKING)
    [answer] = ask(library, "What is a prime number?")
    assert not answer.found
    assert answer.sentences == ()
    assert answer.citations == ()


def test_off_topic_on_topic_off_topic_is_refused_answered_refused(opened: Open) -> None:  # anything-llm 1859
    library = opened(COOKING)
    answers = ask(
        library,
        "What is a prime number?",
        "At how many degrees is the bread baked?",
        "What is the capital of Australia?",
    )
    assert [answer.found for answer in answers] == [False, True, False]
    assert "230 degrees" in answers[1].sentences[0].text


def test_an_old_footnote_still_opens_its_own_passage_after_later_turns(opened: Open) -> None:  # ragflow 7232
    library = opened()
    ask(
        library,
        "What did Sherman say about troop levels?",
        "What does Russia want?",
        "Who else will Russia meet with?",
    )
    newest = library.history.conversations()[0]
    first = library.history.turns(newest.id)[0].answer
    assert first is not None
    assert "troop levels" in first.citations[0].quote
    exact(library, first)


def test_the_same_question_four_times_has_identical_citations(opened: Open) -> None:  # ragflow 12005
    library = opened()
    answers = [ask(library, "What does Russia want?")[0] for _ in range(4)]
    assert answers == answers[:1] * 4


def test_equal_sentences_of_two_files_are_one_footnote_with_also_in(opened: Open) -> None:
    text = "The bridge over the Elda was opened in 1931."
    library = opened({"a.txt": text, "b.txt": text})
    [answer] = ask(library, "When was the bridge over the Elda opened?")
    [sentence] = answer.sentences
    [citation] = sentence.citations
    assert (citation.source, citation.also_in) == ("a.txt", ("b.txt",))


def test_a_follow_up_is_read_with_the_subject_of_the_turn_before(opened: Open) -> None:  # anything-llm 4033
    library = opened(
        {
            "treaty.txt": "The Treaty of Ostrava has three articles. The first article of the treaty bans mines."
            " The second article of the treaty sets up a fisheries council.",
            "recipes.txt": "The first step is to peel the potatoes. The second step is to boil them.",
        }
    )
    first, second = ask(
        library, "What does the first article of the Treaty of Ostrava say?", "What about the second one?"
    )
    assert first.found
    assert second.found
    assert {citation.source for citation in second.citations} == {"treaty.txt"}


def test_a_follow_up_about_what_is_not_there_is_refused(opened: Open) -> None:
    library = opened()
    answers = ask(library, "What did Sherman say about troop levels?", "What about gas prices?")
    assert [answer.found for answer in answers] == [True, False]


def test_yes_brings_the_further_sentences_that_were_offered_and_then_no_more(opened: Open) -> None:
    library = opened()
    answers = ask(library, "What did Sherman say about troop levels?", *["yes"] * 9)
    assert answers[0].more
    given = [(c.source, c.start) for answer in answers for c in answer.citations]
    assert len(given) == len(set(given)) > 1
    assert answers[-1].notice == NO_MORE


def test_a_model_that_quotes_is_cited_at_the_very_words(opened: Open) -> None:
    with faulty_endpoint(said("Sherman said the ", REFUSAL.removeprefix("Biden "), " [", "1", "].")) as endpoint:
        library = opened(endpoint=endpoint.base_url)
        [answer] = ask(library, "Will the US remove troops from eastern Europe?")
    assert answer.mode is Mode.GENERATED
    assert answer.complete
    [sentence] = answer.sentences
    assert sentence.support in (Support.SUPPORTED, Support.QUOTED)
    assert "will not remove U.S. troops" in sentence.citations[0].quote
    exact(library, answer)


def test_a_wrong_number_is_never_supported(opened: Open) -> None:
    with faulty_endpoint(said("There are seven scheduled meetings between the two [1].")) as endpoint:
        library = opened(endpoint=endpoint.base_url)
        [answer] = ask(library, "How many meetings are scheduled?")
    assert answer.sentences[0].support is Support.UNSUPPORTED
    assert answer.citations == ()


def test_an_answer_that_ignores_the_question_is_not_shown_as_supported(opened: Open) -> None:  # anything-llm 3682
    with faulty_endpoint(said("0")) as endpoint:
        library = opened(endpoint=endpoint.base_url)
        [answer] = ask(library, "What does Russia want?")
    assert all(sentence.support is Support.UNSUPPORTED for sentence in answer.sentences)
    assert answer.citations == ()
    assert answer.notice


def test_marks_of_passages_that_were_not_sent_become_no_footnotes(opened: Open) -> None:  # pipeshub 1071
    reply = said(
        "Russia wants a guarantee that the U.S. will not deploy missiles [99] [Summary of Russia]. It is so [1]."
    )
    with faulty_endpoint(reply) as endpoint:
        library = opened(endpoint=endpoint.base_url)
        [answer] = ask(library, "What does Russia want?")
    assert "[99]" not in answer.sentences[0].text
    assert [citation.number for citation in answer.citations] == list(range(1, len(answer.citations) + 1))
    exact(library, answer)


def test_numbers_stay_as_they_were_when_a_later_source_is_dropped(opened: Open) -> None:  # openrag 837
    reply = said(
        "Russia wants a guarantee that the U.S. will not deploy missiles with a large enough range to strike Russia [1]. ",
        "The moon is made of green cheese and costs 12 euros [2]. ",
        "Both sides will be forced to make concessions [1].",
    )
    with faulty_endpoint(reply) as endpoint:
        library = opened(endpoint=endpoint.base_url)
        snapshots = list(library.ask("What does Russia want a guarantee of?"))
    answer = snapshots[-1]
    assert answer.sentences[1].support is Support.UNSUPPORTED
    assert answer.sentences[1].citations == ()
    assert [citation.number for citation in answer.citations] == [1, 2]
    for snapshot in snapshots:
        assert snapshot.sentences == answer.sentences[: len(snapshot.sentences)]


def test_the_phrase_that_says_not_there_is_a_refusal_with_the_closest_passages(opened: Open) -> None:
    with faulty_endpoint(said(NOT_FOUND)) as endpoint:
        library = opened(endpoint=endpoint.base_url)
        [answer] = ask(library, "What does Russia want?")
    assert not answer.found
    assert answer.sentences == ()
    assert answer.closest


def test_no_model_is_asked_what_the_folder_does_not_hold(opened: Open) -> None:
    with faulty_endpoint(said("Canberra is the capital [1].")) as endpoint:
        library = opened(endpoint=endpoint.base_url)
        [answer] = ask(library, "What is the capital of Australia?")
        assert endpoint.requests == []
    assert not answer.found


def test_an_answer_broken_off_keeps_what_came_and_says_so(opened: Open) -> None:
    whole = "Russia wants a guarantee that the U.S. will not deploy missiles with a large enough range to strike Russia [1]. "
    with faulty_endpoint(events(delta(whole), delta("And then it"), done=False)) as endpoint:
        library = opened(endpoint=endpoint.base_url)
        [answer] = ask(library, "What does Russia want?")
    assert not answer.complete
    assert answer.notice
    assert answer.sentences[0].support in (Support.SUPPORTED, Support.QUOTED)


def test_an_answer_cut_at_the_models_limit_keeps_what_came_and_says_so(opened: Open) -> None:
    reply = events(
        delta("Russia wants a guarantee that the U.S. will not deploy missiles [1]. And then"), delta("", "length")
    )
    with faulty_endpoint(reply) as endpoint:
        [answer] = ask(opened(endpoint=endpoint.base_url), "What does Russia want?")
    assert answer.complete
    assert answer.notice == CUT_SHORT
    assert answer.sentences[0].citations


WANTS = (
    "Russia wants a guarantee that the U.S. will not deploy missiles with a large enough range to strike Russia [1]."
)
MEETS = " Both sides of the talks will be forced to make big concessions [1]."


def test_a_second_opinion_is_asked_for_only_where_it_is_set(opened: Open) -> None:
    with faulty_endpoint(said(WANTS), Reply(message("unsupported"))) as endpoint:
        [answer] = ask(opened(endpoint=endpoint.base_url), "What does Russia want?")
    assert len(endpoint.requests) == 1
    assert answer.sentences[0].support is Support.SUPPORTED


@pytest.mark.parametrize(
    ("opinions", "states"),
    [
        (("supported", "Supported."), (Support.SUPPORTED, Support.SUPPORTED)),
        (("partly", "unsupported"), (Support.PARTLY, Support.UNSUPPORTED)),
        (("unsupported", "I would say it is partly so"), (Support.UNSUPPORTED, Support.PARTLY)),
        (("supported, not unsupported", "42"), (Support.SUPPORTED, Support.SUPPORTED)),
    ],
)
def test_a_second_opinion_lowers_what_the_code_found(
    opened: Open, opinions: tuple[str, str], states: tuple[Support, Support]
) -> None:
    with faulty_endpoint(said(WANTS, MEETS), *(Reply(message(opinion)) for opinion in opinions)) as endpoint:
        library = opened(endpoint=endpoint.base_url, entailment=True)
        snapshots = list(library.ask("What does Russia want?"))
    answer = snapshots[-1]
    assert tuple(sentence.support for sentence in answer.sentences) == states
    assert len(endpoint.requests) == 3
    for sentence, state in zip(answer.sentences, states, strict=True):
        assert ("asked again" in sentence.note) == (state is not Support.SUPPORTED)
        assert bool(sentence.citations) == (state is not Support.UNSUPPORTED)
    assert [citation.number for citation in answer.citations] == list(range(1, len(answer.citations) + 1))
    for snapshot in snapshots:  # no state that was shown is taken back
        assert snapshot.sentences == answer.sentences[: len(snapshot.sentences)]
    asked = str(endpoint.requests[1]["messages"])
    assert "large enough range to strike Russia" in asked


def test_a_second_opinion_never_raises_what_the_code_found(opened: Open) -> None:
    wrong = (
        "Russia wants a guarantee that Norway will not deploy missiles with a large enough range to strike Russia [1]."
    )
    with faulty_endpoint(said(wrong), Reply(message("supported"))) as endpoint:
        [answer] = ask(opened(endpoint=endpoint.base_url, entailment=True), "What does Russia want?")
    assert answer.sentences[0].support in (Support.PARTLY, Support.UNSUPPORTED)


def test_without_second_opinions_from_a_failing_endpoint_the_codes_stand_and_it_is_said(opened: Open) -> None:
    with faulty_endpoint(said(WANTS, MEETS), Reply({"error": {"message": "no"}}, status=400)) as endpoint:
        [answer] = ask(opened(endpoint=endpoint.base_url, entailment=True), "What does Russia want?")
    assert len(endpoint.requests) == 2
    assert answer.complete
    assert all(sentence.support is Support.SUPPORTED for sentence in answer.sentences)
    assert "second check" in answer.notice


@pytest.mark.slow
def test_a_real_small_models_second_opinions_only_lower_its_answer(
    opened: Open, llama: llama_server.LlamaServer
) -> None:
    question = "What did Sherman say about troop levels?"
    order = list(Support)
    library = opened(endpoint=llama.base_url)
    [once] = ask(library, question)
    library.close()
    [twice] = ask(opened(endpoint=llama.base_url, entailment=True), question)
    assert [sentence.text for sentence in once.sentences] == [sentence.text for sentence in twice.sentences]
    for one, other in zip(once.sentences, twice.sentences, strict=True):
        assert order.index(other.support) >= order.index(one.support)


def test_a_model_in_a_loop_is_stopped(opened: Open) -> None:
    with faulty_endpoint(said(*["Russia wants a guarantee [1]. "] * 500)) as endpoint:
        library = opened(endpoint=endpoint.base_url)
        [answer] = ask(library, "What does Russia want?")
    assert answer.notice == REPEATS
    assert len(answer.sentences) < 10


def test_an_endpoint_that_sends_its_list_as_text_ends_in_a_sentence(opened: Open) -> None:  # kotaemon 469
    with faulty_endpoint(Reply('"[{\\"choices\\": []}]"')) as endpoint:
        library = opened(endpoint=endpoint.base_url)
        [answer] = ask(library, "What does Russia want?")
    assert not answer.complete
    assert "OPENAI_BASE_URL" in answer.notice


def test_a_real_small_model_gets_no_support_that_its_words_do_not_have(
    opened: Open, llama: llama_server.LlamaServer
) -> None:
    library = opened(endpoint=llama.base_url)
    snapshots = list(library.ask("What did Sherman say about troop levels?"))
    answer = snapshots[-1]
    assert answer.mode is Mode.GENERATED
    exact(library, answer)
    for sentence in answer.sentences:
        assert bool(sentence.citations) == (sentence.support is not Support.UNSUPPORTED)
    for snapshot in snapshots:
        assert snapshot.sentences == answer.sentences[: len(snapshot.sentences)]


@pytest.mark.parametrize("gone", ["edited", "deleted"])
def test_an_answer_never_rests_on_text_that_is_gone(opened: Open, gone: str) -> None:  # gptscript 34, Langchain 874
    library = opened({"a.txt": "The bridge over the Elda is 412 metres long.", "b.txt": "A ferry crosses the Orva."})
    [before] = ask(library, "How long is the bridge over the Elda?")
    assert "412" in before.sentences[0].text
    assert library.is_current(before.citations[0])
    path = library.folder / "a.txt"
    if gone == "edited":
        path.write_text("The bridge over the Elda is 398 metres long.")
    else:
        path.unlink()
    library.sync()
    [after] = ask(library, "How long is the bridge over the Elda?")
    assert "412" not in str(after)
    assert after.found == (gone == "edited")
    assert not library.is_current(before.citations[0])
