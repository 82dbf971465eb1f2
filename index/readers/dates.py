"""Dates as documents write them -> ISO 8601."""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import parsedate_to_datetime

_FORMATS = ("%d %B %Y", "%B %d, %Y", "%d %b %Y", "%b %d, %Y", "%Y/%m/%d", "%d.%m.%Y")
# PDF 32000-1, 7.9.4: D:YYYYMMDDHHmmSSOHH'mm'
_PDF = re.compile(r"D?:?(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?(?:([+\-])(\d\d)'?(\d\d)?|Z)?")


def iso_date(written: str) -> str:
    """`written` in ISO 8601, with the time where it has one; empty where it is no date that can be told for sure."""
    written = " ".join(written.split())
    if re.fullmatch(r"\d{4}(-\d\d)?", written):
        return written
    try:
        value = datetime.fromisoformat(written)
        return written if len(written) == 10 and written[4] == "-" else _iso(value)
    except ValueError:
        pass
    for form in _FORMATS:
        try:
            return datetime.strptime(written, form).date().isoformat()
        except ValueError:
            continue
    try:
        return _iso(parsedate_to_datetime(written))  # RFC 5322, of mail
    except ValueError:
        return ""


def iso_pdf_date(written: str) -> str:
    """The same for the dates of PDF, such as D:20240203101500+01'00'."""
    found = _PDF.match(written)
    if found is None:
        return iso_date(written)
    year, month, day, hour, minute, second, sign, off_hour, off_minute = found.groups()
    text = f"{year}-{month}-{day}"
    if hour:
        text += f"T{hour}:{minute}:{second or '00'}"
        if sign:
            text += f"{sign}{off_hour}:{off_minute or '00'}"
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return ""
    return text


def _iso(value: datetime) -> str:
    if (value.hour, value.minute, value.second) == (0, 0, 0) and value.tzinfo is None:
        return value.date().isoformat()
    return value.isoformat(timespec="seconds")
