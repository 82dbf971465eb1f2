"""Question -> Answer: the documents' own sentences, or a model's, each checked against the words it rests on."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np

from assistant.citing import CitedSentence, MarkParser, is_not_found
from assistant.condensing import condensed
from assistant.conversation import Reading, readings
from assistant.entailing import Entailment
from assistant.errors import EndpointError, EndpointGarbled
from assistant.footnotes import Numbering, cite, cite_whole
from assistant.history import Turn
from assistant.prompting import Message, render_answer
from assistant.quoting import ANSWERS, Quote, answerability, answering, distinct, quotes, same_words
from assistant.types import EVERYTHING, Answer, Citation, Mode, Scope, Sentence, Support
from assistant.verifying import Verdict, verify
from index.embedding import Vectors
from index.folder import FolderIndex
from index.terms import terms
from index.types import Hit, Passage

if TYPE_CHECKING:
    from assistant.llm import ChatModel

NO_MORE = "No further sentence of the documents comes near to answering."

CUT_SHORT = "The answer was cut short at the model's limit. Ask for one thing at a time, or for what is missing."

REPEATS = "The model began to repeat itself and was stopped. Ask again, or choose another model."

_RETRIEVED = 10
# Small models fall into loops; the same sentence so often is one.
_LOOP = 3
_CLOSEST = 3
_ORDER = tuple(Support)  # from the best supported down
_ANSWER_TOKENS = 768
# Of the words that a follow-up adds, by weight, so many must stand around the answer.
_OWN_HELD = 0.5
# Passages sent to a model, each with its neighbours; more than these dilute what a small model makes of them.
_SENT = 6


@dataclass(frozen=True, slots=True)
class Block:
    """Passages that lie side by side in a document and go to a model as one numbered text."""

    passages: tuple[Passage, ...]

    @property
    def text(self) -> str:
        return "".join(passage.text for passage in self.passages)


def answer(
    index: FolderIndex,
    question: str,
    model: ChatModel | None,
    turns: Sequence[Turn] = (),
    scope: Scope = EVERYTHING,
) -> Iterator[Answer]:
    """The answer as it grows; the last one given is whole, or says in `notice` why it is not.

    Whether the documents of the scope hold an answer is decided before a model is asked. Raises ScopeUnusable,
    IndexDamaged.
    """
    with closing(_growing(index, question, model, turns, scope)) as growing:
        for grown in growing:
            yield replace(grown, scope=scope)


def _growing(
    index: FolderIndex, question: str, model: ChatModel | None, turns: Sequence[Turn], scope: Scope
) -> Generator[Answer, None, None]:
    first, *others = _readings(question, turns, model)
    found = _found(index, first, scope)
    # The other readings are looked for only where the likeliest has no answer.
    further = (_found(index, reading, scope) for reading in others)
    best = found if found.answers else next((one for one in further if one.answers), None)
    if best is None and first.shown:
        yield replace(_not_found(question, Mode.QUOTE, ()), notice=NO_MORE)
    elif best is None:
        yield _not_found(question, Mode.QUOTE if model is None else Mode.GENERATED, found.ranked)
    elif model is None:
        yield _quoted(question, best)
    else:
        yield from _generated(index, question, model, best)


def answered_by(index: FolderIndex, question: str) -> str:
    """The source whose sentence answers a question best; empty where the folder holds no answer. Raises IndexDamaged."""
    found = _found(index, _readings(question, (), None)[0], EVERYTHING)
    return found.ranked[0].passage.source if found.answers else ""


@dataclass(frozen=True, slots=True)
class _Found:
    """What the folder holds for one reading of a question: passages, their sentences in order, and whether one of them
    answers."""

    reading: Reading
    hits: tuple[Hit, ...]
    ranked: tuple[Quote, ...]
    answers: bool


def _readings(question: str, turns: Sequence[Turn], model: ChatModel | None) -> tuple[Reading, ...]:
    """What the question may stand for. A model rewrites a follow-up where there is one; what it makes of it comes first,
    and is held to the same condition: what the follow-up adds must be found."""
    found = readings(question, turns)
    follow_up = found[-1]
    if model is None or not follow_up.own:
        return found
    try:
        rewritten = condensed(model, question, turns)
    except EndpointError:
        return found  # the answer itself will say what is wrong with the endpoint
    return (replace(follow_up, question=rewritten), *found) if rewritten else found


def _found(index: FolderIndex, reading: Reading, scope: Scope) -> _Found:
    hits = index.retrieve(reading.question, _RETRIEVED, scope)
    weights = index.term_weights(reading.question)
    if reading.own:
        # What a follow-up adds is what it asks about; what it takes from before only says of what.
        weights = {term: weight if term in reading.own else weight / 2 for term, weight in weights.items()}
    ranked = tuple(
        quote
        for quote in quotes(reading.question, hits, weights)
        if (quote.passage.source, quote.start, quote.end) not in reading.shown
    )
    if not ranked:
        return _Found(reading, hits, (), False)
    around = cache(partial(_around, index, ranked[0].passage))
    answers = answerability(reading.question, ranked[0], around) >= ANSWERS
    if reading.own:
        nearby = set(terms(f"{ranked[0].passage.title} {around()}"))
        own = {term: weights.get(term, 1.0) for term in reading.own}
        answers = answers and sum(own[term] for term in own if term in nearby) >= _OWN_HELD * sum(own.values())
    return _Found(reading, hits, ranked, answers)


def _around(index: FolderIndex, passage: Passage) -> str:
    return " ".join(near.text for near in index.neighbours(passage) if near.content_hash == passage.content_hash)


def _quoted(question: str, found: _Found) -> Answer:
    chosen = answering(found.ranked)
    numbering = Numbering()
    sentences = tuple(
        Sentence(
            quote.text,
            numbering.numbered([_with_copies(cite(quote.passage, quote.start, quote.end), quote, found.ranked)]),
            Support.QUOTED,
        )
        for quote in chosen
    )
    more = sum(quote not in chosen and quote.evidence >= ANSWERS for quote in distinct(found.ranked))
    return Answer(question, Mode.QUOTE, found=True, sentences=sentences, more=more)


def _with_copies(citation: Citation, quote: Quote, ranked: Sequence[Quote]) -> Citation:
    """The citation with the other sources among the passages found that hold the same words."""
    copies = {other.passage.source for other in ranked if same_words(other.text, quote.text)} - {citation.source}
    return replace(citation, also_in=tuple(sorted(copies)))


def _not_found(question: str, mode: Mode, ranked: Sequence[Quote]) -> Answer:
    nearest = list(dict.fromkeys(quote.passage for quote in ranked))[:_CLOSEST]
    closest = tuple(cite_whole(passage, number) for number, passage in enumerate(nearest, 1) if passage.text.strip())
    return Answer(question, mode, found=False, closest=closest)


def _generated(index: FolderIndex, question: str, model: ChatModel, found: _Found) -> Iterator[Answer]:
    blocks = _blocks(index, found.hits[:_SENT])
    growing = Answer(question, Mode.GENERATED, found=True, complete=False)
    yield growing

    def prompt(count: int) -> tuple[Message, ...]:
        return render_answer(found.reading.question, [block.text for block in blocks[:count]])

    try:
        sent, stream = model.stream_fitting(prompt, len(blocks), _ANSWER_TOKENS)
    except EndpointError as fault:
        # The documents are at hand although the model is not: their own words are given, and it is said.
        yield replace(_quoted(question, found), notice=f"{fault} Here are the documents' own words instead.")
        return
    parser = MarkParser(sent)
    entailment = Entailment(model) if model.gives_second_opinions else None
    checked = _Checked(blocks[:sent], index.embed, entailment)
    come: list[CitedSentence] = []
    notice = ""
    try:
        for delta in stream:
            come += parser.feed(delta)
            # A second opinion is asked for when the stream is at its end: some servers do one thing at a time.
            if entailment is None:
                checked.take(come[checked.taken :])
            pending = "".join(f"{sentence.text} " for sentence in come[checked.taken :]) + parser.pending
            if checked.sentences != list(growing.sentences) or pending != growing.pending:
                growing = replace(growing, sentences=tuple(checked.sentences), pending=pending)
                yield growing
            if _repeats(come):
                notice = REPEATS
                break
    except EndpointError as fault:
        notice = str(fault)
    finally:
        stream.close()
    come += () if notice is REPEATS else parser.close()
    for at in range(checked.taken, len(come)):
        checked.take(come[at : at + 1])
        pending = " ".join(sentence.text for sentence in come[at + 1 :])
        growing = replace(growing, sentences=tuple(checked.sentences), pending=pending)
        if pending:
            yield growing
    if notice:
        yield replace(growing, pending="", notice=notice)
    else:
        whole = _finished(growing, checked, found.ranked)
        yield replace(whole, notice=CUT_SHORT) if stream.truncated and checked.sentences else whole


def _repeats(sentences: Sequence[CitedSentence]) -> bool:
    """Whether the last sentence has been said over and over."""
    said = [sentence.text for sentence in sentences]
    return bool(said) and sum(same_words(text, said[-1]) for text in said) >= _LOOP


def _finished(growing: Answer, checked: _Checked, ranked: Sequence[Quote]) -> Answer:
    if checked.abstained:
        return _not_found(growing.question, Mode.GENERATED, ranked)
    whole = replace(growing, sentences=tuple(checked.sentences), pending="", complete=True)
    if not checked.sentences:
        fault = EndpointGarbled("The model's answer holds no sentence. Ask again, or choose another model.")
        return replace(whole, complete=False, notice=str(fault))
    if all(sentence.support is Support.UNSUPPORTED for sentence in checked.sentences):
        nothing = "Nothing in the documents was found to carry what the model wrote."
        return replace(whole, closest=_not_found(growing.question, growing.mode, ranked).closest, notice=nothing)
    if checked.entailment and (fault_of_check := checked.entailment.fault):
        return replace(whole, notice=f"{fault_of_check} The second check of this answer is therefore not complete.")
    return whole


class _Checked:
    """A model's sentences, each checked against the passages that were sent, and numbered. `taken` counts those that
    came, `sentences` holds what is shown of them."""

    def __init__(
        self, blocks: Sequence[Block], embed: Callable[[Sequence[str]], Vectors], entailment: Entailment | None
    ) -> None:
        self._blocks, self._embed_texts = blocks, embed
        self.entailment = entailment
        self.taken = 0
        self._vectors: dict[str, Vectors] = {}
        self._numbering = Numbering()
        self.sentences: list[Sentence] = []
        self._only_abstained = False

    @property
    def abstained(self) -> bool:
        """Whether all that came is the sentence that says that the documents hold no answer."""
        return self._only_abstained and not self.sentences

    def take(self, sentences: Sequence[CitedSentence]) -> None:
        for sentence in sentences:
            self.taken += 1
            if is_not_found(sentence.text):
                self._only_abstained = True
            else:
                self.sentences.append(self._check(sentence))

    def _embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of texts. The same passages are held against sentence after sentence and embedded once."""
        new = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        self._vectors.update(zip(new, self._embed_texts(new), strict=True))
        return np.stack([self._vectors[text] for text in texts])

    def _check(self, sentence: CitedSentence) -> Sentence:
        """A sentence that names passages is held against those and no other; one that names none against all."""
        named = [self._blocks[number - 1] for number in sentence.numbers] or self._blocks
        passages = list(dict.fromkeys(passage for block in named for passage in block.passages))
        verdict = self._twice_judged(
            sentence.text, verify(sentence.text, [passage.text for passage in passages], self._embed), passages
        )
        citations = (
            ()
            if verdict.support is Support.UNSUPPORTED
            else tuple(
                cite(passages[at], passages[at].start + start, passages[at].start + end)
                for at, start, end in verdict.spans
            )
        )
        support = verdict.support if citations else Support.UNSUPPORTED
        return Sentence(
            sentence.text,
            self._numbering.numbered(citations),
            support,
            note=" ".join(verdict.reasons),
            starts_paragraph=sentence.paragraph_start,
        )

    def _twice_judged(self, sentence: str, verdict: Verdict, passages: Sequence[Passage]) -> Verdict:
        """The verdict, lowered where the endpoint finds less support in the passages that carry the sentence."""
        if self.entailment is None or verdict.support in (Support.QUOTED, Support.UNSUPPORTED):
            return verdict
        carrying = [passages[at].text for at in dict.fromkeys(at for at, _, _ in verdict.spans)]
        second = self.entailment.judged(sentence, carrying)
        if second is None or _ORDER.index(second) <= _ORDER.index(verdict.support):
            return verdict
        found = "only partly" if second is Support.PARTLY else "not"
        reason = f"The model, asked again, finds it {found} supported by the cited passage."
        return replace(verdict, support=second, reasons=(*verdict.reasons, reason))


def _blocks(index: FolderIndex, hits: Sequence[Hit]) -> list[Block]:
    """Each hit with its neighbours, best first; a passage that an earlier block holds is not given again."""
    blocks: list[Block] = []
    given: set[str] = set()
    for hit in hits:
        around = [passage for passage in index.neighbours(hit.passage) if passage.id not in given]
        # Another version of the document may have come since the search: then the hit stands alone.
        if hit.passage.id not in {passage.id for passage in around}:
            around = [] if hit.passage.id in given else [hit.passage]
        if around:
            given.update(passage.id for passage in around)
            blocks.append(Block(tuple(around)))
    return blocks
