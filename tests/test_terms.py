"""Search terms: plain text goes a shorter way, to the same terms."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from index.terms import question_terms, terms

_PIECES = st.sampled_from(
    [*"ab1sS .,'-_/&\n", "’", "‘", "“", "”", "–", "—", "…", "\u00a0", "U.S.", "it's", "3.5", "1,000", "’s"]
)


@given(st.lists(_PIECES, max_size=30).map("".join))
def test_plain_and_typeset_text_has_the_terms_that_it_has_beside_other_scripts(text: str) -> None:
    # A letter of another script makes the whole text go the general way.
    assert [*terms(text), "ж"] == terms(f"{text} ж")


def test_typeset_marks_make_no_other_words_of_a_text() -> None:
    assert terms("“It’s—so” they said… U.S. troops’ 1,000") == terms("\"It's - so\" they said... U.S. troops' 1,000")
    assert question_terms("What’s the minister’s salary?") == question_terms("What's the minister's salary?")
