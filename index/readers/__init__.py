"""Files -> text that can be cited: one module a family of formats, one door.

A reader turns bytes into an `Extract`. It writes nothing, asks nothing of the network and follows nothing that a
document points to. Parsers of others are imported inside the functions that need them, since start-up time matters.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from index.errors import SourceUnreadable, SourceUnsupported
from index.readers.books import read_book
from index.readers.data import read_json, read_json_lines
from index.readers.html import read_html
from index.readers.mail import read_mailbox, read_message
from index.readers.markdown import read_markdown
from index.readers.opendocument import read_opendocument
from index.readers.pdf import read_pdf
from index.readers.plain import read_plain
from index.readers.restructured import read_restructured
from index.readers.rich import read_rich
from index.readers.sheets import read_sheets
from index.readers.slides import read_slides
from index.readers.subtitles import read_subtitles
from index.readers.tables import read_comma_separated, read_tab_separated
from index.readers.word import read_word
from index.types import Extract

VERSION = "1"
"""Part of the index's fingerprint: raised whenever a reader would make another text of the same bytes."""

_READERS: dict[str, Callable[[bytes], Extract]] = {
    ".txt": read_plain,
    ".text": read_plain,
    ".log": read_plain,
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".rst": read_restructured,
    ".html": read_html,
    ".htm": read_html,
    ".xhtml": read_html,
    ".pdf": read_pdf,
    ".docx": read_word,
    ".pptx": read_slides,
    ".xlsx": read_sheets,
    ".xlsm": read_sheets,
    ".odt": read_opendocument,
    ".epub": read_book,
    ".rtf": read_rich,
    ".csv": read_comma_separated,
    ".tsv": read_tab_separated,
    ".json": read_json,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".srt": read_subtitles,
    ".vtt": read_subtitles,
    ".eml": read_message,
    ".mbox": read_mailbox,
}
SUFFIXES: frozenset[str] = frozenset(_READERS)
"""The name endings that are read, in lower case and with their dot."""

_LONGEST_NOTICE = 400
_SURROGATE = re.compile("[\ud800-\udfff]")


def read(path: Path, source: str) -> Extract:
    """Reads the file at `path`, whose name in the folder is `source`; the ending of `source` says the kind.

    Raises SourceUnsupported for a kind that is not read, SourceUnreadable for a file that could not be.
    """
    _reader(source)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceUnreadable(
            f"The file cannot be opened ({error.strerror or error}). See that it is there and that you may read it."
        ) from error
    return extract(data, source)


def extract(data: bytes, source: str) -> Extract:
    """The same for bytes already read, so that the text and a hash of the bytes are of one and the same version."""
    reader = _reader(source)
    if not data:
        return Extract("", notices=("The file is empty.",))
    try:
        made = reader(data)
    except MemoryError:
        raise
    except SourceUnreadable as refused:
        raise SourceUnreadable(_told(str(refused), _LONGEST_NOTICE)) from refused
    except Exception as error:  # the boundary to parsers of others, which raise what they like on damaged files
        raise SourceUnreadable(
            f"The file is damaged, or of a form that is not known ({type(error).__name__}: {_told(str(error), 200)}). "
            "Open it in the program it comes from and save it anew."
        ) from error
    notices = tuple(_told(notice, _LONGEST_NOTICE) for notice in made.notices)
    if not notices and (not made.text or made.text.isspace()):
        notices = ("The file holds no text.",)
    # Half a character, which no UTF-8 store takes, gives way to one of the same length: offsets stay as they are.
    return Extract(_SURROGATE.sub("\ufffd", made.text), made.places, made.metadata, notices)


def _told(sentence: str, longest: int) -> str:
    """On one line and short, whatever was quoted in it: parsers and readers quote files, at any length."""
    line = "".join(c for c in " ".join(sentence.split()) if c.isprintable())
    return line if len(line) <= longest else f"{line[: longest // 2]}…{line[-longest // 2 :]}"


def _reader(source: str) -> Callable[[bytes], Extract]:
    suffix = PurePosixPath(source).suffix.lower()
    if suffix in _READERS:
        return _READERS[suffix]
    if not suffix:
        raise SourceUnsupported("A file without a name ending is not read. Give it one, such as .txt, if it is text.")
    raise SourceUnsupported(f"“{suffix}” is not a kind of file Footnote reads.")
