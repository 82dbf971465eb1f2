"""Documents that went all at once.

Where more than half of them are gone, a drive may be away and nobody have deleted anything. No answer may rest on them
all the same, so they are removed like any others; but their embeddings, which are nearly all of the work, are kept until
the documents are back or somebody confirms that they were removed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from index.manifest import Manifest

# Fewer documents are soon embedded again, and a small folder is often emptied by hand.
_MANY = 5


def note_gone(manifest: Manifest, removed: Sequence[str]) -> None:
    """Before they go, so that a crash does not lose that they went together."""
    if len(removed) >= _MANY and 2 * len(removed) > len(manifest.indexed()):
        manifest.put("gone", json.dumps(sorted({*gone(manifest), *removed})))


def still_gone(manifest: Manifest) -> int:
    """How many of the documents that went together are away yet; once most are back, none counts as such any more."""
    went = gone(manifest)
    away = len(went - manifest.indexed().keys())
    if went and 2 * away < len(went):
        forget_gone(manifest)
        return 0
    return away


def forget_gone(manifest: Manifest) -> None:
    """Take the documents that went together as removed on purpose: the next sync drops their embeddings."""
    manifest.put("gone", "")


def gone(manifest: Manifest) -> set[str]:
    """The documents that went together and may be away only."""
    return set(json.loads(manifest.get("gone") or "[]"))
