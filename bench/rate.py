"""How fast texts are embedded and folders indexed, beside peers with the same weights, in one run.

    python bench/rate.py DATA [--documents 240] [--folder 100] [--rounds 3]

DATA holds the unpacked folder scifact/. Each contender (see contenders.py) is a process of its own; the peers' packages
are installed from the registry by uv into an environment of their own, which is kept. One works while the others wait,
in turn and in rounds, each round on other texts and beginning with another contender. Printed as JSON, rates over all
rounds, and ratios as the median of the rounds':

- embedding: the texts that Footnote embeds of the documents, the same for all: passages, and sentences; with the
  quality of what came out, as the nDCG@10 of the passages' vectors alone, a document counting as its best passage;
- indexing: from a folder to a collection that can be asked; and for Footnote, what share of the rate of embedding alone
  that is: the same passages and sentences, embedded in one call in the same round.

Footnote embeds each sentence besides each passage, which the peers do not; so it computes several times the embeddings.
Peers that take a document whole embed of it what they let the model read, 256 tokens at Chroma and sentence-transformers,
and cannot find the rest.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from quality import judgements, ndcg, questions

from index.batches import texts_of
from index.embedding import MiniLM, model_dir
from index.folder import FolderIndex
from index.sync import divided
from index.types import Document

PEERS = ["sentence-transformers", "Chroma", "llama-index", "txtai"]
PACKAGES = [
    "torch",
    "sentence-transformers",
    "chromadb",
    "onnx",
    "llama-index-core",
    "llama-index-embeddings-huggingface",
    "llama-index-readers-file",
    "llama-index-vector-stores-chroma",
    "txtai",
]
HERE = Path(__file__).parent
CACHE = Path("~/.cache/footnote-bench").expanduser()


class Worker:
    """A contender in a process of its own."""

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        self.name = name
        self._log = log
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        self._answer()

    def do(self, **work: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        print(json.dumps(work), file=self._process.stdin, flush=True)
        return self._answer()

    def end(self) -> None:
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended:\n{self._log.read_text(errors='replace')[-2000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--documents", type=int, default=240)
    parser.add_argument("--folder", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="footnote-rate-") as place, contextlib.ExitStack() as ends:
        workers = []
        for name in ["Footnote", *PEERS]:
            workers.append(started(name, Path(place)))
            ends.callback(workers[-1].end)
        figures = {
            "embedding": embedding(
                workers, arguments.data / "scifact", Path(place), arguments.documents, arguments.rounds
            ),
            "indexing": indexing(workers, arguments.data / "scifact", Path(place), arguments.folder, arguments.rounds),
        }
    print(json.dumps(figures, indent=1))


def started(name: str, place: Path) -> Worker:
    model = place / "model"
    if not model.exists():
        shutil.copytree(model_dir(), model)
    command = [str(HERE / "contenders.py"), name, str(model)]
    python = sys.executable if name == "Footnote" else peers_python()
    return Worker(name, [python, *command], place / f"{name}.log")


def peers_python() -> str:
    """The interpreter of the peers' environment, which is made once."""
    place = CACHE / "peers"
    python = place / "bin" / "python"
    if not (place / "made").exists():
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        subprocess.run(["uv", "venv", "--quiet", "--clear", "--python", version, str(place)], check=True)
        # Copied, since nltk refuses to read files that have hard links.
        install = ["uv", "pip", "install", "--quiet", "--link-mode", "copy", "--python", str(python), *PACKAGES]
        # Elsewhere, since here uv would obey pyproject.toml, which leaves sentence-transformers out.
        subprocess.run(install, check=True, cwd=CACHE)
        (place / "made").touch()
    return str(python)


def in_turn(workers: Sequence[Worker], number: int) -> Iterator[Worker]:
    at = number % len(workers)
    yield from [*workers[at:], *workers[:at]]


def embedding(workers: Sequence[Worker], data: Path, place: Path, count: int, rounds: int) -> dict[str, Any]:
    names, asked, wanted = judged(data, count)
    model = MiniLM(place / "footnote-models")
    spent: dict[str, dict[str, list[float]]] = {worker.name: {"passages": [], "sentences": []} for worker in workers}
    vectors: dict[str, list[Any]] = {worker.name: [] for worker in workers}
    owners: list[int] = []
    counted = {"passages": 0, "sentences": 0}
    for number in range(rounds):
        texts: dict[str, list[str]] = {"passages": [], "sentences": []}
        for at in range(number, len(names), rounds):
            document = Document(names[at], "", (data / "documents" / names[at]).read_text(encoding="utf-8"))
            for passage in divided(document, model).passages:
                first, *sentences = texts_of(passage)
                texts["passages"].append(first)
                texts["sentences"].extend(sentences)
                owners.append(at)
        for worker in in_turn(workers, number):
            for what, some in texts.items():
                into = place / "vectors.npy"
                spent[worker.name][what].append(worker.do(texts=some, into=str(into))["seconds"])
                if what == "passages":
                    vectors[worker.name].append(np.load(into))
        for what, some in texts.items():
            counted[what] += len(some)
    questions = model.embed_passages(asked)
    figures: dict[str, Any] = dict(counted)
    for worker in workers:
        near = np.argsort(-questions @ np.concatenate(vectors[worker.name]).T, axis=1)
        found = [list(dict.fromkeys(names[owners[at]] for at in row[:100]))[:10] for row in near]
        both = spent[worker.name]
        both["both"] = np.add(both["passages"], both["sentences"]).tolist()
        figures[worker.name] = {
            "passages per second": round(counted["passages"] / sum(both["passages"]), 1),
            "sentences per second": round(counted["sentences"] / sum(both["sentences"]), 1),
            "nDCG@10": round(float(np.mean([ndcg(f, bearing) for f, bearing in zip(found, wanted, strict=True)])), 4),
        }
    for what in ("passages", "sentences", "both"):
        fastest = np.min([spent[name][what] for name in PEERS], axis=0)
        for name, times in spent.items():
            figures[name][f"{what}: ratio to the fastest peer"] = median_ratio(fastest, times[what])
    return figures


def judged(data: Path, count: int) -> tuple[list[str], list[str], list[set[str]]]:
    """Names of documents, first those that questions are about; the questions; and the names that bear on each."""
    relevant = judgements(data)
    names: dict[str, None] = {}
    asked, wanted = [], []
    for question in questions(data):
        bearing = relevant[question["id"]]
        if len(names.keys() | bearing) <= count:
            names.update(dict.fromkeys(sorted(bearing)))
            asked.append(question["question"])
            wanted.append(bearing)
    for path in sorted((data / "documents").iterdir()):
        if len(names) < count:
            names.setdefault(path.name)
    return list(names), asked, wanted


def indexing(workers: Sequence[Worker], data: Path, place: Path, count: int, rounds: int) -> dict[str, Any]:
    documents = sorted((data / "documents").iterdir())[: count * rounds]
    spent: dict[str, list[float]] = {worker.name: [] for worker in workers}
    passages = dict.fromkeys(spent, 0)
    with_sentences = 0
    bare = []
    for number in range(rounds):
        folder = place / f"folder-{number}"
        folder.mkdir()
        for path in documents[number::rounds]:
            shutil.copyfile(path, folder / f"{path.stem}.txt")
        for worker in in_turn(workers, number):
            kept = place / f"{worker.name}-{number}"
            kept.mkdir()
            done = worker.do(folder=str(folder), place=str(kept))
            spent[worker.name].append(done["seconds"])
            passages[worker.name] += done["passages"]
            if worker.name == "Footnote":
                texts = embedded_texts(folder, kept)
                with_sentences += len(texts)
                bare.append(worker.do(texts=texts, into=str(place / "vectors.npy"))["seconds"])
            shutil.rmtree(kept)
    embedded = passages | {"Footnote": with_sentences}
    figures: dict[str, Any] = {
        name: {
            "documents per second": round(len(documents) / sum(times), 1),
            "passages per second": round(passages[name] / sum(times), 1),
            "texts embedded per second": round(embedded[name] / sum(times), 1),
        }
        for name, times in spent.items()
    }
    return figures | {
        "documents": len(documents),
        "share of the rate of embedding alone": median_ratio(bare, spent["Footnote"]),
    }


def embedded_texts(folder: Path, place: Path) -> list[str]:
    """Every text that Footnote embedded of a folder: passages and their sentences."""
    index = FolderIndex.open(folder, place)
    texts = [text for some, _ in index.manifest.all_passages(1000) for passage in some for text in texts_of(passage)]
    index.close()
    return texts


def median_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    return round(float(np.median([one / other for one, other in zip(numerators, denominators, strict=True)])), 3)


if __name__ == "__main__":
    main()
