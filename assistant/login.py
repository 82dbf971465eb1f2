"""The login file: the OpenID provider that people sign in with, and who of them may come in.

    [auth]                        as Streamlit's own secrets file has it
    redirect_uri = "https://footnote.example.org/oauth2callback"
    cookie_secret = "..."         long and random: whoever knows it can sign in as anybody
    client_id = "..."             what the provider gave for this window
    client_secret = "..."
    server_metadata_url = "https://accounts.example.org/.well-known/openid-configuration"

    [footnote]
    people = ["ann@example.org", "@example.com", "248289761001"]
    editors = ["ann@example.org"]

An entry of `people` and `editors` is an e-mail address, "@" and a domain, the subject id that the provider has for
somebody, or "*" for everybody whom the provider signs in. Whoever edits must be among the people as well.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from assistant.errors import LoginUnusable
from assistant.gate import is_loopback

CALLBACK = "/oauth2callback"
"""The path at which Streamlit takes what the provider answers."""

SECRET_LENGTH = 32
"""Bytes that a cookie secret must have at least: it signs who somebody is, with HMAC."""

_AUTH = ("redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url")
_FOOTNOTE = {"people", "editors"}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom the provider signed in.

    `issuer` and `subject` name them for good; all else may change. `email` is what the provider says, and counts only
    where it was `verified`. `name` is what to call them by.
    """

    issuer: str
    subject: str
    name: str
    email: str = ""
    verified: bool = False

    @classmethod
    def of(cls, claims: Mapping[str, object]) -> Self | None:
        """The person that the claims of an identity token tell of; None where they name nobody."""
        issuer, subject, email, name = (_text(claims, key) for key in ("iss", "sub", "email", "name"))
        if not issuer or not subject:
            return None
        # Some providers write their booleans as text.
        verified = claims.get("email_verified") in (True, "true")
        return cls(issuer, subject, name or email or subject, email, verified)

    @property
    def address(self) -> str:
        """What they signed in with, as they would know it."""
        return self.email or self.subject

    @property
    def key(self) -> str:
        """Another for every person, and always the same for one: 64 hexadecimal digits."""
        return hashlib.sha256(f"{self.issuer}\0{self.subject}".encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Login:
    """A login file that was read. It holds none of the file's secrets; Streamlit reads them there."""

    file: Path
    redirect_uri: str
    people: tuple[str, ...]
    editors: tuple[str, ...] = ()

    @classmethod
    def read(cls, file: Path) -> Self:
        """Raises LoginUnusable, whose sentence quotes nothing that may be secret."""
        tables = _tables(file)
        auth, footnote = (_table(file, tables, name) for name in ("auth", "footnote"))
        if missing := [key for key in _AUTH if not _text(auth, key)]:
            raise LoginUnusable(f"Write {_listed(missing)} into the table [auth] of {file}, each as a text in quotes.")
        if len(_text(auth, "cookie_secret").encode()) < SECRET_LENGTH:
            raise LoginUnusable(
                f"The cookie_secret in {file} is too short. Write one of at least {SECRET_LENGTH} random characters; "
                'python -c "import secrets; print(secrets.token_urlsafe(48))" makes one.'
            )
        for key in ("redirect_uri", "server_metadata_url"):
            if not _is_safe(_text(auth, key)):
                raise LoginUnusable(
                    f"Write a {key} that begins with https:// into {file}: without TLS others could read along "
                    "who signs in. Only on this machine itself, at localhost, http:// will do."
                )
        redirect_uri = urlsplit(_text(auth, "redirect_uri"))
        if (redirect_uri.path, redirect_uri.query, redirect_uri.fragment) != (CALLBACK, "", ""):
            raise LoginUnusable(
                f"Write the redirect_uri in {file} as the address of the window and {CALLBACK} after it, "
                f"as https://footnote.example.org{CALLBACK}."
            )
        if unknown := sorted(footnote.keys() - _FOOTNOTE):
            raise LoginUnusable(
                f"Take {_listed(unknown)} out of the table [footnote] in {file}; it holds people and editors only."
            )
        people = _entries(file, footnote, "people")
        if not people:
            raise LoginUnusable(
                f'Write into the table [footnote] of {file} who may come in, as people = ["ann@example.org"]; '
                'people = ["*"] lets in everybody whom the provider signs in.'
            )
        return cls(file, redirect_uri.geturl(), people, _entries(file, footnote, "editors"))

    @property
    def origin(self) -> str:
        """The address that people open, without a slash at its end."""
        return self.redirect_uri.removesuffix(CALLBACK)

    @property
    def host(self) -> str:
        """The name of the server in that address."""
        return urlsplit(self.redirect_uri).hostname or ""

    @property
    def port(self) -> int | None:
        """The port that people reach without a proxy in between; None where TLS says that there is one."""
        parts = urlsplit(self.redirect_uri)
        return (parts.port or 80) if parts.scheme == "http" else None

    def admits(self, person: Person) -> bool:
        """Whether somebody may come in."""
        return _among(self.people, person)

    def may_edit(self, person: Person) -> bool:
        """Whether somebody may change settings and documents in the window."""
        return self.admits(person) and _among(self.editors, person)


def _tables(file: Path) -> dict[str, Any]:
    if file.suffix != ".toml":
        raise LoginUnusable(f"Name the login file so that it ends in .toml; {file} does not.")
    try:
        with file.open("rb") as opened:
            if os.name == "posix" and stat.S_IMODE(os.fstat(opened.fileno()).st_mode) & 0o077:
                raise LoginUnusable(
                    f"Others may read or write {file}, which holds secrets. Keep it to yourself: chmod 600 {file}"
                )
            return tomllib.load(opened)
    except OSError as fault:
        raise LoginUnusable(
            f"The login file {file} cannot be read ({fault.strerror}). Give another one with --login or FOOTNOTE_LOGIN."
        ) from fault
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        # Of the parser's words only the place: the rest may quote the file.
        place = re.search(r"\(at (line \d+, column \d+|end of document)\)", str(fault))
        where = f" at {place[1]}" if place else ""
        raise LoginUnusable(f"The login file {file} is not TOML{where}. Mend it there and start again.") from None


def _table(file: Path, tables: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = tables.get(name)
    if not isinstance(table, dict):
        raise LoginUnusable(f"Write a table [{name}] into {file}; the README shows one.")
    return table


def _entries(file: Path, table: Mapping[str, Any], name: str) -> tuple[str, ...]:
    entries = table.get(name, [])
    if not isinstance(entries, list) or not all(isinstance(entry, str) and _is_entry(entry) for entry in entries):
        raise LoginUnusable(
            f'Write {name} in {file} as a list of e-mail addresses, domains as "@example.org", subject ids, or '
            'the one entry "*".'
        )
    return tuple(entry.strip() for entry in entries)


def _is_entry(entry: str) -> bool:
    entry = entry.strip()
    # A star anywhere else would look as if it stood for something.
    return entry == "*" or (bool(entry) and "*" not in entry and not entry.endswith("@"))


def _is_safe(address: str) -> bool:
    try:
        parts = urlsplit(address)
        _ = parts.port  # which raises where it is none
    except ValueError:
        return False
    if not parts.hostname or "*" in parts.hostname or parts.username or parts.password:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))


def _among(entries: Iterable[str], person: Person) -> bool:
    return any(entry == "*" or _is(entry, person) for entry in entries)


def _is(entry: str, person: Person) -> bool:
    if "@" not in entry:
        return entry == person.subject
    # Never held against a subject: at some providers people choose theirs.
    if not person.verified or "@" not in person.email:
        return False
    email = _folded(person.email)
    return _folded(entry) == (b"@" + email.rpartition(b"@")[2] if entry.startswith("@") else email)


def _folded(address: str) -> bytes:
    """Small letters for A to Z alone: others turn into one of them too, and would make two people one."""
    return address.encode("utf-8", "replace").lower()


def _text(table: Mapping[str, object], key: str) -> str:
    value = table.get(key)
    return value.strip() if isinstance(value, str) else ""


def _listed(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last
