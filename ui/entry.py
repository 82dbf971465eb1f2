"""Who may use the window: whoever came by the address that was printed, or did so before in this browser."""

from __future__ import annotations

import streamlit as st

from assistant.settings import Settings
from assistant.window_key import fits, window_key
from ui.components import part

COOKIE = "footnote_key"


def entered() -> bool:
    """Whether this session may go on; where not, the page says how. Raises FootnoteError."""
    if st.session_state.get("entered"):
        return True
    key = window_key(Settings.read().data_dir)
    shown = str(st.query_params.get("key", ""))
    if not fits(shown, key) and not fits(str(st.context.cookies.get(COOKIE, "")), key):
        st.error(
            "This window opens with the address that Footnote printed where it was started, which ends in a key. "
            "Open that address, or start Footnote again."
        )
        return False
    st.session_state.entered = True
    return True


def keep_key() -> None:
    """Have the browser remember the key that the address holds, and take it out of the address."""
    if shown := str(st.query_params.get("key", "")):
        st.session_state.key_shown = shown
        del st.query_params["key"]
    if shown := st.session_state.get("key_shown"):
        part("entry")(key="entry", data={"cookie": COOKIE, "key": shown})
