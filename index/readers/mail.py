"""Mail (.eml, .mbox): subject, sender, date and body of each message; messages are the places.

The email package of the standard library. Of a message in several forms the plain one is read, else the web page.
Attachments are named in a notice, not read.
"""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from typing import cast

from index.errors import SourceUnreadable
from index.readers.assembly import Assembly
from index.readers.decoding import decode
from index.readers.html import page_from, render
from index.types import Extract, Metadata

_FROM = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\r\n\r\n))From [^\r\n]*\r?\n(?=[!-9;-~]+:)")
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)
_HEADERS = ("Subject", "From", "To", "Cc", "Date")


def read_message(data: bytes) -> Extract:
    assembly = Assembly()
    return assembly.extract(_add(_message(_FROM.sub(b"", data, count=1)), assembly))


def read_mailbox(data: bytes) -> Extract:
    starts = [found.start() for found in _FROM.finditer(data)]
    if not starts or data[: starts[0]].strip():
        raise SourceUnreadable("The file is no mailbox: it does not begin with a line “From …”.")
    assembly = Assembly()
    for start, end in zip(starts, [*starts[1:], len(data)], strict=True):
        raw = data[start:end]
        body = raw[raw.index(b"\n") + 1 :]
        assembly.paragraph()
        _add(_message(_QUOTED_FROM.sub(rb"\1", body)), assembly)
    return assembly.extract()


def _message(data: bytes) -> EmailMessage:
    message = message_from_bytes(data, policy=policy.default)
    if not message.keys():
        raise SourceUnreadable("The file is no message: it has no header such as “From:”. If it is text, name it .txt.")
    return message


def _add(message: EmailMessage, assembly: Assembly) -> Metadata:
    headers = {name: _header(message, name) for name in _HEADERS}
    date = _date(headers["Date"])
    subject = headers["Subject"] or "(no subject)"
    label = f"{subject} - {date[:10]}" if date else subject
    assembly.place("message", label)
    for name, value in headers.items():
        if value:
            assembly.add(f"{name}: {value}")
            assembly.line()
    assembly.paragraph()
    body = message.get_body(("plain", "html"))
    if body is not None:
        try:
            text = _content(cast(EmailMessage, body))
        except SourceUnreadable as error:  # one message in a mailbox; the others are read
            text = ""
            assembly.notices.append(f"The body of “{label}” is left out. {error}")
        if body.get_content_subtype() == "html":
            render(page_from(text), assembly, subject)
        else:
            assembly.add(text.replace("\r\n", "\n").replace("\0", "").strip())
    attached = [str(part.get_filename() or "without a name") for part in message.iter_attachments()]
    if attached:
        assembly.notices.append(
            f"Attachments of “{label}” are not read: {', '.join(attached)}. Save them into the folder to have them read."
        )
    return Metadata(headers["Subject"], headers["From"], date)


def _header(message: EmailMessage, name: str) -> str:
    """A header in one line; empty where there is none, or where it is broken beyond reading."""
    try:
        return " ".join(str(message.get(name, "")).split())
    except (ValueError, IndexError, TypeError, AttributeError):  # what the email package raises on malformed headers
        return ""


def _content(part: EmailMessage) -> str:
    payload = part.get_payload(decode=True)
    return decode(payload, part.get_content_charset("")).text if isinstance(payload, bytes) and payload else ""


def _date(written: str) -> str:
    try:
        return parsedate_to_datetime(written).isoformat(timespec="seconds")
    except ValueError:
        return ""
