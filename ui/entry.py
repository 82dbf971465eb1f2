"""Who may use the window: with a login file whom it names, once they signed in; without one whoever came by the address
that was printed, or did so before in this browser."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import streamlit as st

from assistant.login import Login, Person
from assistant.settings import Settings
from assistant.window_key import fits, window_key
from ui.components import part
from ui.markup import label
from ui.visit import Visit, login_of

COOKIE = "footnote_key"


def entered() -> Visit | None:
    """The visit that this session is; where it may not go on None, and the page says how to. Raises FootnoteError."""
    settings = Settings.read()
    if settings.login is not None:
        return signed_in(login_of(settings.login))
    return Visit() if knows_key(settings.data_dir) else None


def signed_in(login: Login) -> Visit | None:
    """The visit of somebody who signed in and may come in. Looked at on every run."""
    claims = st.user.to_dict()
    person = Person.of(claims) if claims.get("is_logged_in") is True else None
    if person is None:
        draw_sign_in()
        return None
    # Among the claims are the moment and a number that is used once, so no two times of signing in are the same.
    sign_in = hashlib.sha256(json.dumps(claims, sort_keys=True, default=str).encode()).hexdigest()
    visit = Visit(person, login.may_edit(person), sign_in, login.editors)
    if visit.ended:
        draw_sign_in()
        return None
    if not login.admits(person):
        draw_refusal(visit, person)
        return None
    return visit


def knows_key(data_dir: Path) -> bool:
    if st.session_state.get("entered"):
        return True
    key = window_key(data_dir)
    shown = str(st.query_params.get("key", ""))
    if not fits(shown, key) and not fits(str(st.context.cookies.get(COOKIE, "")), key):
        st.error(
            "This window opens with the address that Footnote printed where it was started, which ends in a key. "
            "Open that address, or start Footnote again."
        )
        return False
    st.session_state.entered = True
    return True


def draw_entry(visit: Visit) -> None:
    """Bind the page to its own server. Where nobody signs in, have the browser remember the key that the address holds,
    and take it out of the address."""
    if visit.person is None and (shown := str(st.query_params.get("key", ""))):
        st.session_state.key_shown = shown
        del st.query_params["key"]
    part("entry")(key="entry", data={"cookie": COOKIE, "key": st.session_state.get("key_shown", "")})


def draw_sign_in() -> None:
    with st.container(key="door"):
        st.markdown("# Footnote")
        st.markdown("Sign in to ask the documents that are kept here.")
        st.button("Sign in", key="sign-in", type="primary", on_click=st.login)


def draw_refusal(visit: Visit, person: Person) -> None:
    with st.container(key="door"):
        st.markdown("# Footnote")
        unverified = "" if person.verified or not person.email else ", an address that your provider has not verified"
        st.markdown(
            f"You are signed in as **{label(person.address)}**{unverified}, and whoever runs this window has not let you "
            "in: ask them to, or sign out and come in with another account."
        )
        st.button("Sign out", key="sign-out", on_click=sign_out, args=(visit,))


def draw_person(visit: Visit) -> None:
    """Who is signed in, and the way out; nothing where nobody signs in."""
    if visit.person is not None:
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(label(visit.person.name))
            st.button("Sign out", key="sign-out", type="tertiary", on_click=sign_out, args=(visit,))


def sign_out(visit: Visit) -> None:
    visit.end()
    st.logout()
