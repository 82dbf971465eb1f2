"""Damaged files of every format: none breaks a sync, and no good document among them is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import corpora, fuzz


@pytest.mark.parametrize("files", [200, pytest.param(2000, marks=pytest.mark.slow)])
def test_damaged_files_are_indexed_or_listed_and_every_good_one_among_them_answers(tmp_path: Path, files: int) -> None:
    outcome = fuzz.run(tmp_path, fuzz.damaged_files(files, seed=files))
    assert outcome.indexed.total() + outcome.listed.total() == files
    # If nothing were refused, nothing would have been damaged; if all were, the good parts of files would be lost.
    assert outcome.listed.total() > files // 10
    assert outcome.indexed.total() > files // 10


def test_the_malformed_files_of_pythons_own_tests_are_indexed_or_listed_and_every_good_document_answers(
    tmp_path: Path,
) -> None:
    files = dict(corpora.of_python())
    if not files:
        pytest.skip("This Python comes without its tests.")
    outcome = fuzz.run(tmp_path, files.items())
    assert outcome.indexed.total() + outcome.listed.total() == len(files)
    assert outcome.indexed[".eml"] > 0
