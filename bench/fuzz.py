"""Malformed files against the whole way from a folder to an answer: `python bench/fuzz.py [FILES] [SEED]`.

Valid files of every format are damaged by rules that know bytes, text and archives. They lie in one folder among good
documents, and the folder is synced. A run passes if the sync ends, no file takes longer than its limit, every damaged
file is indexed or listed with a reason, every good document is indexed and answers, and no file is changed.

The seed fixes what is done to which file; archives hold the time of their making, so bytes differ from day to day.
"""

from __future__ import annotations

import hashlib
import io
import random
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import docx
import test_readers_books as books
import test_readers_html as pages
import test_readers_office as office
import test_readers_pdf as print_outs
import test_readers_records as records
import test_readers_text as texts
from contents import assert_whole
from hash_embedder import HashEmbedder

from index.folder import FolderIndex
from index.readers import SUFFIXES
from index.reading import limits_for
from index.types import Progress, State

_BEASTS = ("aardvark", "bandicoot", "capybara", "dugong", "echidna", "fossa", "gerenuk", "hoatzin", "ibex", "kinkajou")


def valid_files() -> dict[str, bytes]:
    """A valid file for every name ending that is read."""
    mail = records.message("The rent", "The rent is 500 €.\n", "<p>The rent is <b>500</b> €.")
    mail.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename="lease.pdf")
    markdown, restructured, page = texts.MARKDOWN.encode(), texts.RST.encode(), pages.PAGE.encode()
    table = 'house,rent\r\n"Mill Street, 4",500\r\n"the ""old"" one\r\nby the river",750\r\n' * 20
    lines = '{"text": "The rent is 500.", "house": {"street": "Mill", "floors": [1, 2]}}\n' * 20
    subtitles = records.SRT.encode()
    made = {
        ".txt": "\r\n".join([texts.SAMPLES["cp1252"]] * 20).encode("cp1252"),
        ".text": "一 \U0001f600 e\u0301 \u05d0\u05d1 words.\r\n".encode("utf-16") * 20,
        ".log": b"2024-01-01 00:00:00 started\n2024-01-01 00:00:01 ended\n" * 20,
        ".md": markdown,
        ".markdown": markdown,
        ".rst": restructured,
        ".html": page,
        ".htm": page,
        ".xhtml": books.BOOK["OEBPS/text/one.xhtml"].encode(),
        ".pdf": print_outs.pdf(*(print_outs.paragraph(text) for text in (print_outs.LEFT, print_outs.RIGHT))),
        ".docx": office.word_file(),
        ".pptx": office.slides_file(),
        ".xlsx": office.sheets_file(),
        ".xlsm": office.sheets_file(),
        ".odt": books.zipped(books.ODT),
        ".epub": books.zipped(books.BOOK),
        ".rtf": books.RTF.encode(),
        ".csv": table.encode(),
        ".tsv": table.replace(",", "\t").encode(),
        ".json": records.TENANTS.encode(),
        ".jsonl": lines.encode(),
        ".ndjson": lines.encode(),
        ".srt": subtitles,
        ".vtt": b"WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ann>The rent\n\n00:03.000 --> 00:04.000\nis due.\n",
        ".eml": mail.as_bytes(),
        ".mbox": b"".join(b"From a@b Sat Feb  3 10:15:00 2024\n" + mail.as_bytes() + b"\n\n" for _ in range(3)),
    }
    assert made.keys() == SUFFIXES
    return made


# What breaks parsers of text: depth, length, halves of pairs, numbers beyond their types.
_TOKENS = (
    *(b"[" * 5000, b"{" * 5000, b"<div>" * 5000, b"> " * 3000, b"(" * 5000, b"{\\rtf1 " * 3000),
    *(b"\0", b"\x1b[2J", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", "\u202e".encode(), b"\r", b'"', b"\n\n\n"),
    *(b"99999999999999999999", b"-1", b"1e999", b"NaN", b"%s%n", b"../../../etc/passwd", b"&lol;", b"]]>", b"<!--"),
    *(b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>", b"endobj", b"/Length 99999999", b"\\u-99999 "),
)


def mutated(data: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """The file with one to three kinds of damage."""
    for _ in range(chance.randint(1, 3)):
        if data.startswith(b"PK") and chance.random() < 0.85:
            data = _with_damaged_member(data, others, chance)
        else:
            data = _damaged(data, others, chance)
    return data


def _damaged(data: bytes, others: list[bytes], chance: random.Random) -> bytes:
    made = bytearray(data or b"\0")
    at = chance.randrange(len(made))
    some = slice(at, at + chance.choice((1, 4, 40, 400)))
    match chance.randrange(9):
        case 0:
            for _ in range(chance.choice((1, 8, 64))):
                made[chance.randrange(len(made))] ^= 1 << chance.randrange(8)
        case 1:
            made[some] = chance.randbytes(len(made[some]))
        case 2:
            made[some] = bytes([chance.choice((0, 0xFF, 0x7F, 0x80))]) * len(made[some])
        case 3:
            del made[some]
        case 4:
            del made[at:]
        case 5:
            other = chance.choice(others)
            made[at:] = other[chance.randrange(len(other)) :]
        case 6:
            made[at:at] = made[some] * chance.choice((1, 10, 1000))
        case 7:
            made[at:at] = chance.choice(_TOKENS)
        case 8:
            made[some] = chance.choice(_TOKENS)
    return bytes(made)


def _with_damaged_member(data: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """The archive packed anew, so that what its members hold is damaged and not only its frame."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(name, archive.read(name)) for name in archive.namelist()]
    except Exception:  # noqa: BLE001  it was damaged before, in whatever way
        return _damaged(data, others, chance)
    at = chance.randrange(len(members)) if members else 0
    match chance.randrange(6) if members else -1:
        case 0 | 1:
            members[at] = (members[at][0], _damaged(members[at][1], others, chance))
        case 2:
            other = chance.randrange(len(members))
            members[at], members[other] = (members[at][0], members[other][1]), (members[other][0], members[at][1])
        case 3:
            del members[at]
        case 4:
            members.append((members[at][0], _damaged(members[at][1], others, chance)))
        case 5:
            members[at] = (chance.choice(("../../etc/passwd", "/etc/passwd", "a" * 60_000, "\x1b[2J")), members[at][1])
    packed = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return packed.getvalue()


def good_files() -> dict[str, tuple[str, bytes]]:
    """Documents that must not be lost: by name, the word that only this one holds, and its bytes."""
    makers: dict[str, Callable[[str], bytes]] = {
        ".txt": str.encode,
        ".md": lambda text: f"# Keeping\n\n{text}\n".encode(),
        ".html": lambda text: f"<html><body><p>{text}</p></body></html>".encode(),
        ".docx": _word_document,
        ".pdf": lambda text: print_outs.pdf(print_outs.paragraph(text)),
        ".csv": lambda text: f"number,text\n1,{text}\n".encode(),
    }
    endings = list(makers)
    made = {}
    for number, beast in enumerate(_BEASTS):
        ending = endings[number % len(endings)]
        made[f"good {beast}{ending}"] = (beast, makers[ending](f"The keeper of the {beast} arrives at noon."))
    return made


def _word_document(text: str) -> bytes:
    document, buffer = docx.Document(), io.BytesIO()
    document.add_paragraph(text)
    document.save(buffer)
    return buffer.getvalue()


@dataclass
class Outcome:
    """What became of the damaged files by their group, why files are not indexed, and the longest that one took."""

    indexed: Counter[str] = field(default_factory=Counter)
    listed: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    longest: tuple[float, str] = (0.0, "")


def damaged_files(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    chance = random.Random(seed)
    valid = valid_files()
    suffixes = sorted(valid)
    for number in range(count):
        suffix = suffixes[number % len(suffixes)]
        yield f"{number:05d}{suffix}", mutated(valid[suffix], [valid[one] for one in suffixes], chance)


def _ending(name: str) -> str:
    return PurePosixPath(name).suffix


def run(place: Path, damaged: Iterable[tuple[str, bytes]], group: Callable[[str], str] = _ending) -> Outcome:
    """What becomes of these files, by name and content, in a folder made at `place`; `group` is what a name is counted
    under. Raises AssertionError where a run does not pass."""
    folder = place / "folder"
    folder.mkdir()
    good = good_files()
    for name, data in [*damaged, *((name, data) for name, (_, data) in good.items())]:
        (folder / name).write_bytes(data)
    before = {path.name: hashlib.sha256(path.read_bytes()).digest() for path in folder.iterdir()}
    clock = _Clock()
    index = FolderIndex.open(folder, place / "data", HashEmbedder())
    try:
        index.sync(clock)
        files = {file.source: file for file in index.files()}
        outcome = Outcome(longest=clock.longest)
        assert files.keys() == before.keys()
        for name, file in files.items():
            if file.state is State.INDEXED:
                outcome.indexed.update([group(name)] if name not in good else ())
                continue
            assert name not in good, (name, file.reason)
            assert file.reason.endswith("."), file.reason
            assert file.reason.isprintable(), file.reason
            assert len(file.reason) < 500, file.reason
            outcome.listed[group(name)] += 1
            outcome.reasons[file.reason[:70]] += 1
        for name, (word, _) in good.items():
            assert index.retrieve(f"When does the keeper of the {word} arrive?")[0].passage.source == name
        assert_whole(index)
        assert clock.longest[0] < limits_for(0).seconds, clock.longest
        assert {path.name: hashlib.sha256(path.read_bytes()).digest() for path in folder.iterdir()} == before
    finally:
        index.close()
    return outcome


def print_counts(outcome: Outcome) -> None:
    print(f"{'':24}{'indexed':>10}{'listed':>10}")
    for group in sorted(outcome.indexed.keys() | outcome.listed.keys()):
        print(f"{group:24}{outcome.indexed[group]:>10}{outcome.listed[group]:>10}")
    print(f"{'together':24}{outcome.indexed.total():>10}{outcome.listed.total():>10}")
    for reason, number in outcome.reasons.most_common():
        print(f"{number:6} {reason}")


class _Clock:
    """Takes the time between the starts of reading two files."""

    def __init__(self) -> None:
        self.longest = (0.0, "")
        self._file, self._since = "", 0.0

    def __call__(self, progress: Progress) -> None:
        if progress.source == self._file and progress.stage == "Reading":
            return
        now = time.monotonic()
        if self._file:
            self.longest = max(self.longest, (now - self._since, self._file))
        self._file, self._since = (progress.source, now) if progress.stage == "Reading" else ("", now)


if __name__ == "__main__":
    files = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    with tempfile.TemporaryDirectory() as place:
        started = time.monotonic()
        outcome = run(Path(place), damaged_files(files, seed))
    print(f"{files} damaged files, seed {seed}: passed in {time.monotonic() - started:.0f} s")
    print(f"the longest took {outcome.longest[0]:.1f} s: {outcome.longest[1]}")
    print_counts(outcome)
