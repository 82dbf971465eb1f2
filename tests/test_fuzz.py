"""Damaged files of every format: none breaks a sync, and no good document among them is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import fuzz


@pytest.mark.parametrize("files", [200, pytest.param(2000, marks=pytest.mark.slow)])
def test_damaged_files_are_indexed_or_listed_and_every_good_one_among_them_answers(tmp_path: Path, files: int) -> None:
    outcome = fuzz.run(tmp_path, files, seed=files)
    assert outcome.indexed.total() + outcome.listed.total() == files
    # If nothing were refused, nothing would have been damaged; if all were, the good parts of files would be lost.
    assert outcome.listed.total() > files // 10
    assert outcome.indexed.total() > files // 10
