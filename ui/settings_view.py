"""Settings in the window: whose model writes the answers, where its endpoint is, and whether it answers."""

from __future__ import annotations

import streamlit as st

from assistant.errors import FootnoteError
from assistant.preferences import NO_KEYRING, Choice, Preferences, has_keyring, tried
from ui.desk import Desk
from ui.markup import label

NO_MODEL = "The documents' own words, without a model"
MODEL = "A model, at an OpenAI-compatible endpoint"


def draw_settings(desk: Desk) -> None:
    st.markdown("## Settings")
    if not desk.visit.may_edit:
        st.markdown(f"The settings are kept by {label(keepers(desk.visit.editors))}.")
        return
    preferences = desk.preferences
    endpoint = desk.library.endpoint
    by = st.radio("Answers are", [NO_MODEL, MODEL], index=0 if endpoint is None else 1, key="settings-by")
    if by == MODEL:
        draw_endpoint(desk, preferences)
    else:
        st.caption("Nothing leaves this machine.")
    with st.container(horizontal=True):
        st.button("Save", key="settings-save", type="primary", on_click=save, args=(desk,))
        if by == MODEL:
            st.button("Test", key="settings-test", on_click=test, args=(desk,))
    # Kept until the next click: the page may be drawn again at any moment.
    if said := st.session_state.get("settings-said"):
        st.info(label(said))
    if preferences.choice() is not None:
        st.button(
            "Go by the environment again",
            key="settings-reset",
            type="tertiary",
            help="Forget what was set here, the key as well",
            on_click=reset,
            args=(desk,),
        )


def keepers(editors: tuple[str, ...]) -> str:
    """Those who may change the settings, in words."""
    if not editors:
        return "whoever runs Footnote, on its machine"
    return ", ".join(f"everybody at {entry[1:]}" if entry.startswith("@") else entry for entry in editors)


def draw_endpoint(desk: Desk, preferences: Preferences) -> None:
    endpoint = desk.library.endpoint
    address = st.text_input(
        "Address",
        endpoint.base_url if endpoint else "",
        key="settings-address",
        placeholder="http://localhost:8080/v1",
        help="Your question, the passages found for it and the last turns of the conversation go to this address.",
    )
    st.text_input(
        "Model", endpoint.model if endpoint else "", key="settings-model", placeholder="the first one it offers"
    )
    draw_key(preferences, address.strip())


def draw_key(preferences: Preferences, address: str) -> None:
    """A field for a key, where one can be kept. A key that is kept is never shown."""
    if not has_keyring():
        st.caption(label(NO_KEYRING))
        return
    kept = bool(address) and preferences.has_key(address)
    st.text_input(
        "Key",
        type="password",
        key="settings-key",
        placeholder="one is kept; write another to replace it" if kept else "none, if it asks for none",
        help="It is kept in this system's keyring and sent to this address only.",
        autocomplete="off",
    )


def written() -> tuple[Choice, str]:
    """What the fields hold at the moment of a click: a choice, and a key."""
    if st.session_state["settings-by"] == NO_MODEL:
        return Choice(), ""
    address, model, key = (st.session_state.get(f"settings-{name}", "").strip() for name in ("address", "model", "key"))
    return Choice(address, model), key


def test(desk: Desk) -> None:
    choice, key = written()
    try:
        said = tried(desk.preferences.endpoint_of(choice, key))
    except FootnoteError as error:
        said = str(error)
    st.session_state["settings-said"] = said


def save(desk: Desk) -> None:
    choice, key = written()
    try:
        preferences = desk.preferences
        if choice == Choice() and st.session_state["settings-by"] == MODEL:
            preferences.endpoint_of(choice)  # says that an address is missing
        preferences.save(choice, key)
        desk.library.endpoint = preferences.endpoint()
    except FootnoteError as error:
        st.session_state["settings-said"] = str(error)
    else:
        st.session_state["settings-said"] = "It is kept, and used from the next question on."
        st.session_state.pop("settings-key", None)


def reset(desk: Desk) -> None:
    preferences = desk.preferences
    preferences.reset()
    desk.library.endpoint = preferences.endpoint()
    for name in ("by", "address", "model", "key", "said"):
        st.session_state.pop(f"settings-{name}", None)
