"""How long a start takes, cold and warm: the command that asks one question, and the window.

    python bench/start.py [--rounds 5]

In turn and in rounds, each in a process of its own, in seconds to its end:

- `python -c "import chromadb"`: what everything is held against;
- `footnote ask` on `seeds/` as it is indexed (warm);
- `footnote ask` with nothing kept: the model's graph is built and the folder indexed first (cold).

And the window on the same index, in a real headless Chromium: from its start to a page that can be asked, the first
answer and the second, each from the question to the whole answer; beside what loading the model takes in a process of
its own. Printed as JSON, medians and ratios.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from servers import environment  # noqa: E402
from window_server import FOOTNOTE, KNOWN, SEEDS, ask, ready, serving  # noqa: E402

QUESTIONS = ["What did Sherman say about troop levels?", "What does Russia demand of NATO?"]
_LOADING = """
import sys, time
from pathlib import Path
from index.embedding import MiniLM
started = time.perf_counter()
MiniLM(Path(sys.argv[1])).embed_query("Loaded.")
print(time.perf_counter() - started)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="footnote-start-") as place:
        figures = asked(Path(place), arguments.rounds) | in_window(Path(place), arguments.rounds)
    print(json.dumps(figures, indent=1))


def asked(place: Path, rounds: int) -> dict[str, float]:
    warm = place / "warm"
    seconds([str(FOOTNOTE), "index", str(SEEDS)], warm)
    spent: dict[str, list[float]] = {"import": [], "warm": [], "cold": []}
    for number in range(rounds):
        cold = place / f"cold-{number}"
        spent["import"].append(seconds([sys.executable, "-c", "import chromadb"], warm))
        spent["warm"].append(seconds([str(FOOTNOTE), "ask", "--folder", str(SEEDS), QUESTIONS[0]], warm))
        spent["cold"].append(seconds([str(FOOTNOTE), "ask", "--folder", str(SEEDS), QUESTIONS[0]], cold))
    return {
        "import of chromadb, s": median(spent["import"]),
        "footnote ask, indexed, s": median(spent["warm"]),
        "its ratio to the import": ratio(spent["warm"], spent["import"]),
        "footnote ask, nothing kept, s": median(spent["cold"]),
        "its ratio to the import ": ratio(spent["cold"], spent["import"]),
    }


def in_window(place: Path, rounds: int) -> dict[str, float]:
    spent: dict[str, list[float]] = {"ready": [], "first": [], "second": [], "loading": []}
    shutil.copytree(SEEDS, place / "seeds")
    window = serving(place, place / "seeds")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        ready(browser.new_context(storage_state=KNOWN).new_page(), window.url, 1)
        window.stop()
        for _ in range(rounds):
            started = time.perf_counter()
            window.start()
            page = browser.new_context(storage_state=KNOWN).new_page()
            ready(page, window.url, 1)
            spent["ready"].append(time.perf_counter() - started)
            for name, question in zip(("first", "second"), QUESTIONS, strict=True):
                spent[name].append(answered(page, question))
            window.stop()
            command = [sys.executable, "-c", _LOADING, str(window.data / "models")]
            output = subprocess.run(command, capture_output=True, text=True, check=True)
            spent["loading"].append(float(output.stdout))
        browser.close()
    return {
        "window: start to a page that can be asked, s": median(spent["ready"]),
        "window: first answer, s": median(spent["first"]),
        "window: second answer, s": median(spent["second"]),
        "loading the model, s": median(spent["loading"]),
    }


def answered(page: Page, question: str) -> float:
    started = time.perf_counter()
    ask(page, question)
    return time.perf_counter() - started


def seconds(command: list[str], data: Path) -> float:
    variables = environment(FOOTNOTE_DATA_DIR=str(data))
    started = time.perf_counter()
    subprocess.run(command, env=variables, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def median(values: list[float]) -> float:
    return round(statistics.median(values), 2)


def ratio(values: list[float], base: list[float]) -> float:
    return round(statistics.median(one / other for one, other in zip(values, base, strict=True)), 2)


if __name__ == "__main__":
    main()
