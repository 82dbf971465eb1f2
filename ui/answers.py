"""Questions and answers on the page: asked, watched while they grow, stopped, asked again, and rated."""

from __future__ import annotations

from typing import Any

import streamlit as st

from assistant.errors import FootnoteError
from assistant.exporting import answer_markdown
from assistant.history import Rating, Turn
from assistant.types import EVERYTHING, Answer, Citation, Scope
from assistant.written import offer
from ui import address, view
from ui.components import part
from ui.desk import Desk
from ui.markup import label
from ui.notebook import STOPPED

STREAM_EVERY = 0.2
"""Seconds between two looks at a growing answer."""


def draw_turns(desk: Desk, conversation: str, turns: tuple[Turn, ...]) -> None:
    for turn in turns:
        going_on = is_being_written(desk, turn)
        st.fragment(draw_turn, run_every=STREAM_EVERY if going_on else None)(
            desk, conversation, turn, was_going_on=going_on
        )
    if turns and not is_being_written(desk, turns[-1]):
        draw_offer(desk, conversation, turns[-1])


def draw_offer(desk: Desk, conversation: str, turn: Turn) -> None:
    """The next-best sentences, where the last answer left some."""
    answer = current_answer(desk, turn)
    if answer and (further := offer(answer)):
        st.button(
            f"{further} Show {'it' if answer.more == 1 else 'them'}",
            key=f"more-{turn.id}",
            type="tertiary",
            on_click=ask,
            args=(desk, conversation, "more", answer.scope),
        )


def ask(desk: Desk, conversation: str, question: str, scope: Scope = EVERYTHING) -> None:
    """Store the question, begin its answer, and show both. A question that cannot be stored stays on the page."""
    history = desk.history
    try:
        if not history.turns(conversation):
            conversation = history.start()
        turn = history.add_question(conversation, question)
    except FootnoteError as error:
        st.session_state.unsent = (question, scope, str(error))
    else:
        st.session_state.pop("unsent", None)
        desk.write(conversation, turn, question, scope)
        address.turn_to(conversation)


def draw_unsent(desk: Desk, conversation: str) -> None:
    if "unsent" in st.session_state:
        question, scope, problem = st.session_state.unsent
        part("turn")(key="unsent", data=view.turn(question, None, writing=False, aged=lambda _: "", opened=None))
        st.error(label(problem))
        st.button("Ask again", key="ask-unsent", on_click=ask, args=(desk, conversation, question, scope))


def draw_turn(desk: Desk, conversation: str, turn: Turn, *, was_going_on: bool) -> None:
    """A question with its answer: the one way an answer gets onto the page."""
    address.restore()
    writing = desk.writing(turn.id)
    answer = writing.answer if writing else turn.answer
    going_on = writing is not None and not writing.done
    if was_going_on != going_on:
        st.rerun()
    key = f"turn-{turn.id}"
    opened = address.opened()

    def open_source() -> None:
        clicked = st.session_state[key]["open"]
        address.show(view.Opened(turn.id, bool(clicked["closest"]), int(clicked["at"])))

    def act() -> None:
        do(desk, conversation, turn, st.session_state[key]["act"])

    clicked = part("turn")(
        key=key,
        data=view.turn(
            turn.question,
            answer,
            writing=going_on,
            aged=lambda citation: age(desk, citation),
            opened=opened if isinstance(opened, view.Opened) and opened.turn == turn.id else None,
            rating=turn.rating,
            copied=answer_markdown(answer) if answer and not going_on else "",
        ),
        on_open_change=open_source,
        on_act_change=act,
    )
    if clicked.open or clicked.act:
        st.rerun()  # the source and the rating are outside of this fragment
    if writing and going_on:
        st.button("Stop", key=f"stop-{turn.id}", icon=":material/stop:", on_click=desk.stop, args=(turn.id,))
    else:
        draw_end(answer)


def draw_end(answer: Answer | None) -> None:
    """How an answer ended, where that is not simply well."""
    notice = answer.notice if answer else ""
    if notice == STOPPED:
        st.caption(STOPPED)
    elif answer is None or not answer.complete:
        st.error(label(notice or "This question was not answered to its end."))
    elif notice:
        st.warning(label(notice))


def do(desk: Desk, conversation: str, turn: Turn, act: dict[str, Any]) -> None:
    """What a person did below an answer."""
    match act:
        case {"what": "again"}:
            desk.write(conversation, turn.id, turn.question, scope_of(desk, turn))
        case {"what": "edit", "text": str(text)} if text.strip():
            ask(desk, conversation, text.strip(), scope_of(desk, turn))
        case {"what": "rate", "rated": "good" | "bad" | "" as rated, "note": str(note)}:
            rating = Rating(rated == "good", note.strip()[: view.NOTE_LENGTH]) if rated else None
            desk.history.rate(turn.id, rating)


def scope_of(desk: Desk, turn: Turn) -> Scope:
    """The part of the folder that a question was asked of."""
    answer = current_answer(desk, turn)
    return answer.scope if answer else EVERYTHING


def is_being_written(desk: Desk, turn: Turn) -> bool:
    writing = desk.writing(turn.id)
    return writing is not None and not writing.done


def current_answer(desk: Desk, turn: Turn) -> Answer | None:
    writing = desk.writing(turn.id)
    return writing.answer if writing else turn.answer


def age(desk: Desk, citation: Citation) -> str:
    now = desk.room.documents().get(citation.source)
    if now is None:
        return view.GONE
    return "" if now.content_hash == citation.content_hash else view.CHANGED
