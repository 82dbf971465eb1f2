"""What a change costs: 1,000 files are indexed, one is edited, and nothing is.

    python bench/reindex.py [--files 1000]

The files are made from a seed, three paragraphs each, and indexed by FolderIndex with the real model and real Chroma in
a folder of its own. Printed: seconds and embedded passages of the full build, of the sync after one sentence of one
file was changed, and of a sync with nothing changed; and how many times longer the full build took.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from itertools import islice
from pathlib import Path

from large import paragraphs

from index.folder import FolderIndex
from index.types import SyncReport


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="footnote-reindex-") as place:
        folder = Path(place) / "documents"
        folder.mkdir()
        source = paragraphs()
        for number in range(arguments.files):
            (folder / f"{number:04}.txt").write_text("\n\n".join(islice(source, 3)), encoding="utf-8")
        index = FolderIndex.open(folder, Path(place) / "data")
        # The model's graph is built once for all folders, and is no part of any of this.
        index.embed(["Loaded."])
        full, _ = _timed(index, "full build")
        edited = folder / f"{arguments.files // 2:04}.txt"
        edited.write_text(edited.read_text(encoding="utf-8") + " The bridge was painted green.", encoding="utf-8")
        one, report = _timed(index, "one file edited")
        assert report.plan.changed == (edited.name,)
        nothing, report = _timed(index, "nothing changed")
        assert report.plan.empty
        index.close()
    print(f"full build / one edited      {full / one:8.0f}\nfull build / nothing changed {full / nothing:8.0f}")


def _timed(index: FolderIndex, what: str) -> tuple[float, SyncReport]:
    started = time.monotonic()
    report = index.sync()
    seconds = time.monotonic() - started
    print(f"{what:<18} {seconds:8.2f} s  {report.embedded:6} embedded  {report.reused:6} reused", flush=True)
    return seconds, report


if __name__ == "__main__":
    main()
