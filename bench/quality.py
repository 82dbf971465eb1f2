"""How well passages are found, sentences quoted and questions refused: SciFact and SQuAD 2.0, through the product.

    python bench/quality.py DATA            # DATA holds the unpacked folders scifact/ and squad/

Each is indexed by FolderIndex (real Chroma, real model) and asked every question. Printed, for SciFact: nDCG@10, a
document counting as its best passage. For SQuAD, all articles in one index: how often the first passage, and one of
the first 5, holds a gold answer at its place; how often the first quoted sentence holds one; and how questions that
have no answer are told from those that have: written against the passage on purpose (adversarial), or about articles
that are not in the folder (off-collection: each half of the articles is asked the other half's questions). Beside
what ships stand, on the same passages and in the same run, the vectors alone, BM25 alone, and their reciprocal rank
fusion (Cormack et al. 2009, k = 60).
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from assistant.quoting import ANSWERS, answerability, quotes
from index.finding import nearest_of
from index.folder import FolderIndex
from index.scope import EVERYTHING
from index.tables import Tables
from index.terms import question_terms
from index.types import Passage

DEPTH = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/footnote-bench").expanduser())
    arguments = parser.parse_args()
    squad(arguments.data / "squad", arguments.cache)
    scifact(arguments.data / "scifact", arguments.cache)


def questions(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()]


def opened(documents: Path, cache: Path) -> FolderIndex:
    index = FolderIndex.open(documents, cache)
    index.sync()
    return index


def systems(index: FolderIndex) -> dict[str, Callable[[str], list[Passage]]]:
    """What is compared: each gives passages, best first."""
    tables = Tables(index.manifest)
    ids, vectors = tables.vectors_in(EVERYTHING)

    def passages(ids: Sequence[str]) -> list[Passage]:
        found = {candidate.passage.id: candidate.passage for candidate in tables.candidates(ids)}
        return [found[id_] for id_ in ids]

    def vector(question: str) -> list[str]:
        return nearest_of(ids, vectors, index.embed([question])[0], DEPTH)

    def bm25(question: str) -> list[str]:
        return tables.search_terms(question_terms(question), DEPTH, EVERYTHING)

    def fused(question: str) -> list[str]:
        scores: dict[str, float] = {}
        for ranked in (vector(question), bm25(question)):
            for rank, id_ in enumerate(ranked, 1):
                scores[id_] = scores.get(id_, 0.0) + 1 / (60 + rank)
        return sorted(scores, key=lambda id_: (-scores[id_], id_))

    return {
        "vectors": lambda question: passages(vector(question)),
        "BM25": lambda question: passages(bm25(question)),
        "RRF": lambda question: passages(fused(question)),
        "Footnote": lambda question: [hit.passage for hit in index.retrieve(question, DEPTH)],
    }


def scifact(folder: Path, cache: Path) -> None:
    index = opened(folder / "documents", cache)
    relevant = judgements(folder)
    for name, search in systems(index).items():
        gains = [ndcg(_documents(search(q["question"])), relevant[q["id"]]) for q in questions(folder)]
        low, high = _bootstrap(gains)
        print(
            f"SciFact  {name:<9} nDCG@10 {np.mean(gains):.3f}  (95% of resamples: {low:.3f} to {high:.3f})", flush=True
        )
    index.close()


def _documents(passages: Sequence[Passage]) -> list[str]:
    return list(dict.fromkeys(passage.source for passage in passages))[:10]


def judgements(folder: Path) -> dict[str, set[str]]:
    """The names of the documents of SciFact that bear on each question, by its id."""
    relevant: dict[str, set[str]] = {}
    for line in (folder / "qrels.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query, document, _ = line.split("\t")
        relevant.setdefault(query, set()).add(f"{document}.txt")
    return relevant


def ndcg(found: Sequence[str], relevant: set[str]) -> float:
    """nDCG@10 of one ranking of up to 10 documents, each of which bears on the question or does not."""
    gain = sum(1 / math.log2(rank + 1) for rank, source in enumerate(found, 1) if source in relevant)
    return gain / sum(1 / math.log2(rank + 1) for rank in range(1, min(len(relevant), 10) + 1))


def _bootstrap(values: Sequence[float]) -> tuple[float, float]:
    random = np.random.default_rng(0)
    means = [np.mean(random.choice(values, len(values))) for _ in range(2000)]
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def squad(folder: Path, cache: Path) -> None:
    asked = questions(folder)
    answerable = [q for q in asked if not q["is_impossible"]]
    index = opened(folder / "documents", cache)
    for name, search in systems(index).items():
        ranks = [_rank(search(q["question"]), q) for q in answerable]
        hits = "  ".join(f"hit@{k} {np.mean([rank <= k for rank in ranks]):.3f}" for k in (1, 5, 10))
        print(f"SQuAD    {name:<9} {hits}", flush=True)
    quoted = [_certainty(index, q["question"]) for q in answerable]
    right = [first is not None and _holds(first, q) for (_, first), q in zip(quoted, answerable, strict=True)]
    print(f"SQuAD    first sentence holds a gold answer at its place: {np.mean(right):.3f} of {len(right)}")
    scores = np.array([certainty for certainty, _ in quoted])
    print(f"SQuAD    answered at {ANSWERS}: {np.mean(scores >= ANSWERS):.3f}")
    adversarial = np.array([_certainty(index, q["question"])[0] for q in asked if q["is_impossible"]])
    index.close()
    off = np.array(list(_off_collection(folder, cache, answerable)))
    for name, others in (("adversarial", adversarial), ("off-collection", off)):
        print(f"SQuAD    {name:<14} AUROC {_auroc(scores, others):.3f}  refused {np.mean(others < ANSWERS):.3f}")


def _rank(passages: Sequence[Passage], question: dict[str, Any]) -> float:
    for rank, passage in enumerate(passages, 1):
        if passage.source == question["doc"] and any(
            passage.start <= start and end <= passage.end for start, end in question["evidence"]["spans"]
        ):
            return rank
    return math.inf


def _certainty(index: FolderIndex, question: str) -> tuple[float, Passage | None]:
    """How surely the folder is taken to hold an answer, and the first sentence as a passage of its own."""
    hits = index.retrieve(question)
    ranked = quotes(question, hits, index.term_weights(question))
    if not ranked:
        return 0.0, None
    best = ranked[0]
    sentence = replace(best.passage, start=best.start, end=best.end, text=best.text)
    neighbours = index.neighbours(best.passage)
    return answerability(question, best, lambda: " ".join(near.text for near in neighbours)), sentence


def _holds(sentence: Passage, question: dict[str, Any]) -> bool:
    return _rank([sentence], question) == 1


def _off_collection(folder: Path, cache: Path, answerable: Sequence[dict[str, Any]]) -> Iterator[float]:
    documents = sorted(path.name for path in (folder / "documents").iterdir())
    for number, half in enumerate((documents[::2], documents[1::2])):
        part = cache / f"squad-half-{number}"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        for name in half:
            shutil.copy(folder / "documents" / name, part / name)
        index = opened(part, cache)
        for question in answerable:
            if question["doc"] not in half:
                yield _certainty(index, question["question"])[0]
        index.close()


def _auroc(positive: np.ndarray[Any, Any], negative: np.ndarray[Any, Any]) -> float:
    """The chance that a random answerable question scores above a random other one; ties count half."""
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left")
    not_above = np.searchsorted(ordered, positive, "right")
    return float(((below + not_above) / 2).mean() / len(negative))


if __name__ == "__main__":
    main()
