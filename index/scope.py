"""The part of a folder that a question is asked of. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import PurePath

from index.errors import ScopeUnusable

_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")


@dataclass(frozen=True, slots=True)
class Scope:
    """What is given restricts, and all that is given must hold; made without arguments, it is the whole folder.

    `paths` are files and folders inside the folder, with forward slashes: a document is in the scope if it is one of
    them or lies below one. `since` and `until` are days, months or years in ISO 8601, both included: a document is in
    the scope if the date that its file gives may lie between them, and one whose file gives none is not.

    `Scope.of` makes one of what a person wrote.
    """

    paths: tuple[str, ...] = ()
    since: str = ""
    until: str = ""

    @classmethod
    def of(cls, paths: Iterable[str] = (), since: str = "", until: str = "") -> Scope:
        """The scope a person means. Raises ScopeUnusable."""
        since, until = _checked(since), _checked(until)
        if since and until and first_day(since) > last_day(until):
            raise ScopeUnusable(f"No day lies between {since} and {until}. Give the earlier date first.")
        return cls(tuple(dict.fromkeys(map(_inside, paths))), since, until)

    @property
    def is_everything(self) -> bool:
        return not (self.paths or self.since or self.until)

    def __str__(self) -> str:
        """In words, as the end of a sentence about documents: "in reports, from 2022 on"."""
        parts = [f"in {' or '.join(self.paths)}"] if self.paths else []
        if self.since and self.until:
            parts.append(f"of {self.since}" if self.since == self.until else f"from {self.since} to {self.until}")
        elif self.since:
            parts.append(f"from {self.since} on")
        elif self.until:
            parts.append(f"up to {self.until}")
        return ", ".join(parts)


EVERYTHING = Scope()


def first_day(written: str) -> str:
    """The first day of a date in ISO 8601 that may name a month or a year only; empty for none."""
    return written[:10] + "-01-01"[len(written) - 4 :] if 4 <= len(written) < 10 else written[:10]


def last_day(written: str) -> str:
    """The last such day, for comparison: every month has 31."""
    return written[:10] + "-12-31"[len(written) - 4 :] if 4 <= len(written) < 10 else written[:10]


def _checked(written: str) -> str:
    written = written.strip()
    found = _DATE.fullmatch(written)
    if written and found is None:
        raise ScopeUnusable(f"'{written}' is no date that is understood. Write it as 2022-01-31, 2022-01 or 2022.")
    if found:
        year, month, day = (int(part or 1) for part in found.groups())
        try:
            date(year, month, day)
        except ValueError:
            raise ScopeUnusable(f"There is no day {written}. Write a date as 2022-01-31, 2022-01 or 2022.") from None
    return written


def _inside(path: str) -> str:
    parts = PurePath(path).parts
    if ".." in parts or PurePath(path).is_absolute():
        raise ScopeUnusable(f"'{path}' leads out of the folder. Name a file or folder as it lies inside.")
    if not parts:
        raise ScopeUnusable("Name a file or folder inside the folder of documents, as reports/2022.")
    return "/".join(parts)
