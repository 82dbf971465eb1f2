"""How long a question takes as a folder grows, beside what no answer can do without: embedding it and one search.

    python bench/scale.py [1000 10000 100000]

Folders of about so many passages, of a hundred a file, are made from a seed and indexed by FolderIndex with real Chroma.
Their embeddings are a stand-in's of the model's dimensions, since computing a million real ones would take days; the
questions are embedded by the real model, and everything else is the product. Half of the files lie in `even/`, a tenth
in `tenth/`. Printed for each size, over the same seeded questions in one run, in ms, the median and the 95th percentile:

- bare: embedding the question and one search of Chroma for as many passages as the product takes up;
- found: FolderIndex.retrieve, of the whole folder, of a half, of a tenth and of one file;
- answered: from the question to the first quoted sentence, as `footnote ask` and the window do it;

with the ratio of the answer to the bare, the passages stored per second, memory, disk per passage, and how long a
second process needs until it is ready to ask (`open`), and a sync with nothing to do (`idle`).
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from large import StandIn, paragraphs

QUESTIONS = 200
_WARM = 5
_PER_FILE = 100


class Mixed(StandIn):
    """Passages by the stand-in, questions by the real model."""

    def __init__(self, cache: Path) -> None:
        from index.embedding import MiniLM

        super().__init__(cache)
        self.embed_query = MiniLM(cache).embed_query


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", type=int, nargs="*", default=[1000, 10_000, 100_000])
    parser.add_argument("--index", type=Path, help=argparse.SUPPRESS)  # what the process of its own is given
    arguments = parser.parse_args()
    if arguments.index:
        _measure(arguments.index)
        return
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory(prefix="footnote-scale-") as place:
            _write(Path(place) / "documents", size)
            command = [sys.executable, __file__, "--index", place]
            figures = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
        print("\n".join(f"{name:<24} {value}" for name, value in figures.items()), end="\n\n", flush=True)


def _write(folder: Path, passages: int) -> None:
    """Paragraphs come to about one passage each."""
    text = paragraphs()
    for number in range(max(1, passages // _PER_FILE)):
        part = "tenth" if number % 10 == 0 else "even" if number % 2 == 0 else "odd"
        path = folder / part / f"{number:06}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n\n".join(islice(text, _PER_FILE)), encoding="utf-8")


def _measure(place: Path) -> None:
    from assistant.answering import answer
    from index.finding import CANDIDATES
    from index.folder import FolderIndex
    from index.scope import Scope

    embedder = Mixed(place)
    index = FolderIndex.open(place / "documents", place / "data", embedder)
    started = time.monotonic()
    report = index.sync()
    seconds = time.monotonic() - started
    passages = sum(file.passages for file in index.files())
    one = index.files()[0].source
    questions = _questions()
    store = index._keeper.opened()

    def bare(question: str) -> None:
        store.nearest(embedder.embed_query(question), CANDIDATES)

    def found(scope: Scope) -> Callable[[str], object]:
        return lambda question: index.retrieve(question, 10, scope)

    def answered(question: str) -> None:
        next(iter(answer(index, question, None)))

    timed = {
        "bare": _timed(bare, questions),
        "found": _timed(found(Scope()), questions),
        "found, half": _timed(found(Scope.of(["odd"])), questions),
        "found, tenth": _timed(found(Scope.of(["tenth"])), questions),
        "found, one file": _timed(found(Scope.of([one])), questions),
        "answered": _timed(answered, questions),
        "answered, tenth": _timed(lambda q: next(iter(answer(index, q, None, (), Scope.of(["tenth"])))), questions),
    }
    started = time.monotonic()
    index.sync()
    idle = time.monotonic() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    index.close()
    started = time.monotonic()
    again = FolderIndex.open(place / "documents", place / "data", embedder)
    again.sync()
    again.retrieve(questions[0])
    opened = time.monotonic() - started
    again.close()
    disk = sum(path.stat().st_size for path in (place / "data").rglob("*") if path.is_file())
    print(
        json.dumps(
            {
                "passages": passages,
                "stored per second": round(report.embedded / seconds),
                **{name: f"{50:.0f}%: {p50:.1f}   95%: {p95:.1f}" for name, (p50, p95) in timed.items()},
                "answered / bare, 50%": round(timed["answered"][0] / timed["bare"][0], 2),
                "answered / bare, 95%": round(timed["answered"][1] / timed["bare"][1], 2),
                "idle sync, s": round(idle, 3),
                "open to first answer, s": round(opened, 2),
                "peak memory, GB": round(peak, 2),
                "disk per passage, kB": round(disk / passages / 1e3, 2),
            }
        )
    )


def _questions() -> list[str]:
    """Each a few words of text like the folder's, but not of it."""
    chance = np.random.default_rng(8)
    text = paragraphs(seed=9)
    return [f"What about {' '.join(next(text).split()[: chance.integers(3, 9)])}?" for _ in range(QUESTIONS + _WARM)]


def _timed(work: Callable[[str], object], questions: Sequence[str]) -> tuple[float, float]:
    """The median and the 95th percentile of a call, in ms."""
    spent = []
    for question in questions:
        started = time.perf_counter()
        work(question)
        spent.append(1000 * (time.perf_counter() - started))
    return float(np.percentile(spent[_WARM:], 50)), float(np.percentile(spent[_WARM:], 95))


if __name__ == "__main__":
    main()
