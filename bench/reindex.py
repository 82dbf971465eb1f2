"""What a change costs: 1,000 files are indexed, one is edited, and nothing is.

    python bench/reindex.py [--files 1000]

The files are made from a seed, three paragraphs each, and indexed by FolderIndex with the real model and real Chroma in
a folder of its own. Printed as JSON: seconds and embedded passages of the full build, of the sync after one sentence of
one file was changed, and of a sync with nothing changed; and how many times longer the full build took.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from itertools import islice
from pathlib import Path

from large import paragraphs

from index.folder import FolderIndex


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
        full = _timed(index)
        edited = folder / f"{arguments.files // 2:04}.txt"
        edited.write_text(edited.read_text(encoding="utf-8") + " The bridge was painted green.", encoding="utf-8")
        figures = {"full build": full, "one file edited": _timed(index), "nothing changed": _timed(index)}
        index.close()
    for done in figures.values():
        done["full build is longer by"] = round(full["seconds"] / done["seconds"])
    print(json.dumps({"sync": figures}, indent=1))


def _timed(index: FolderIndex) -> dict[str, float]:
    started = time.monotonic()
    report = index.sync()
    return {"seconds": round(time.monotonic() - started, 3), "passages embedded": report.embedded}


if __name__ == "__main__":
    main()
