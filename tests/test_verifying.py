"""The check of a sentence against what it cites: altered facts lose SUPPORTED, copied sentences stay QUOTED."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from assistant.types import Support
from assistant.verifying import Embed, quoted_span, verify
from index.embedding import MiniLM, Vectors
from index.sentences import sentence_spans, trimmed

SEED = (Path(__file__).parent.parent / "seeds" / "000_7b7cfbea1300d462.txt").read_text(encoding="utf-8")
PASSAGES = tuple(SEED.splitlines())
PLANT = (
    "The Harlow plant opened on 12 March 1987 under Maria Jensen. In 2019 it made 1,250 tonnes of paper, up from 980 "
    "tonnes in 2018. It employs about forty people, and two thirds of its power comes from the river. The plant was "
    "never sold, although its owners received three offers. Output fell after the flood of June 2021. A storm left "
    "14 people dead and 90 injured in the valley."
)


@pytest.fixture(scope="module")
def embed(tmp_path_factory: pytest.TempPathFactory) -> Embed:
    return MiniLM(tmp_path_factory.mktemp("model")).embed_passages


def embedding_is_not_needed(texts: Sequence[str]) -> Vectors:
    raise AssertionError("A quoted sentence is certain without an embedding.")


ALTERED = [
    # numbers
    ("The Harlow plant made 1,250 tonnes of paper in 2019.", "The Harlow plant made 1,350 tonnes of paper in 2019."),
    ("The Harlow plant made 1250 tonnes of paper in 2019.", "The Harlow plant made 1250 tonnes of paper in 2017."),
    ("Its owners received three offers for the plant.", "Its owners received seven offers for the plant."),
    ("The plant employs about 40 people.", "The plant employs about 70 people."),
    # a number of the passage, but of another thing or year
    ("In 2018 the Harlow plant made 980 tonnes of paper.", "In 2018 the Harlow plant made 1,250 tonnes of paper."),
    ("The storm left 14 people dead and 90 injured.", "The storm left 90 people dead and 14 injured."),
    # dates
    ("The Harlow plant opened on March 12, 1987.", "The Harlow plant opened on March 13, 1987."),
    ("The Harlow plant opened on March 12, 1987.", "The Harlow plant opened on May 12, 1987."),
    ("The Harlow plant opened on 12 March 1987.", "The Harlow plant opened on 12 March 1978."),
    ("Output fell after the flood of June 2021.", "Output fell after the flood of July 2021."),
    # names
    ("The Harlow plant opened under Maria Jensen.", "The Harlow plant opened under Maria Olsen."),
    ("The Harlow plant opened in 1987.", "The Marlow plant opened in 1987."),
    # negation and opposites
    ("The plant was never sold.", "The plant was sold."),
    ("Two thirds of its power comes from the river.", "Two thirds of its power does not come from the river."),
    ("Output fell after the flood.", "Output rose after the flood."),
    ("Output fell after the flood.", "Output fell before the flood."),
]
ALTERED_OF_THE_SEED = [
    (
        "The U.S. Deputy Secretary of State met with the Russian Deputy Foreign Minister in the first of three talks.",
        "The U.S. Deputy Secretary of State met with the Russian Deputy Foreign Minister in the first of five talks.",
    ),
    (
        "Russia feels threatened by the possibility of U.S. missiles being deployed in Ukraine.",
        "Russia feels threatened by the possibility of U.S. missiles being deployed in Poland.",
    ),
    (
        "Russia feels threatened by the possibility of U.S. missiles being deployed in Ukraine.",
        "China feels threatened by the possibility of U.S. missiles being deployed in Ukraine.",
    ),
    (
        "The U.S. is not willing to meet all of Russia’s demands.",
        "The U.S. is willing to meet all of Russia’s demands.",
    ),
    (
        "American officials have stated that the government has no intention of lessening its military presence.",
        "American officials have stated that the government has the intention of lessening its military presence.",
    ),
    (
        "Sherman recently confirmed that the Biden administration will not remove U.S. troops from eastern Europe.",
        "Sherman recently confirmed that the Biden administration will remove U.S. troops from eastern Europe.",
    ),
    (
        "Sherman recently confirmed that the Biden administration will not remove U.S. troops from eastern Europe.",
        "Lavrov recently confirmed that the Biden administration will not remove U.S. troops from eastern Europe.",
    ),
    (
        "The U.S. has already agreed to tamp down its missile deployment as long as Russia reciprocates.",
        "The U.S. has not agreed to tamp down its missile deployment as long as Russia reciprocates.",
    ),
    (
        "Sherman said “We did not have discussions about American troop levels”.",
        "Sherman said “We did not have long discussions about American troop levels”.",
    ),
    (
        "Some officials believe that Russia is asking too much of the U.S.",
        "Some officials believe that Russia is asking too much of the U.S. on 14 January 2022.",
    ),
]
CASES = [((PLANT,), true, altered) for true, altered in ALTERED]
CASES += [(PASSAGES, true, altered) for true, altered in ALTERED_OF_THE_SEED]


@pytest.mark.parametrize(("evidence", "true", "altered"), CASES)
def test_a_true_sentence_is_supported_and_with_one_fact_altered_it_is_not(
    embed: Embed, evidence: tuple[str, ...], true: str, altered: str
) -> None:
    assert verify(true, evidence, embed).support in (Support.SUPPORTED, Support.QUOTED)
    verdict = verify(altered, evidence, embed)
    assert verdict.support in (Support.PARTLY, Support.UNSUPPORTED)
    assert verdict.reasons


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(stated=st.integers(20, 9_999_999), held=st.integers(20, 9_999_999), spaced=st.booleans())
def test_no_number_but_the_one_held_is_supported(embed: Embed, stated: int, held: int, spaced: bool) -> None:
    assume(stated != held)
    evidence = (f"The survey counted {held:,} birds on the northern shore.",)
    same = f"The survey counted {held if spaced else format(held, ',')} birds on the northern shore."
    assert verify(same, evidence, embed).support in (Support.SUPPORTED, Support.QUOTED)
    verdict = verify(f"The survey counted {stated:,} birds on the northern shore.", evidence, embed)
    assert verdict.support is Support.UNSUPPORTED
    assert verdict.reasons[0] == f"The number {stated:,} is not where the cited passage speaks of this."


@pytest.mark.parametrize(
    ("stated", "held"),
    [
        ("forty-two", "42"),
        ("1000", "1,000"),
        ("two million", "2,000,000"),
        ("5.3 million", "5,312,000"),
        ("about 200", "198"),
        ("more than 6,000", "6,312"),
        ("3rd", "third"),
        ("12.50", "12.5"),
    ],
)
def test_one_number_written_two_ways_is_the_same_number(embed: Embed, stated: str, held: str) -> None:
    verdict = verify(
        f"The old library near the harbour holds {stated} maps of the coast.",
        (f"The old library near the harbour holds {held} maps of the coast.",),
        embed,
    )
    assert verdict.support is Support.SUPPORTED


@pytest.mark.parametrize(
    "sentence",
    [
        "NATO will meet with Russia.",
        "The North Atlantic Treaty Organization will meet with Russia.",
        "NATO will meet with the Russian side.",
    ],
)
def test_a_name_is_known_by_its_initials_and_its_adjective(embed: Embed, sentence: str) -> None:
    evidence = ("The North Atlantic Treaty Organization (NATO) will meet with Russia, the other side.",)
    assert verify(sentence, evidence, embed).support is Support.SUPPORTED


def test_a_number_that_stands_elsewhere_in_the_passage_does_not_support(embed: Embed) -> None:
    evidence = (
        "The mill made 70 tonnes of paper last year. The river is full of fish in spring. "
        "A school for 300 pupils stands beside the church on the hill.",
    )
    assert verify("Last year the mill made 70 tonnes of paper.", evidence, embed).support is Support.SUPPORTED
    assert verify("Last year the mill made 300 tonnes of paper.", evidence, embed).support is Support.UNSUPPORTED


def test_a_sentence_that_denies_what_nothing_in_the_evidence_denies_is_not_supported(embed: Embed) -> None:
    evidence = ("Sickle cells are characteristic of sickle cell disease, a disorder of the blood.",)
    true = "Sickle cells are characteristic of sickle cell disease, also a disorder of the blood."
    assert verify(true, evidence, embed).support is Support.SUPPORTED
    verdict = verify(true.replace("are", "are not", 1), evidence, embed)
    assert verdict.support is Support.PARTLY
    assert any("opposite" in reason for reason in verdict.reasons)


def test_something_else_altogether_is_unsupported(embed: Embed) -> None:
    verdict = verify("Bees make honey from the nectar of flowers.", PASSAGES, embed)
    assert verdict.support is Support.UNSUPPORTED
    assert verdict.score < 0.3


def test_spans_are_the_evidence_sentences_that_carry_the_sentence(embed: Embed) -> None:
    evidence = ("Nothing of note happened.\n\nIt rained.", PLANT)
    verdict = verify("In 2019 the Harlow plant made 1,250 tonnes of paper.", evidence, embed)
    index, start, end = verdict.spans[0]
    assert evidence[index][start:end] == ("In 2019 it made 1,250 tonnes of paper, up from 980 tonnes in 2018.")
    assert "The Harlow plant opened on 12 March 1987 under Maria Jensen." in [
        evidence[i][a:b] for i, a, b in verdict.spans
    ]


def test_no_evidence_is_unsupported_and_has_no_span() -> None:
    for evidence in ((), ("",), (" \n\t ",), ("***",)):
        verdict = verify("The plant opened in 1987.", evidence, embedding_is_not_needed)
        assert (verdict.support, verdict.score, verdict.spans) == (Support.UNSUPPORTED, 0.0, ())
        assert verdict.reasons


def test_a_sentence_without_words_is_unsupported() -> None:
    assert verify("…", ("… and so on.",), embedding_is_not_needed).support is Support.UNSUPPORTED


@pytest.mark.parametrize(
    "held",
    [
        'She said "that\'s not so" - twice.',
        "She said “that’s not so” – twice.",
        "She said\n“that’s not\r\nso” —\ttwice.",
        "She\u00a0said «that’s\u2009not so» \u2011 twice.",
        "- She said “that’s not so” – twice.",
        "“She said “that’s not so” – twice.”",
        "It was late. She said “that’s not so” – twice. He left.",
    ],
)
@pytest.mark.parametrize("sentence", ['She said "that\'s not so" - twice.', "She said “that’s not so” – twice."])
def test_a_copied_sentence_is_quoted_whatever_its_marks_and_line_ends(sentence: str, held: str) -> None:
    verdict = verify(sentence, ("Another passage.", held), embedding_is_not_needed)
    assert verdict.support is Support.QUOTED
    ((index, start, end),) = verdict.spans
    assert index == 1
    assert held[start:end].startswith("She")
    assert held[start:end].endswith("twice.")


@pytest.mark.parametrize(
    ("sentence", "held"),
    [
        ("the earth is flat.", "He denied that the earth is flat."),
        ("The plant was sold", "The plant was sold only once the strike was over."),
        ("Art of war.", "It is the start of war."),
        ("The plant was sold.", "The plant was Sold."),
        ("The plant was sold!", "The plant was sold?"),
    ],
)
def test_a_part_or_a_likeness_of_a_sentence_is_not_quoted(sentence: str, held: str) -> None:
    assert quoted_span(sentence, (held,)) is None


_TEXT = st.text(st.sampled_from("ab Z1.?!,;\n\u00a0\u200b“”’'\"–-—…()•é中"), max_size=120)


@settings(max_examples=150, deadline=None)
@given(evidence=st.lists(st.one_of(_TEXT, st.text(max_size=60), st.just(SEED)), min_size=1, max_size=3), data=st.data())
def test_every_sentence_of_the_evidence_is_quoted_with_a_span_that_is_the_sentence(
    evidence: list[str], data: st.DataObject
) -> None:
    sentences = [
        text[slice(*trimmed(text, span))]
        for text in evidence
        for span in sentence_spans(text)
        if any(sign.isalnum() for sign in text[slice(*span)])
    ]
    assume(sentences)
    sentence = data.draw(st.sampled_from(sentences))
    verdict = verify(sentence, evidence, embedding_is_not_needed)
    assert (verdict.support, verdict.score, verdict.reasons) == (Support.QUOTED, 1.0, ())
    ((index, start, end),) = verdict.spans
    assert evidence[index][start:end] == sentence


def _hashed(texts: Sequence[str]) -> Vectors:
    """Unit vectors that mean nothing but are the same for the same text: enough where no meaning is asked for."""
    vectors = np.array([np.random.default_rng(list(text.encode("utf-8", "replace"))).normal(size=8) for text in texts])
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@settings(max_examples=150, deadline=None)
@given(sentence=st.one_of(_TEXT, st.text(max_size=80)), evidence=st.lists(_TEXT, max_size=3))
def test_any_text_gets_a_verdict_with_a_score_and_spans_within_bounds(sentence: str, evidence: list[str]) -> None:
    verdict = verify(sentence, evidence, _hashed)
    assert 0.0 <= verdict.score <= 1.0
    assert all(0 <= start < end <= len(evidence[index]) for index, start, end in verdict.spans)
    assert bool(verdict.reasons) == (verdict.support in (Support.PARTLY, Support.UNSUPPORTED))
