"""Texts as they come, for property tests: what people write, and what breaks programs that count characters."""

from __future__ import annotations

from hypothesis import strategies as st

WORDS = [
    "harbour",
    "treaty",
    "engine",
    "river",
    "senate",
    "orchard",
    "bridge",
    "winter",
    "signal",
    "copper",
    "valley",
    "lantern",
    "archive",
    "mill",
]
"""Words for made-up documents."""

_LINE_ENDS = ["\n", "\r\n", "\r", "\n\n", "\r\n\r\n", "\u2028", "\x0b", "\x0c", "\x85"]
_PIECES = [
    "The cat sat on the mat. ",
    "Dr. Smith paid $3.50 (i.e. 10%) at 5 p.m. on Jan. 5! ",
    "| 7 | 7 | 7 |",
    "- item",
    "HEADING",
    "e\u0301", "a\u0308\u0323", " \u0301",
    "👩‍👩‍👧‍👦", "👍🏽", "🇩🇪🇫🇷🇯🇵", "🏴\U000e0067\U000e0062\U000e007f", "❤️",
    "שלום עולם. ", "مرحبا بالعالم؟ ", "\u200f\u202eabc\u202c",
    "日本語の文です。次の文です。", "한국어", "\u1100\u1161\u11a8", "किताबें हैं। ", "ภาษาไทย",
    "word", "x" * 300, " ", "   ", "\t", "\u00a0", "\u200b", "\ufeff", "\x00", "\x1c", "…", "?!", '"', "”",
]  # fmt: skip

texts = st.one_of(
    st.lists(st.sampled_from(_PIECES + _LINE_ENDS), max_size=60).map("".join),
    # Equal rows, as tables and boilerplate have them.
    st.tuples(st.sampled_from(_PIECES), st.sampled_from(_LINE_ENDS), st.integers(1, 80)).map(
        lambda p: (p[0] + p[1]) * p[2]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
    # No white space at all.
    st.text(st.characters(categories=["L", "N", "M", "S"]), max_size=400),
)
