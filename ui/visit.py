"""A visit: the person who uses the window in one session, and what they may do there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar

from assistant.login import Login, Person


@dataclass(frozen=True, slots=True)
class Visit:
    """Where nobody signs in, `person` is None: it is whoever runs Footnote, who may do everything.

    `sign_in` is another each time that somebody signs in, and the same in all their tabs. `editors` are those who may
    change settings and documents, as the login file names them. Streamlit tells a tab who signed in when it is opened,
    and not that they signed out in another one; so that is kept here.
    """

    person: Person | None = None
    may_edit: bool = True
    sign_in: str = ""
    editors: tuple[str, ...] = ()

    _ended: ClassVar[set[str]] = set()

    @property
    def ended(self) -> bool:
        """Whether the person signed out, in this tab or another one."""
        return self.sign_in in self._ended

    def end(self) -> None:
        """Sign the person out of all the tabs that they opened since they signed in."""
        self._ended.add(self.sign_in)


@cache
def login_of(file: Path) -> Login:
    """The login file as it was when the window was started: Streamlit, too, reads its part of it once.

    Raises LoginUnusable.
    """
    return Login.read(file)
