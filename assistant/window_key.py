"""The key of the chat window: whoever opens it shows that they were given its address, so that others who can reach the
port, such as another user of this machine, see nothing. As Jupyter does it, but kept, so that links stay good."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from assistant.errors import FootnoteError

FILE = "window-key"


def window_key(data_dir: Path) -> str:
    """The key of the windows over this data folder, made at first. Only the person's own account can read its file.

    Raises FootnoteError where the file can be neither read nor made.
    """
    path = data_dir / FILE
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            if key := path.read_text(encoding="ascii").strip():
                return key
            descriptor = os.open(path, os.O_WRONLY)  # one that was ended before it was written
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(key := secrets.token_urlsafe(24))
        return key
    except (OSError, UnicodeDecodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "it is no text"
        raise FootnoteError(f"The key of the window in {path} cannot be used ({reason}). Delete that file.") from fault


def fits(given: str, key: str) -> bool:
    """Whether the key given is the one wanted, without telling by the time how much of it is right."""
    return secrets.compare_digest(given.encode("utf-8", "replace"), key.encode())
