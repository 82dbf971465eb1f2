"""How well the check of a sentence tells supported from unsupported: AttributionBench's dev set.

AttributionBench (Li et al. 2024, "AttributionBench: How Hard is Automatic Attribution Evaluation?") joins claims, the
texts they cite and people's judgement of the citation. Input: JSON lines with `claim`, `evidence.references` (texts),
`label` (1 where the references support the claim) and `src` (the data set a row comes from).

    python bench/attribution.py questions.jsonl --cache ~/.cache/footnote-bench

Printed: AUROC of the score over all rows, per source and their mean; the ablation of the score's parts; what a fitted
logistic model over the same parts reaches on a source it has not seen; per state, how many rows and how many of them
are supported; macro-F1 of "SUPPORTED or better" against the rest; and, of the rows rightly passed, how many still pass
after one fact is altered: a number raised, a name replaced, "not" put in or taken out.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.facts import names, numbers
from assistant.types import Support
from assistant.verifying import Measures, Verdict, judge, measure, quoted_span, verify
from index.embedding import MiniLM, Vectors

Floats = NDArray[np.float64]

_FOOTNOTE_MARK = re.compile(r"\s*\[\d+\]")
_RIDGE = 1.0
_PASSED = (Support.QUOTED, Support.SUPPORTED)
_AUXILIARY = re.compile(r"\b(is|are|was|were|has|had|can|could|will|would|should|may|must)\b(?! not\b)")
_NOT = re.compile(r"\b(is|are|was|were|has|had|can|could|will|would|should|may|must|do|does|did) not\b")


@dataclass(frozen=True, slots=True)
class Row:
    claim: str
    references: tuple[str, ...]
    supported: bool
    source: str


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("questions", type=Path)
    arguments.add_argument("--cache", type=Path, required=True, help="folder for the model's graph and the vectors")
    options = arguments.parse_args()
    rows = list(_rows(options.questions))
    embedder = _Remembering(options.cache)
    measured = [measure(row.claim, row.references, embedder) for row in rows]
    verdicts = [_verdict(row, parts) for row, parts in zip(rows, measured, strict=True)]
    labels = np.array([row.supported for row in rows])
    sources = np.array([row.source for row in rows])
    features = np.array([_features(parts) for parts in measured])
    _print_ablation(features, labels, sources)
    print(_line("the shipped score", np.array([v.score for v in verdicts]), labels, sources))
    print(_line("logistic, leave one source out", _unseen(features, labels, sources), labels, sources))
    _print_states([v.support for v in verdicts], labels, sources)
    _print_altered(
        [row for row, v in zip(rows, verdicts, strict=True) if row.supported and v.support in _PASSED], embedder
    )
    embedder.save()


def _rows(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            claim = _FOOTNOTE_MARK.sub("", row["claim"]).strip()
            yield Row(claim, tuple(row["evidence"]["references"]), row["label"] == 1, row["src"])


class _Remembering:
    """The model's embedding function, which keeps what it has embedded: {SHA-256 of the text: vector}."""

    def __init__(self, cache: Path) -> None:
        self._model = MiniLM(cache)
        self._file = cache / "attribution-vectors.npz"
        self._known: dict[str, Vectors] = {}
        if self._file.exists():
            with np.load(self._file) as kept:
                self._known = dict(zip(kept["keys"].tolist(), kept["vectors"], strict=True))

    def __call__(self, texts: Sequence[str]) -> Vectors:
        keys = [sha256(text.encode()).hexdigest() for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        self._known.update(zip(new, self._model.embed_passages(list(new.values())), strict=True))
        return np.stack([self._known[key] for key in keys])

    def save(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(self._file, keys=np.array(list(self._known)), vectors=np.stack(list(self._known.values())))


def _verdict(row: Row, parts: Measures | None) -> Verdict:
    return judge(quoted_span(row.claim, row.references), parts)


FEATURES = ("words", "meaning", "number or date", "name", "polarity")


def _features(parts: Measures | None) -> tuple[float, ...]:
    if parts is None:
        return (0.0, 0.0, 0.0, 0.0, 0.0)
    return (
        parts.coverage,
        parts.cosine,
        float(bool(parts.missing_numbers or parts.missing_dates)),
        float(bool(parts.missing_names)),
        float(bool(parts.contradicted)),
    )


def _print_ablation(features: Floats, labels: NDArray[np.bool_], sources: NDArray[np.str_]) -> None:
    words, meaning, number, name, polarity = features.T
    both = (words + meaning) / 2
    for title, score in (
        ("words", words),
        ("meaning", meaning),
        ("words + meaning", both),
        ("words + number, name, polarity", words - 0.2 * number - 0.1 * name - 0.1 * polarity),
        ("meaning + number, name, polarity", meaning - 0.2 * number - 0.1 * name - 0.1 * polarity),
        ("words + meaning + number", both - 0.2 * number),
        ("words + meaning + name", both - 0.1 * name),
        ("words + meaning + polarity", both - 0.1 * polarity),
    ):
        print(_line(title, score, labels, sources))
    for title, column in zip(FEATURES[2:], features.T[2:], strict=True):
        fires = column > 0
        print(f"{title} not found: {fires.sum()} rows, {np.mean(~labels[fires]):.2f} of them unsupported", end="; ")
        close = fires & (both >= 0.7)
        print(f"where words + meaning >= 0.7: {close.sum()}, {np.mean(~labels[close]):.2f}")


def _line(title: str, score: Floats, labels: NDArray[np.bool_], sources: NDArray[np.str_]) -> str:
    each = {source: auroc(score[sources == source], labels[sources == source]) for source in sorted(set(sources))}
    parts = "  ".join(f"{source} {value:.3f}" for source, value in each.items())
    return f"{title:34} all {auroc(score, labels):.3f}  macro {np.mean(list(each.values())):.3f}  | {parts}"


def auroc(score: Floats, labels: NDArray[np.bool_]) -> float:
    """The chance that a supported row scores above an unsupported one, ties counting half (Mann-Whitney U)."""
    yes, no = score[labels], np.sort(score[~labels])
    below, upto = np.searchsorted(no, yes, "left"), np.searchsorted(no, yes, "right")
    return float((below + upto).sum() / 2 / (len(yes) * len(no)))


def _unseen(features: Floats, labels: NDArray[np.bool_], sources: NDArray[np.str_]) -> Floats:
    """Scores of a ridge logistic model for each source, fitted on the other sources."""
    scores = np.zeros(len(labels))
    for source in set(sources):
        held_out = sources == source
        mean, deviation = features[~held_out].mean(axis=0), features[~held_out].std(axis=0) + 1e-9
        fitted = _logistic((features[~held_out] - mean) / deviation, labels[~held_out])
        scores[held_out] = _with_one((features[held_out] - mean) / deviation) @ fitted
    return scores


def _logistic(features: Floats, labels: NDArray[np.bool_]) -> Floats:
    x = _with_one(features)
    weights = np.zeros(x.shape[1])
    for _ in range(50):  # Newton's method; it is at rest after about ten steps
        p = 1 / (1 + np.exp(-x @ weights))
        gradient = x.T @ (p - labels) + _RIDGE * weights
        weights -= np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x + _RIDGE * np.eye(x.shape[1]), gradient)
    return weights


def _with_one(features: Floats) -> Floats:
    return np.column_stack([features, np.ones(len(features))])


def _print_states(states: Sequence[Support], labels: NDArray[np.bool_], sources: NDArray[np.str_]) -> None:
    for state in Support:
        at = np.array([s is state for s in states])
        if at.any():
            each = "  ".join(
                f"{source} {np.sum(labels & at & (sources == source))}/{np.sum(at & (sources == source))}"
                for source in sorted(set(sources))
            )
            print(f"{state.value:12} {at.sum():4} rows, {labels[at].mean():.3f} supported  | {each}")
    for title, passing in (
        ("SUPPORTED or better", _PASSED),
        ("PARTLY or better", (*_PASSED, Support.PARTLY)),
    ):
        said = np.array([s in passing for s in states])
        each = [_macro_f1(said[sources == s], labels[sources == s]) for s in sorted(set(sources))]
        print(
            f"{title}: macro-F1 {_macro_f1(said, labels):.3f}; per source "
            + "  ".join(f"{s} {v:.3f}" for s, v in zip(sorted(set(sources)), each, strict=True))
            + f"; their mean {np.mean(each):.3f}"
        )


def _print_altered(passed: Sequence[Row], embedder: _Remembering) -> None:
    for title, alter in (("a number", _number_raised), ("a name", _name_replaced), ("a negation", _negation_turned)):
        altered = [(claim, row.references) for row in passed if (claim := alter(row.claim)) is not None]
        still = [claim for claim, references in altered if verify(claim, references, embedder).support in _PASSED]
        print(f"{title} altered: {len(still)} of {len(altered)} still pass")
        for claim in still:
            print(f"    {claim}")


def _number_raised(claim: str) -> str | None:
    """The last number written in figures and whole, made larger by one."""
    found = [n for n in numbers(claim) if n.text.replace(",", "").isdigit()]
    if not found:
        return None
    last = found[-1]
    return f"{claim[: last.start]}{int(last.value) + 1}{claim[last.end :]}"


def _name_replaced(claim: str) -> str | None:
    found = names(claim)
    return f"{claim[: found[-1].start]}Zelmira{claim[found[-1].end :]}" if found else None


def _negation_turned(claim: str) -> str | None:
    if _NOT.search(claim):
        return _NOT.sub(r"\1", claim, count=1)
    return _AUXILIARY.sub(r"\1 not", claim, count=1) if _AUXILIARY.search(claim) else None


def _macro_f1(said: NDArray[np.bool_], labels: NDArray[np.bool_]) -> float:
    def f1(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
        return float(2 * np.sum(a & b) / max(1, np.sum(a) + np.sum(b)))

    return (f1(said, labels) + f1(~said, ~labels)) / 2


if __name__ == "__main__":
    main()
