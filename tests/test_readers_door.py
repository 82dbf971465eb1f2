"""What holds for every reader: what it imports, and that it asks nothing of the network."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from index.readers import SUFFIXES, extract

PARSERS = [
    "chardet",
    "markdown_it",
    "yaml",
    "selectolax",
    "pypdfium2",
    "docx",
    "pptx",
    "python_calamine",
    "lxml",
    "striprtf",
]


def test_parsers_are_imported_only_when_a_file_needs_them() -> None:
    code = f"import sys, index.readers; sys.exit(', '.join(set({PARSERS!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


def test_every_kind_promised_is_read() -> None:
    promised = "txt md rst html pdf docx pptx xlsx csv tsv epub srt vtt eml mbox json jsonl odt rtf"
    assert {f".{name}" for name in promised.split()} <= SUFFIXES


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.html", b'<link rel=stylesheet href="http://127.0.0.1:9/a"><img src="http://127.0.0.1:9/b"><p>words'),
        ("a.md", b"![x](http://127.0.0.1:9/b)\n\nwords"),
        ("a.rst", b".. include:: /etc/hostname\n\nwords"),
        ("a.eml", b'Subject: x\nContent-Type: text/html\n\n<img src="http://127.0.0.1:9/b"><p>words'),
    ],
)
def test_nothing_a_document_points_to_is_fetched(name: str, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError("a reader opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    made = extract(data, name)
    assert "words" in made.text
    assert Path("/etc/hostname").read_text().strip() not in made.text
