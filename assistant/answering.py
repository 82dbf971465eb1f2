"""Question -> Answer: the documents' own sentences, or a model's, each checked against the words it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from assistant.citing import CitedSentence, MarkParser, is_not_found
from assistant.errors import EndpointError, EndpointGarbled
from assistant.footnotes import Numbering, cite, cite_whole
from assistant.prompting import render_answer
from assistant.quoting import Embed, Quote, answering, quotes
from assistant.types import Answer, Mode, Sentence, Support
from assistant.verifying import verify
from index.folder import FolderIndex
from index.types import Hit, Passage

if TYPE_CHECKING:
    from assistant.llm import ChatModel

_RETRIEVED = 10
_CLOSEST = 3
_ANSWER_TOKENS = 1024
# Passages sent to a model, each with its neighbours; more than these dilute what a small model makes of them.
_SENT = 6


@dataclass(frozen=True, slots=True)
class Block:
    """Passages that lie side by side in a document and go to a model as one numbered text."""

    passages: tuple[Passage, ...]

    @property
    def text(self) -> str:
        return "".join(passage.text for passage in self.passages)


def answer(index: FolderIndex, question: str, model: ChatModel | None) -> Iterator[Answer]:
    """The answer as it grows; the last one given is whole, or says in `notice` why it is not.

    Whether the documents hold an answer is decided before a model is asked. Raises IndexDamaged.
    """
    hits = index.retrieve(question, _RETRIEVED)
    ranked = quotes(question, hits, index.embed)
    chosen = answering(ranked)
    if not chosen:
        yield _not_found(question, Mode.QUOTE if model is None else Mode.GENERATED, ranked)
    elif model is None:
        yield _quoted(question, chosen)
    else:
        yield from _generated(index, question, model, hits, ranked)


def _quoted(question: str, chosen: Sequence[Quote]) -> Answer:
    numbering = Numbering()
    sentences = tuple(
        Sentence(quote.text, numbering.numbered([cite(quote.passage, quote.start, quote.end)]), Support.QUOTED)
        for quote in chosen
    )
    return Answer(question, Mode.QUOTE, found=True, sentences=sentences)


def _not_found(question: str, mode: Mode, ranked: Sequence[Quote]) -> Answer:
    nearest = list(dict.fromkeys(quote.passage for quote in ranked))[:_CLOSEST]
    closest = tuple(cite_whole(passage, number) for number, passage in enumerate(nearest, 1) if passage.text.strip())
    return Answer(question, mode, found=False, closest=closest)


def _generated(
    index: FolderIndex, question: str, model: ChatModel, hits: Sequence[Hit], ranked: Sequence[Quote]
) -> Iterator[Answer]:
    blocks = _blocks(index, hits[:_SENT])
    growing = Answer(question, Mode.GENERATED, found=True, complete=False)
    yield growing
    try:
        sent, stream = model.stream_fitting(
            lambda count: render_answer(question, [block.text for block in blocks[:count]]), len(blocks), _ANSWER_TOKENS
        )
    except EndpointError as fault:
        # The documents are at hand although the model is not: their own words are given, and it is said.
        chosen = answering(ranked)
        yield replace(_quoted(question, chosen), notice=f"{fault} Here are the documents' own words instead.")
        return
    parser = MarkParser(sent)
    checked = _Checked(blocks[:sent], index.embed)
    try:
        for delta in stream:
            sentences = parser.feed(delta)
            if sentences or parser.pending != growing.pending:
                checked.take(sentences)
                growing = replace(growing, sentences=tuple(checked.sentences), pending=parser.pending)
                yield growing
    except EndpointError as fault:
        checked.take(parser.close())
        yield replace(growing, sentences=tuple(checked.sentences), pending="", notice=str(fault))
        return
    finally:
        stream.close()
    checked.take(parser.close())
    yield _finished(growing, checked, ranked)


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
    return whole


class _Checked:
    """A model's sentences, each checked against the passages that were sent, and numbered."""

    def __init__(self, blocks: Sequence[Block], embed: Embed) -> None:
        self._blocks, self._embed = blocks, embed
        self._numbering = Numbering()
        self.sentences: list[Sentence] = []
        self._only_abstained = False

    @property
    def abstained(self) -> bool:
        """Whether all that came is the sentence that says that the documents hold no answer."""
        return self._only_abstained and not self.sentences

    def take(self, sentences: Sequence[CitedSentence]) -> None:
        for sentence in sentences:
            if is_not_found(sentence.text):
                self._only_abstained = True
            else:
                self.sentences.append(self._check(sentence))

    def _check(self, sentence: CitedSentence) -> Sentence:
        """A sentence that names passages is held against those and no other; one that names none against all."""
        named = [self._blocks[number - 1] for number in sentence.numbers] or self._blocks
        passages = list(dict.fromkeys(passage for block in named for passage in block.passages))
        verdict = verify(sentence.text, [passage.text for passage in passages], self._embed)
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
