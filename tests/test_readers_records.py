"""The readers of tables as text, JSON, subtitles and mail."""

from __future__ import annotations

import csv
import io
import json
import mailbox
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.errors import SourceUnreadable
from index.readers import SUFFIXES, extract
from index.types import Document, Extract, Metadata


def label(made: Extract, words: str) -> str:
    place = Document("x", "", made.text, made.places).place(made.text.index(words))
    return place.label if place else ""


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_rows_of_a_table_are_places_even_with_line_ends_in_quotes(line_end: str) -> None:
    text = 'Item,Note\nRent,"due on\nthe first"\n\nWater,"20 ""net"""\n'.replace("\n", line_end)
    made = extract(text.encode(), "a.csv")
    assert made.text == text
    assert label(made, "the first") == "row 2"
    assert label(made, "Water") == "row 4"
    assert made.places[-1].number == 4
    assert made.text[made.places[-1].start :].startswith("Water")


def test_a_table_with_semicolons_or_tabs_is_understood() -> None:
    assert label(extract('a;b\n1;"x\ny"\n2;z\n'.encode("utf-8-sig"), "a.csv"), "2;z") == "row 3"
    assert label(extract(b'a\tb\n1\t"x\ny"\n2\tz\n', "a.tsv"), "2\tz") == "row 3"


@settings(deadline=None)  # the first call imports
@given(
    st.lists(
        st.lists(
            st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('\r\n",;')), min_size=2, max_size=2
        ),
        min_size=1,
    )
)
def test_the_rows_found_in_a_table_are_those_written(rows: list[list[str]]) -> None:
    rows = [["first", "second"], *rows]
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(rows)
    data = buffer.getvalue().encode()
    made = extract(data, "a.csv")
    assert made.text == data.decode()
    starts = [place.start for place in made.places]
    ends = [*starts[1:], len(made.text)]
    read = [next(csv.reader(io.StringIO(made.text[a:b], newline=""))) for a, b in zip(starts, ends, strict=True)]
    assert read == [row for row in rows if any(row)]


def test_a_table_of_very_many_rows_keeps_places_in_groups_that_name_their_rows() -> None:
    made = extract(b"a,b\n" * 500_000, "a.csv")
    assert len(made.places) <= 200_000
    assert (made.places[1].label, made.places[1].start) == ("rows 4–6", 12)


TENANTS = """{"house": "Mill Street",
 "tenants": [{"name": "Ann \\"A\\" Lee", "rent": 500}, {"name": "Bo", "rent": [1, 2]}],
 "end": null}"""


def test_json_is_kept_as_written_and_its_outer_keys_are_places() -> None:
    made = extract(TENANTS.encode(), "a.json")
    assert made.text == TENANTS
    assert label(made, "Mill") == "house"
    assert label(made, "500") == "tenants[1]"
    assert label(made, "Bo") == "tenants[2]"
    assert label(made, "null") == "end"


@settings(deadline=None)  # the first call imports
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_places_of_any_json_rise_and_lie_in_its_text(value: object) -> None:
    text = json.dumps(value)
    made = extract(text.encode(), "a.json")
    assert made.text == text
    starts = [place.start for place in made.places]
    assert starts == sorted(set(starts))
    assert all(start < len(text) for start in starts)
    if isinstance(value, dict):
        found = {place.label for place in made.places if text[place.start :].startswith(json.dumps(place.label))}
        assert set(value) - {""} <= found


def test_json_that_is_not_sound_is_read_as_text_with_a_notice() -> None:
    made = extract(b'{"a": 1,', "a.json")
    assert made.text == '{"a": 1,'
    assert "no sound JSON" in made.notices[0]
    assert "nested too deep" in extract(b"[" * 100_000, "a.json").notices[0]


def test_lines_of_json_are_places() -> None:
    made = extract(b'{"a": 1}\n\n{"b": 2}\n', "a.jsonl")
    assert label(made, '"b"') == "line 3"
    assert [place.number for place in made.places] == [1, 3]
    assert extract(b"1\n" * 300_000, "a.jsonl").places[1].label == "lines 3–4"


def test_json_of_very_many_members_keeps_no_place_that_names_a_wrong_one() -> None:
    made = extract(b'{"a": [' + b"1," * 250_000 + b'2], "b": 3}', "a.json")
    assert [place.label for place in made.places] == ["a", "b"]


SRT = """1
00:00:01,000 --> 00:00:04,000
<i>The ministers met</i>
in Geneva

2
00:01:05,500 --> 00:01:09,000
{\\an8}to talk about missiles.
"""


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_subtitles_are_read_with_their_times_as_places(line_end: str) -> None:
    made = extract(SRT.replace("\n", line_end).encode("utf-8-sig"), "a.srt")
    assert made.text == "The ministers met in Geneva\nto talk about missiles."
    assert [(p.kind, p.label) for p in made.places] == [("time", "00:00:01"), ("time", "00:01:05")]
    assert label(made, "missiles") == "00:01:05"


def test_speakers_are_named_when_they_change_and_rolling_captions_are_kept_once() -> None:
    made = extract(
        b"WEBVTT\n\nNOTE nothing\n\nSTYLE\n::cue {}\n\nintro\n00:01.000 --> 00:02.000 align:start\n<v Ann Lee>Good &amp; "
        b"early\n\n00:02.000 --> 00:03.000\n<v Ann Lee>Good &amp; early\n<v Ann Lee>start <00:02.500><c>here</c>.\n\n"
        b"01:00:02.000 --> 01:00:03.000\n<v.loud Bo>No.</v>\n",
        "a.vtt",
    )
    assert made.text == "Ann Lee: Good & early\nstart here.\nBo: No."
    assert label(made, "Bo") == "01:00:02"


def test_a_subtitle_file_without_times_is_refused() -> None:
    with pytest.raises(SourceUnreadable, match="no subtitles"):
        extract(b"just words", "a.srt")


def message(subject: str, body: str, html: str = "") -> EmailMessage:
    made = EmailMessage()
    made["Subject"] = subject
    made["From"] = "Ann Lée <ann@example.org>"
    made["To"] = "bo@example.org"
    made["Date"] = "Sat, 03 Feb 2024 10:15:00 +0100"
    if body:
        made.set_content(body)
    if html:
        (made.add_alternative if body else made.set_content)(html, subtype="html")
    return made


def test_a_message_is_read_with_its_headers_and_attachments_are_named() -> None:
    mail = message("The rent", "The rent is 500 €.\n", "<p>not this one</p>")
    mail.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename="lease.pdf")
    made = extract(mail.as_bytes(), "a.eml")
    assert made.text == (
        "Subject: The rent\nFrom: Ann Lée <ann@example.org>\nTo: bo@example.org\n"
        "Date: Sat, 03 Feb 2024 10:15:00 +0100\n\nThe rent is 500 €."
    )
    assert label(made, "500") == "The rent - 2024-02-03"
    assert made.metadata == Metadata("The rent", "Ann Lée <ann@example.org>", "2024-02-03T10:15:00+01:00")
    assert "lease.pdf" in made.notices[0]


def test_a_message_in_html_only_is_read_as_a_web_page() -> None:
    made = extract(message("Hi", "", "<style>x</style><p>The rent<br>is <b>500</b>.").as_bytes(), "a.eml")
    assert made.text.endswith("\n\nThe rent\nis 500.")


def test_each_message_of_a_mailbox_is_a_place(tmp_path: Path) -> None:
    box = mailbox.mbox(tmp_path / "box")
    box.add(message("First", "Words.\n\nFrom here on it is mine.\n"))
    box.add(message("Second", "Other words.\n"))
    box.close()
    made = extract((tmp_path / "box").read_bytes(), "a.mbox")
    assert [(p.kind, p.label) for p in made.places] == [
        ("message", "First - 2024-02-03"),
        ("message", "Second - 2024-02-03"),
    ]
    assert "\n\nFrom here on it is mine." in made.text
    assert label(made, "Other") == "Second - 2024-02-03"


def test_a_body_that_is_no_text_is_left_out_with_a_notice() -> None:
    made = extract(b"Subject: Odd\nContent-Transfer-Encoding: base64\n\niVBORw0KGgoAAAANSUhEUgAA\n", "a.eml")
    assert made.text == "Subject: Odd"
    assert "PNG picture" in made.notices[0]


def test_what_is_no_mail_is_refused() -> None:
    with pytest.raises(SourceUnreadable, match="no header"):
        extract(b"just words\n", "a.eml")
    with pytest.raises(SourceUnreadable, match="no mailbox"):
        extract(b"just words\n", "a.mbox")


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
@settings(deadline=None)  # the first call imports
@given(data=st.binary(min_size=1, max_size=300))
def test_any_bytes_give_a_text_or_a_reason(suffix: str, data: bytes) -> None:
    made, reason = None, ""
    try:
        made = extract(data, f"a{suffix}")
    except SourceUnreadable as refused:
        reason = str(refused)
    if made is None:
        assert reason.endswith(".")
        return
    starts = [place.start for place in made.places]
    assert starts == sorted(starts)
    assert all(0 <= start < len(made.text) for start in starts)
    made.text.encode()
