"""Every measurement of speed, one after the other, written into RESULTS.md: the one command.

    python bench/all.py DATA [--sizes 1000 10000 100000] [--kept FOLDER] [--only rate scale ...]

DATA holds the unpacked folder scifact/. Each part is a script beside this one, whose own text says what is measured, and
runs while nothing else does; about 40 minutes with 100,000 passages. A million take an hour more to make, unless they
were left in FOLDER (see scale.py). What is written lies between two marks in RESULTS.md, headed by the machine and the
versions; with --only, the other parts stay as they were.
Quality has a script of its own, quality.py, and so have the faults.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "RESULTS.md"
BEGIN, END = "<!-- bench/all.py -->", "<!-- the end of bench/all.py -->"
PACKAGES = ("llama-index-core", "chromadb", "onnxruntime", "openai", "streamlit", "distributed", "numpy")
TITLES = {
    "rate": "Embedding and indexing, beside peers with the same weights",
    "scale": "Asking, as a folder grows",
    "start": "Starting",
    "first_token": "To the first words of a generated answer",
    "reindex": "A change among 1,000 files",
    "scale_out": "Several processes",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sizes", type=int, nargs="*", default=[1000, 10_000, 100_000])
    parser.add_argument("--kept", type=Path)
    parser.add_argument("--only", nargs="*", choices=list(TITLES), default=list(TITLES))
    arguments = parser.parse_args()
    given = {"rate": [str(arguments.data)], "scale": [str(size) for size in arguments.sizes]}
    if arguments.kept:
        given["scale"] += ["--kept", str(arguments.kept)]
    for part in arguments.only:
        command = [sys.executable, str(HERE / f"{part}.py"), *given.get(part, [])]
        load = os.getloadavg()[0]
        ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        places = {str(arguments.data): "DATA", str(arguments.kept): "FOLDER"}
        said = " ".join(["python", f"bench/{part}.py", *(places.get(word, word) for word in command[2:])])
        head = f"### {TITLES[part]}\n\n`{said}`, {date.today()}; load before it {load:.1f}\n\n"
        put(part, head + "\n\n".join(tables(json.loads(ended.stdout))))
        print(f"{part}: done", flush=True)


def put(part: str, section: str) -> None:
    """Into RESULTS.md, in place of what was measured of this part before."""
    before, _, rest = RESULTS.read_text(encoding="utf-8").partition(BEGIN)
    kept, _, after = rest.partition(END)
    sections = dict(re.findall(r"<!-- (\w+) -->\n(.*?)(?=\n<!-- \w+ -->\n|\Z)", kept.strip(), re.DOTALL))
    sections[part] = section
    whole = "\n\n".join(f"<!-- {name} -->\n{sections[name].strip()}" for name in TITLES if name in sections)
    RESULTS.write_text(f"{before}{BEGIN}\n\n{machine()}\n\n{whole}\n\n{END}{after}", encoding="utf-8")


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cpuinfo = Path("/proc/cpuinfo")
    named = re.search(r"model name\s*: (.+)", cpuinfo.read_text()) if cpuinfo.exists() else None
    processor = named[1] if named else platform.processor()
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    return (
        f"Measured on {processor}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}; {versions}."
    )


def tables(figures: dict[str, Any], name: str = "") -> list[str]:
    """What a part printed as Markdown: figures by name, and a table for each that holds further ones."""
    single = {key: value for key, value in figures.items() if not isinstance(value, dict)}
    rows = {key: value for key, value in figures.items() if isinstance(value, dict)}
    made = []
    if any(isinstance(value, dict) for inner in rows.values() for value in inner.values()):
        made += [table for key, inner in rows.items() for table in tables(inner, key)]
    elif rows:
        made.append(table(name, rows))
    if single:
        title = f"| {name} | |" if name and not rows else "| | |"
        made.append("\n".join([title, "| --- | --- |", *(f"| {key} | {value} |" for key, value in single.items())]))
    return made


def table(name: str, rows: dict[str, dict[str, Any]]) -> str:
    columns = list(dict.fromkeys(key for inner in rows.values() for key in inner))
    if len(columns) > len(rows):  # the longer side goes down the page
        rows = {key: {row: inner[key] for row, inner in rows.items() if key in inner} for key in columns}
        columns = list(dict.fromkeys(key for inner in rows.values() for key in inner))
    lines = [[name, *columns], ["---"] * (len(columns) + 1)]
    lines += [[key, *(str(inner.get(column, "")) for column in columns)] for key, inner in rows.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
