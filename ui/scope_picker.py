"""The part of the folder that the next question is asked of: files, folders and dates, chosen below the conversation."""

from __future__ import annotations

from pathlib import PurePosixPath

import streamlit as st

from assistant.errors import FootnoteError
from assistant.types import EVERYTHING, Scope
from ui.desk import Desk
from ui.markup import label, plain

MOST_FILES = 2000
"""Files offered beside the folders; beyond, folders alone are."""


def draw_scope(desk: Desk) -> Scope:
    """The choice, kept while the page is open; the last one that could be used."""
    scope: Scope = st.session_state.setdefault("scope", EVERYTHING)
    title = f"Only documents {label(str(scope))}" if not scope.is_everything else "All documents"
    with st.popover(title, key="scope-picker", icon=":material/filter_list:", type="tertiary"):
        sources = list(desk.room.documents())
        options = choices(sources)
        chosen = st.multiselect(
            "Ask only these files and folders",
            options,
            default=[path for path in scope.paths if path in options],
            format_func=plain,
            key="scope-paths",
            placeholder="All of them",
        )
        if len(sources) > MOST_FILES:
            st.caption("There are too many files to choose from one by one; choose among the folders.")
        first, last = st.columns(2)
        since = first.text_input("Dated from", scope.since, key="scope-since", placeholder="1931-05")
        until = last.text_input("to", scope.until, key="scope-until", placeholder="1932")
        if since or until:
            st.caption("Documents whose file gives no date are left out.")
        try:
            wanted = Scope.of(chosen, since, until)
        except FootnoteError as error:
            st.error(label(str(error)))
            return scope
    if wanted != scope:
        st.session_state.scope = wanted
        st.rerun()  # its name stands above
    return wanted


def choices(sources: list[str]) -> list[str]:
    """What may be chosen: the folders, then the files."""
    folders = {str(parent) for source in sources for parent in PurePosixPath(source).parents} - {"."}
    return sorted(folders) + (sorted(sources) if len(sources) <= MOST_FILES else [])
