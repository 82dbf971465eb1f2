"""Rich text (.rtf): the plain text, without places.

striprtf (BSD-3), a small reader in Python of the RTF 1.9 specification that follows its code pages.
"""

from __future__ import annotations

import re

from index.errors import SourceUnreadable
from index.readers.assembly import Assembly
from index.readers.kinds import kind_of
from index.types import Extract, Metadata

_INFO = re.compile(r"\{\\(title|author) ([^{}]{1,500})\}")
_CREATED = re.compile(r"\{\\creatim\\yr(\d{4})\\mo(\d{1,2})\\dy(\d{1,2})")


def read_rich(data: bytes) -> Extract:
    if not data.lstrip().startswith(b"{\\rtf"):
        found = kind_of(data) or "something else"
        raise SourceUnreadable(f"By its contents this is {found}, not RTF. Give it the name ending of its kind.")
    try:
        source = data.decode("utf-8")  # RTF is ASCII; what some programs write beyond it is UTF-8 or Windows-1252
    except UnicodeDecodeError:
        source = data.decode("cp1252", "replace")
    head = source[:20_000]
    info = {key: _plain("{\\rtf1 " + value + "}") for key, value in _INFO.findall(head)}
    created = _CREATED.search(head)
    date = f"{created[1]}-{int(created[2]):02}-{int(created[3]):02}" if created else ""
    assembly = Assembly()
    assembly.add(_plain(source))
    return assembly.extract(Metadata(info.get("title", ""), info.get("author", ""), date))


def _plain(source: str) -> str:
    from striprtf.striprtf import rtf_to_text

    text: str = rtf_to_text(source, errors="replace")  # type: ignore[no-untyped-call]
    return text.replace("\0", "").strip()
