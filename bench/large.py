"""Memory, time and progress of indexing one very large file: a text of 200 MB, and a PDF of 2,000 pages.

    python bench/large.py text [--megabytes 200]
    python bench/large.py pdf [--pages 2000]

Each is made from a seed (words of the model's vocabulary by Zipf's law, in sentences and paragraphs) and indexed by
FolderIndex in a process of its own, with real Chroma. The PDF is embedded with the real model. For the text that would
take hours, which is a matter of the model's speed and not of memory; so its passages are counted in the real tokenizer
and embedded by a stand-in of the same dimensions, the sum of one fixed direction a word. Printed: passages, seconds,
the peak of resident memory of the process (and of any it started), and the longest time without progress.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

LIMIT = 1.5
"""GB of resident memory that either may take."""

_SEED = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["text", "pdf"])
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--pages", type=int, default=2000)
    parser.add_argument("--index", type=Path, help=argparse.SUPPRESS)  # what the process of its own is given
    arguments = parser.parse_args()
    if arguments.index:
        _index(arguments.kind, arguments.index)
        return
    with tempfile.TemporaryDirectory(prefix="footnote-large-") as place:
        folder = Path(place) / "documents"
        folder.mkdir()
        if arguments.kind == "text":
            write_text(folder / "large.txt", arguments.megabytes * 1_000_000)
        else:
            write_pdf(folder / "large.pdf", arguments.pages)
        ended = subprocess.run(
            [sys.executable, __file__, arguments.kind, "--index", place], stdout=subprocess.PIPE, text=True, check=True
        )
    figures = json.loads(ended.stdout)
    print("\n".join(f"{name:<28} {value}" for name, value in figures.items()))
    if figures["peak memory, GB"] > LIMIT:
        sys.exit(f"More than {LIMIT} GB.")


def paragraphs(seed: int = _SEED) -> Iterator[str]:
    """Endless paragraphs of English words. One in four has a character beyond Latin-1, as typeset text does, so that
    Python keeps two bytes a character."""
    from index.embedding import model_dir

    vocabulary = json.loads((model_dir() / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    words = np.array([word for word in vocabulary if word.isascii() and word.isalpha() and len(word) > 1])
    chance = np.random.default_rng(seed)
    shares = 1 / np.arange(10, len(words) + 10)
    shares /= shares.sum()
    while True:
        drawn = iter(chance.choice(words, 100_000, p=shares))
        for _ in range(600):
            sentences = [
                " ".join([next(drawn).capitalize(), *(next(drawn) for _ in range(chance.integers(6, 24)))])
                for _ in range(chance.integers(2, 8))
            ]
            yield ". ".join(sentences) + (" — so “it” was." if chance.random() < 0.25 else ".")


def write_text(path: Path, size: int) -> None:
    written = 0
    with path.open("w", encoding="utf-8") as file:
        for paragraph in paragraphs():
            file.write(paragraph + "\n\n")
            written += len(paragraph.encode()) + 2
            if written >= size:
                return


def write_pdf(path: Path, pages: int) -> None:
    """About 45 lines of justified text a page, with a running head and the page's number."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.utils import simpleSplit
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(path), pagesize=A4)
    lines = (line for text in paragraphs() for line in [*simpleSplit(text.replace("—", "-"), "Helvetica", 11, 450), ""])
    for page in range(1, pages + 1):
        canvas.setFont("Helvetica", 9)
        canvas.drawString(72, 800, "A Large Book")
        canvas.drawRightString(522, 40, str(page))
        body = canvas.beginText(72, 760)
        body.setFont("Helvetica", 11, leading=15)
        for _ in range(45):
            body.textLine(next(lines))
        canvas.drawText(body)
        canvas.showPage()
    canvas.save()


class StandIn:
    """An embedder as fast as hashing. Texts that share words are near to each other."""

    fingerprint = "stand-in/384"
    dimensions = 384
    at_once = 128

    def __init__(self, cache: Path) -> None:
        from index.embedding import MiniLM

        self.count_tokens = MiniLM(cache).count_tokens
        self._directions = np.random.default_rng(_SEED).standard_normal((4096, self.dimensions)).astype(np.float32)

    def embed_passages(self, texts: Sequence[str]) -> np.ndarray:
        vectors = np.stack(
            [
                self._directions[[zlib.crc32(word.encode()) % 4096 for word in text.split()[:12]] or [0]].sum(axis=0)
                for text in texts
            ]
        )
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def embed_query(self, text: str) -> np.ndarray:
        return self.embed_passages([text])[0]


def _index(kind: str, place: Path) -> None:
    from index.folder import FolderIndex
    from index.types import Progress

    embedder = StandIn(place) if kind == "text" else None
    (document,) = (place / "documents").iterdir()
    index = FolderIndex.open(place / "documents", place / "data", embedder)
    told = [(time.monotonic(), "the beginning")]
    started = told[0][0]
    longest = (0.0, "")
    shown = started

    def tell(progress: Progress) -> None:
        nonlocal longest, shown
        now = time.monotonic()
        before, stage = told.pop()
        longest = max(longest, (now - before, f"after “{stage}”"))
        told.append((now, progress.stage))
        if now - shown > 30:
            shown = now
            left = "?" if progress.seconds_left is None else f"{progress.seconds_left:.0f}"
            done = f"{progress.passages_done} of {progress.passages_total} passages"
            print(
                f"{now - started:6.0f} s  {progress.stage}, {done}, {left} s left, {_peak():.2f} GB",
                file=sys.stderr,
                flush=True,
            )

    report = index.sync(tell)
    seconds = time.monotonic() - started
    (status,) = index.files()
    question = next(paragraphs())
    asked = time.monotonic()
    assert index.retrieve(question)
    answered = time.monotonic() - asked
    index.close()
    figures = {
        "file, MB": round(document.stat().st_size / 1e6, 1),
        "passages": status.passages,
        "embedded": report.embedded,
        "seconds": round(seconds),
        "peak memory, GB": round(_peak(), 2),
        "longest without progress, s": f"{longest[0]:.1f} {longest[1]}",
        "a question, s": round(answered, 2),
        "index on disk, GB": round(_size(place / "data") / 1e9, 2),
    }
    print(json.dumps(figures))


def _peak() -> float:
    """GB; Linux counts ru_maxrss in units of 1,024 bytes."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(one).ru_maxrss for one in who) * 1024 / 1e9


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
