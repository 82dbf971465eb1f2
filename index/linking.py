"""One file under two names."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def link(file: Path, target: Path) -> None:
    """Have the file under another name as well; a copy of it where the disk knows no links, or it is another disk."""
    try:
        os.link(file, target)
    except OSError:
        shutil.copy2(file, target)
