"""Untrusted words made safe for Streamlit's own labels, which are Markdown. Longer texts never pass through it."""

from __future__ import annotations

import re
import unicodedata

# Bidirectional controls can make "annexe.exe" read as "exe.exenna"; the isolates are kept out for the same reason.
_REORDERING = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_WORD_JOINER = "\u2060"


def plain(text: str) -> str:
    """One line of `text` that shows as it reads: no controls, no reordering, no halves of surrogate pairs."""
    line = " ".join(text.split())
    return "".join("\ufffd" if _hidden(character) else character for character in line)


def label(text: str) -> str:
    """Markdown that shows `text` itself, whatever it holds: no image, link, emoji, formula or colour comes of it."""
    escaped = _PUNCTUATION.sub(r"\\\1", plain(text))
    # Addresses and :codes: are found in the parsed text, where no backslash counts; a joiner parts them unseen.
    escaped = re.sub(r"([:@])", rf"\1{_WORD_JOINER}", escaped)
    return re.sub(r"(?i)(www)(?=\\\.)", rf"\1{_WORD_JOINER}", escaped)


def _hidden(character: str) -> bool:
    return character in _REORDERING or unicodedata.category(character) in ("Cc", "Cs")
