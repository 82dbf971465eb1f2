"""Files added to the folder and removed from it: nothing leaves the folder's bounds, nothing is overwritten or lost."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant import shelf as shelves
from assistant.errors import FootnoteError, NameTaken
from assistant.shelf import Shelf, safe_name


@pytest.fixture
def shelf(folder: Path, tmp_path: Path) -> Shelf:
    return Shelf(folder, tmp_path / "data" / "trash")


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("letter.md", "letter.md"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ann\\notes.txt", "notes.txt"),
        (".hidden.txt", "hidden.txt"),
        ("a\x00b\u202etxt.exe", "abtxt.exe"),
        ("con.txt", "_con.txt"),
        ("ein  Brief .pdf ", "ein Brief .pdf"),
        ("e\u0301.txt", "\u00e9.txt"),
        ("x" * 400 + ".txt", "x" * 196 + ".txt"),
    ],
)
def test_a_name_becomes_one_that_stays_in_the_folder(given_name: str, kept: str) -> None:
    assert safe_name(given_name) == kept


@pytest.mark.parametrize("name", ["", "..", "/", "a/..", "\x00"])
def test_a_name_of_which_nothing_is_left_is_refused(name: str) -> None:
    with pytest.raises(FootnoteError, match="Give it one"):
        safe_name(name)


@given(st.text())
def test_no_name_at_all_leaves_the_folder_or_hides(name: str) -> None:
    try:
        kept = safe_name(name)
    except FootnoteError:
        return
    assert Path("/folder", kept).parent == Path("/folder")
    assert kept[0] not in ".~"
    assert safe_name(kept) == kept


def test_an_added_file_lies_in_the_folder_and_nothing_else_does(shelf: Shelf, folder: Path) -> None:
    assert shelf.add("../a.txt", b"words") == "a.txt"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"a.txt": b"words"}


def test_a_name_in_use_is_overwritten_only_when_asked_for_and_the_old_file_can_be_put_back(
    shelf: Shelf, folder: Path
) -> None:
    shelf.add("a.txt", b"old")
    with pytest.raises(NameTaken):
        shelf.add("a.txt", b"new")
    assert (folder / "a.txt").read_bytes() == b"old"
    assert shelf.free_name("a.txt") == "a (2).txt"
    shelf.add("a.txt", b"new", replace=True)
    assert (folder / "a.txt").read_bytes() == b"new"
    (old,) = shelf.removed()
    with pytest.raises(NameTaken):
        shelf.put_back(old)
    assert (folder / "a.txt").read_bytes() == b"new"
    (folder / "a.txt").unlink()
    shelf.put_back(old)
    assert (folder / "a.txt").read_bytes() == b"old"


def test_a_link_is_neither_written_through_nor_removed(shelf: Shelf, folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_bytes(b"outside")
    (folder / "a.txt").symlink_to(outside)
    with pytest.raises(NameTaken):
        shelf.add("a.txt", b"new")
    with pytest.raises(FootnoteError, match="no file of the folder"):
        shelf.remove("a.txt")
    assert outside.read_bytes() == b"outside"


@pytest.mark.parametrize("source", ["../outside.txt", "/etc/hostname", "gone.txt", ""])
def test_what_is_no_file_of_the_folder_is_not_removed(shelf: Shelf, folder: Path, tmp_path: Path, source: str) -> None:
    (tmp_path / "outside.txt").write_bytes(b"outside")
    with pytest.raises(FootnoteError, match="no file of the folder"):
        shelf.remove(source)
    assert (tmp_path / "outside.txt").exists()


def test_a_removed_file_comes_back_byte_for_byte_with_its_time_into_its_folder(shelf: Shelf, folder: Path) -> None:
    path = folder / "sub" / "a.bin"
    path.parent.mkdir()
    path.write_bytes(bytes(range(256)))
    os.utime(path, (1_000_000_000, 1_000_000_000))
    removed = shelf.remove("sub/a.bin")
    assert not path.exists()
    path.parent.rmdir()
    assert shelf.removed() == (removed,)
    shelf.put_back(removed)
    assert path.read_bytes() == bytes(range(256))
    assert path.stat().st_mtime == 1_000_000_000
    assert shelf.removed() == ()


@pytest.mark.parametrize("links", [True, False])
def test_a_file_comes_back_whole_and_under_a_free_name_only_also_on_a_disk_without_links(
    shelf: Shelf, folder: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:

        def refused(*_: object) -> None:
            raise OSError(1, "Operation not permitted")

        monkeypatch.setattr("os.link", refused)
    shelf.add("letter.md", b"one")
    removed = shelf.remove("letter.md")
    shelf.add("letter.md", b"two")
    with pytest.raises(NameTaken):
        shelf.put_back(removed)
    assert (folder / "letter.md").read_bytes() == b"two"
    (folder / "letter.md").unlink()
    shelf.put_back(removed)
    assert (folder / "letter.md").read_bytes() == b"one"
    assert [path.name for path in folder.iterdir()] == ["letter.md"]
    assert shelf.removed() == ()


def test_a_file_put_back_is_never_seen_half(shelf: Shelf, folder: Path) -> None:
    whole = bytes(4_000_000)
    shelf.add("letter.md", whole)
    sizes: set[int] = set()
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            with suppress(FileNotFoundError):
                sizes.add((folder / "letter.md").stat().st_size)

    watching = threading.Thread(target=watch)
    watching.start()
    for _ in range(20):
        shelf.put_back(shelf.remove("letter.md"))
    ended.set()
    watching.join()
    assert sizes == {len(whole)}


def test_an_emptied_trash_holds_nothing(shelf: Shelf) -> None:
    shelf.add("a.txt", b"words")
    shelf.remove("a.txt")
    shelf.empty_trash()
    assert shelf.removed() == ()
    shelf.empty_trash()


def test_a_file_that_is_too_large_is_refused(shelf: Shelf, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelves, "MOST_BYTES", 3)
    with pytest.raises(FootnoteError, match="larger than"):
        shelf.add("a.txt", b"words")
    assert list(folder.iterdir()) == []


def test_what_a_cut_off_addition_left_behind_is_cleared_by_the_next(shelf: Shelf, folder: Path) -> None:
    left, fresh = folder / ".footnote-left", folder / ".footnote-fresh"
    left.write_bytes(b"half")
    fresh.write_bytes(b"half")
    os.utime(left, (1_000_000_000, 1_000_000_000))
    shelf.add("a.txt", b"words")
    assert {path.name for path in folder.iterdir()} == {"a.txt", fresh.name}


def test_an_original_outside_of_the_folder_is_never_handed_out(shelf: Shelf, folder: Path, tmp_path: Path) -> None:
    (folder / "in.txt").write_text("in")
    (tmp_path / "out.txt").write_text("out")
    (folder / "link.txt").symlink_to(tmp_path / "out.txt")
    assert shelf.original("in.txt") == folder / "in.txt"
    for source in ("link.txt", "../out.txt", "gone.txt", "/etc/hostname", "../folder/in.txt"):
        assert shelf.original(source) is None
