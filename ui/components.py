"""The page's own parts: each a script that builds its elements from plain data, and a style of its own."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import streamlit as st

PARTS = Path(__file__).parent / "parts"

# What each part draws into. A preview is beside the answer, not in it, so that a growing answer leaves it alone.
_ROOTS = {
    "turn": '<div class="turn"></div><div class="preview" id="preview" popover="manual" role="tooltip"></div>',
    "source": '<div class="pane"></div>',
    "documents": '<div class="documents"></div>',
    "files": '<div class="files"></div>',
    "collection": '<div class="collection"></div>',
    "entry": '<div class="entry"></div>',
    "hits": '<div class="hits"></div>',
}


def part(name: str) -> st.components.v2.types.ComponentRenderer:
    """The renderer of a part. Made anew for each use: Streamlit knows a part only within the server it was made in."""
    return st.components.v2.component(
        f"footnote_{name}", html=_ROOTS[name], css=_text(f"{name}.css"), js=_text("element.js") + _text(f"{name}.js")
    )


@cache
def _text(file: str) -> str:
    return (PARTS / file).read_text(encoding="utf-8")
