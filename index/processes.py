"""The command of a process of its own, which a module runs in where what it does might harm this one."""

from __future__ import annotations

import sys


def command_of(module: str) -> list[str]:
    """The command that runs a module of this program."""
    # -P: a folder called index where the person stands must not be taken for this package.
    return [sys.executable, "-P", "-m", module]
