"""How long a question takes as a folder grows, beside what no answer can do without: embedding it and one search.

    python bench/scale.py [1000 10000 100000] [--kept FOLDER]

Folders of about so many passages, a hundred paragraphs a file, are made from a seed and indexed by FolderIndex with real
Chroma. Their embeddings are a stand-in's of the model's dimensions, since computing a million real ones would take days; the
questions are embedded by the real model, and everything else is the product. Half of the files lie in `even/`, a tenth
in `tenth/`. Printed for each size, over the same seeded questions in one run, in ms, the median and the 95th percentile:

- bare: embedding the question and one query of Chroma, for the ten passages nearest to it, with their texts and
  metadata, which it gives unless told otherwise;
- bare, ids only: the same for the ids of as many passages as the product takes up, and nothing that could be shown;
- found: FolderIndex.retrieve through llama-index;
- answered: from the question to the first quoted sentence, as the window does it, of the whole folder, of a half, of a
  tenth and of one file;

each with its ratio to the bare, as JSON. Every question is timed in every way before the next one, beginning with
another way each time, so that all ways share what else the machine does. Beside them: the passages stored per second,
memory, disk per passage, a sync with nothing to do (`idle`), one after an edit of one file and the columns made after
it, and how long from opening it again until a question is answered and until the first sync has looked through all that is
kept, for which a question waits only where a document was changed (`open`). With --kept, what is made stays there and is
used again: a million passages take an hour.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
from large import StandIn, paragraphs

QUESTIONS = 200
_WARM = 5
_PER_FILE = 100
_FILES = 0.0127  # for a passage: a hundred paragraphs come to some 79


class Mixed(StandIn):
    """Passages by the stand-in, questions by the real model."""

    def __init__(self, cache: Path) -> None:
        from index.embedding import MiniLM

        super().__init__(cache)
        self.embed_query = MiniLM(cache).embed_query


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", type=int, nargs="*", default=[1000, 10_000, 100_000])
    parser.add_argument("--kept", type=Path)
    parser.add_argument("--index", type=Path, help=argparse.SUPPRESS)  # what the process of its own is given
    arguments = parser.parse_args()
    if arguments.index:
        _measure(arguments.index)
        return
    of_sizes = {}
    for size in arguments.sizes:
        with place_for(size, arguments.kept) as place:
            if not (place / "documents").exists():
                write(place / "documents", size)
            command = [sys.executable, __file__, "--index", str(place)]
            figures = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
        of_sizes[f"{figures.pop('passages'):,}"] = figures
    print(json.dumps({"ms, and ratio to the bare": of_sizes}, indent=1))


@contextmanager
def place_for(size: int, kept: Path | None) -> Iterator[Path]:
    if kept:
        yield kept / str(size)
        return
    with tempfile.TemporaryDirectory(prefix="footnote-scale-") as place:
        yield Path(place)


def write(folder: Path, passages: int) -> None:
    text = paragraphs()
    for number in range(max(1, round(_FILES * passages))):
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
    asking = questions()
    store = index._keeper.opened()

    index._making.join()
    index.prepare()

    def answered(scope: Scope) -> Callable[[str], object]:
        return lambda question: next(iter(answer(index, question, None, (), scope)))

    ways: dict[str, Callable[[str], object]] = {
        "bare": lambda question: store._collection.query(embedder.embed_query(question)[None]),
        "bare, ids only": lambda question: store.nearest(embedder.embed_query(question), CANDIDATES),
        "found": lambda question: index.retrieve(question, 10),
        "answered": answered(Scope()),
        "answered, half": answered(Scope.of(["odd"])),
        "answered, tenth": answered(Scope.of(["tenth"])),
        "answered, one file": answered(Scope.of([one])),
    }
    timed = _timed(ways, asking)
    started = time.monotonic()
    index.sync()
    idle = time.monotonic() - started
    edited = place / "documents" / one
    edited.write_text(edited.read_text(encoding="utf-8") + "\n\nOne more paragraph.", encoding="utf-8")
    started = time.monotonic()
    index.sync()
    after_edit = time.monotonic() - started
    index._making.join()
    columns = time.monotonic() - started - after_edit
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    index.close()
    started = time.monotonic()
    again = FolderIndex.open(place / "documents", place / "data", embedder)
    again.retrieve(asking[0])
    opened = time.monotonic() - started
    again.sync()
    checked = time.monotonic() - started
    again.close()
    disk = sum(path.stat().st_size for path in (place / "data").rglob("*") if path.is_file())
    print(
        json.dumps(
            {
                "passages": passages,
                **({"stored per second": round(report.embedded / seconds)} if report.embedded else {}),
                **{
                    name: f"{p50:6.1f} {p95:6.1f}   ratio {p50 / timed['bare'][0]:.2f} {p95 / timed['bare'][1]:.2f}"
                    for name, (p50, p95) in timed.items()
                },
                "idle sync, s": round(idle, 3),
                "sync after an edit, s": round(after_edit, 2),
                "columns after it, s": round(columns, 2),
                "open to first answer, s": round(opened, 2),
                "open to the end of the first sync, s": round(checked, 2),
                "peak memory, GB": round(peak, 2),
                "disk per passage, kB": round(disk / passages / 1e3, 2),
            }
        )
    )


def questions() -> list[str]:
    """Each a few words of text like the folder's, but not of it."""
    chance = np.random.default_rng(8)
    text = paragraphs(seed=9)
    return [f"What about {' '.join(next(text).split()[: chance.integers(3, 9)])}?" for _ in range(QUESTIONS + _WARM)]


def _timed(ways: dict[str, Callable[[str], object]], questions: Sequence[str]) -> dict[str, tuple[float, float]]:
    """The median and the 95th percentile of each way to ask, in ms."""
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for at, question in enumerate(questions):
        for name in np.roll(list(ways), at):
            started = time.perf_counter()
            ways[name](question)
            spent[name].append(1000 * (time.perf_counter() - started))
    return {
        name: (float(np.percentile(some[_WARM:], 50)), float(np.percentile(some[_WARM:], 95)))
        for name, some in spent.items()
    }


if __name__ == "__main__":
    main()
