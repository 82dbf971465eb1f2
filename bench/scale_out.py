"""Several processes on one index: windows that ask, indexers that write, workers that embed.

    python bench/scale_out.py [--passages 10000]

A real `chroma run` and a real Dask scheduler with a worker, all on this machine, so what is shown is what sharing costs
and not what more machines bring. Folders are made as for scale.py, whose stand-in embeds passages; questions are
embedded by the real model. Printed as JSON:

- windows: 1, 2 and 4 processes that ask 100 questions each at the same time, with Chroma inside the one process and
  behind the server: questions per second of all together, median and 95th percentile in ms;
- indexers: passages per second of one process, and of two on two folders at once, into the same server;
- storing while others embed: passages per second of one process whose embedding is done elsewhere (by a stand-in that
  does nothing for as long as storing alone takes a passage), waited for before each group is stored, and as it is: stored
  while the next is embedded;
- workers: the same texts embedded here by the real model and by one worker of a cluster on this machine, in turn: texts
  per second and the ratio, which is what sending them costs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from large import paragraphs
from scale import Mixed, questions, write

from index.batches import texts_of
from index.embedding import MiniLM
from index.fan_out import Cluster
from index.folder import FolderIndex
from index.types import Passage

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from servers import Machines, chroma  # noqa: E402

ASKED = 100
_ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, default=10_000)
    parser.add_argument("--part", nargs=4, help=argparse.SUPPRESS)  # what a process of its own is given
    arguments = parser.parse_args()
    if arguments.part:
        part, folder, data, url = arguments.part
        print(
            json.dumps(
                {"ask": asked, "index": indexed, "elsewhere": elsewhere}[part](Path(folder), Path(data), url or None)
            )
        )
        return
    with tempfile.TemporaryDirectory(prefix="footnote-out-") as name:
        place = Path(name)
        for folder in ("one", "two"):
            write(place / folder, arguments.passages)
        with chroma(place) as url:
            figures = {
                "indexers": indexers(place, url),
                "storing while others embed": together("elsewhere", [place / "one"], place / "elsewhere", "")[0],
                "windows": windows(place, url),
                "workers": workers(place),
            }
    print(json.dumps(figures, indent=1))


def indexers(place: Path, url: str) -> dict[str, Any]:
    (alone,) = together("index", [place / "one"], place / "alone", url)
    at_once = together("index", [place / "one", place / "two"], place / "shared", url)
    (embedded,) = together("index", [place / "one"], place / "embedded", "")
    return {
        "one, Chroma inside": {"passages per second": round(embedded["passages"] / embedded["seconds"])},
        "one, over the server": {"passages per second": round(alone["passages"] / alone["seconds"])},
        "two at once, over the server": {
            "passages per second": round(
                sum(one["passages"] for one in at_once) / max(one["seconds"] for one in at_once)
            )
        },
    }


def windows(place: Path, url: str) -> dict[str, Any]:
    figures = {}
    for name, data, server, count in (
        ("1, Chroma inside", "embedded", "", 1),
        ("1, over the server", "shared", url, 1),
        ("2, over the server", "shared", url, 2),
        ("4, over the server", "shared", url, 4),
    ):
        done = together("ask", [place / "one"] * count, place / data, server)
        spent = np.concatenate([one["ms"] for one in done])
        figures[name] = {
            "questions per second": round(sum(len(one["ms"]) / one["seconds"] for one in done), 1),
            "median, ms": round(float(np.median(spent)), 1),
            "95%, ms": round(float(np.percentile(spent, 95)), 1),
        }
    return figures


def workers(place: Path) -> dict[str, Any]:
    texts = [" ".join(next(text).split()[:150]) for text in [paragraphs()] for _ in range(400)]
    model = MiniLM(place / "models")
    machines = Machines(place / "machines")
    try:
        machines.worker()
        cluster = Cluster(machines.address, model)
        spent: dict[str, list[float]] = {"here": [], "by one worker": []}
        for number in range(_ROUNDS + 1):
            for name, embed in (("here", model.embed_passages), ("by one worker", cluster.embed_passages)):
                started = time.perf_counter()
                embed(texts)
                if number:  # the first one loads the model
                    spent[name].append(time.perf_counter() - started)
        cluster.close()
    finally:
        machines.end()
    ratios = [here / there for here, there in zip(*spent.values(), strict=True)]
    return {
        name: {"texts per second": round(len(texts) / float(np.median(some)), 1)} for name, some in spent.items()
    } | {"ratio": round(float(np.median(ratios)), 2)}


def together(part: str, folders: Sequence[Path], data: Path, url: str) -> list[dict[str, Any]]:
    """What processes that do a part at the same time have to say."""
    started = [
        subprocess.Popen(
            [sys.executable, __file__, "--part", part, str(folder), str(data), url], stdout=subprocess.PIPE, text=True
        )
        for folder in folders
    ]
    said = [process.communicate()[0] for process in started]
    if any(process.returncode for process in started):
        raise SystemExit(f"A process that was to {part} failed.")
    return [json.loads(one) for one in said]


def indexed(folder: Path, data: Path, url: str | None) -> dict[str, Any]:
    return synced(folder, data, Mixed(data), url)


def synced(folder: Path, data: Path, embedder: Mixed, url: str | None = None) -> dict[str, Any]:
    index = FolderIndex.open(folder, data, embedder, url)
    started = time.perf_counter()
    report = index.sync()
    seconds = time.perf_counter() - started
    index.close()
    return {"passages": report.embedded, "seconds": seconds}


class Waited(Mixed):
    """Embeds after as long as machines would take that need `seconds` a text, one batch after the other."""

    def __init__(self, cache: Path, seconds: float) -> None:
        super().__init__(cache)
        self._seconds, self._until = seconds, 0.0

    def embed_passages(self, texts: Sequence[str]) -> np.ndarray:
        return self._handed_out(texts)()

    def _handed_out(self, texts: Sequence[str]) -> Callable[[], np.ndarray]:
        self._until = max(self._until, time.perf_counter()) + self._seconds * len(texts)
        until = self._until

        def vectors() -> np.ndarray:
            made = super(Waited, self).embed_passages(texts)
            time.sleep(max(0.0, until - time.perf_counter()))
            return made

        return vectors


class Elsewhere(Waited):
    def begin(self, texts: Sequence[str]) -> Callable[[], np.ndarray]:
        return self._handed_out(texts)


def elsewhere(folder: Path, data: Path, _: str | None) -> dict[str, Any]:
    texts = sum(len(texts_of(passage)) for passage in passages_of(folder, data / "alone"))
    alone = synced(folder, data / "again", Mixed(data))
    seconds = alone["seconds"] / texts
    figures = {
        "embedding takes no time": alone,
        "embedded, then stored": synced(folder, data / "in turn", Waited(data, seconds)),
        "stored while the next are embedded": synced(folder, data / "meanwhile", Elsewhere(data, seconds)),
    }
    return {name: {"passages per second": round(one["passages"] / one["seconds"])} for name, one in figures.items()}


def passages_of(folder: Path, data: Path) -> list[Passage]:
    index = FolderIndex.open(folder, data, Mixed(data))
    index.sync()
    passages = [passage for some, _ in index.manifest.all_passages(1000) for passage in some]
    index.close()
    return passages


def asked(folder: Path, data: Path, url: str | None) -> dict[str, Any]:
    from assistant.answering import answer

    index = FolderIndex.open(folder, data, Mixed(data), url)
    if url is None:
        index.sync()  # whoever has Chroma inside is the one that owns the index
    index.prepare()
    asking = questions()[:ASKED]
    next(iter(answer(index, asking[0], None)))
    spent = []
    started = time.perf_counter()
    for question in asking:
        begun = time.perf_counter()
        next(iter(answer(index, question, None)))
        spent.append(1000 * (time.perf_counter() - begun))
    seconds = time.perf_counter() - started
    index.close()
    return {"ms": spent, "seconds": seconds}


if __name__ == "__main__":
    main()
