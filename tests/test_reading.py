"""Reading in a process of its own: what hangs, explodes or breaks the reader costs no other file anything."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from contents import assert_whole
from hash_embedder import HashEmbedder
from test_readers_books import BOOK, zipped
from test_readers_office import repacked, sheets_file, slides_file, word_file

from index import readers
from index.errors import ReadingUnavailable, SourceUnreadable
from index.folder import FolderIndex
from index.reading import LARGEST_FILE, Limits, Reader, ReadingBroken, limits_for
from index.types import State

MB = 1024 * 1024
SEED = next((Path(__file__).parent.parent / "seeds").glob("*.txt")).read_bytes()
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the memory of a process is bounded on Linux only")


@pytest.fixture
def reader() -> Iterator[Reader]:
    with Reader() as opened:
        yield opened


def bounded(seconds: float = 60, memory: int = 1024 * MB, output: int = 256 * MB) -> Reader:
    return Reader(lambda size: Limits(seconds, memory, output))


def heavy_table(rows: int = 3_000_000) -> bytes:
    """A table whose rows take seconds to tell apart."""
    return b'a,"b"\n' * rows


def heavy_word_file(paragraphs: int) -> bytes:
    """A small Word document whose tree takes a kilobyte a paragraph, in which no limit of archives finds fault."""
    body = b"".join(b"<w:p><w:r><w:t>%d</w:t></w:r></w:p>" % (n % 9973) for n in range(paragraphs))
    head = b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'
    return repacked(word_file(), "word/document.xml", head + body + b"</w:body></w:document>")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (SEED, "a.txt"),
        (b"# One\n\n" + "Two \U0001f600 words.\r\n".encode() * 80_000, "a.md"),
        (word_file(), "a.docx"),
        (slides_file(), "a.pptx"),
        (sheets_file(), "a.xlsx"),
        (zipped(BOOK), "a.epub"),
        (b'{"title": "\\ud800", "text": "half a \\udc00 character"}', "a.json"),
        (b"", "a.txt"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_worker_reads_is_what_the_readers_read(reader: Reader, data: bytes, name: str) -> None:
    made, digest = reader.read(io.BytesIO(data), name)
    assert made == readers.extract(data, name)
    assert digest == hashlib.sha256(data).hexdigest()


def test_the_worker_says_why_a_file_is_not_read_and_reads_on(reader: Reader) -> None:
    with pytest.raises(SourceUnreadable, match="damaged or cut short") as refused:
        reader.read(io.BytesIO(word_file()[:3000]), "a.docx")
    assert not isinstance(refused.value, ReadingBroken)
    worker = reader._worker
    assert reader.read(io.BytesIO(b"words"), "a.txt")[0].text == "words"
    assert reader._worker is worker is not None


def test_a_worker_is_small_and_loads_neither_chroma_nor_models() -> None:
    code = "import sys, index.reading; print(*{'chromadb', 'llama_index', 'onnxruntime', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_file_that_takes_too_long_is_ended_with_the_reason_and_the_next_is_read() -> None:
    with bounded(seconds=1) as reader:
        reader.read(io.BytesIO(b"before"), "a.txt")
        started = time.monotonic()
        with pytest.raises(ReadingBroken, match="took longer than 1 s"):
            reader.read(io.BytesIO(heavy_table()), "a.csv")
        assert time.monotonic() - started < 20
        assert reader.read(io.BytesIO(b"after"), "a.txt")[0].text == "after"


@on_linux
def test_a_file_that_needs_too_much_memory_is_ended_with_the_reason_and_the_next_is_read() -> None:
    data = heavy_word_file(300_000)
    assert len(data) < 2 * MB
    with bounded(memory=200 * MB) as reader:
        with pytest.raises(SourceUnreadable):
            reader.read(io.BytesIO(data), "a.docx")
        with pytest.raises(ReadingBroken, match="more than 200 MB of memory"):
            reader.read(io.BytesIO("ab\U0001f600 ".encode() * 10_000_000), "a.txt")
        assert reader.read(io.BytesIO(b"after"), "a.txt")[0].text == "after"


def test_a_file_with_more_text_than_is_taken_is_ended_with_the_reason_and_the_next_is_read() -> None:
    with bounded(output=MB) as reader:
        with pytest.raises(ReadingBroken, match="more text than is read"):
            reader.read(io.BytesIO(heavy_word_file(300_000)), "a.docx")
        with pytest.raises(ReadingBroken, match="more text than is read"):  # many places, little text
            reader.read(io.BytesIO(b"\n".join(b"# %d\n" % n for n in range(40_000))), "a.md")
        assert reader.read(io.BytesIO(b"after"), "a.txt")[0].text == "after"


def test_a_worker_that_dies_in_a_file_is_replaced_and_the_file_is_read(reader: Reader) -> None:
    reader.read(io.BytesIO(b"before"), "a.txt")
    assert reader._worker is not None
    threading.Timer(0.5, os.kill, (reader._worker.pid, signal.SIGKILL)).start()
    assert len(reader.read(io.BytesIO(heavy_table(1_500_000)), "a.csv")[0].text) == 9_000_000


def test_a_file_on_which_every_worker_dies_is_said_to_be_damaged(reader: Reader) -> None:
    stop = threading.Event()

    def kill_each() -> None:
        while not stop.wait(0.3):
            if (worker := reader._worker) is not None:
                os.kill(worker.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_each)
    killer.start()
    try:
        with pytest.raises(ReadingBroken, match="broke off: it is damaged"):
            reader.read(io.BytesIO(heavy_table()), "a.csv")
    finally:
        stop.set()
        killer.join()


def test_a_file_above_the_largest_size_is_refused_unread(tmp_path: Path, reader: Reader) -> None:
    with (tmp_path / "vast.txt").open("w+b") as file:
        file.truncate(LARGEST_FILE + 1)
        with pytest.raises(SourceUnreadable, match="larger than 512 MB"):
            reader.read(file, "vast.txt")
    assert reader._worker is None


def test_the_limits_leave_room_for_the_largest_inputs_promised() -> None:
    pdf, text = limits_for(3 * MB), limits_for(200 * MB)
    assert pdf.seconds >= 60  # a dense PDF of 2,000 pages took 12 s
    assert text.output >= 3 * 200 * MB
    assert text.memory >= 1.3 * 1024 * MB  # what a text of 200 MB with one emoji took
    assert limits_for(LARGEST_FILE).seconds == 600


@pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "in a file"])
def test_no_worker_outlives_the_process_that_asked(tmp_path: Path, busy: bool) -> None:
    (tmp_path / "a.csv").write_bytes(heavy_table() if busy else b"a,b\n")
    code = f"""
import pathlib, sys, threading, time
from index.reading import Limits, Reader
reader = Reader(lambda size: Limits(3, 2**30, 2**30))
threading.Thread(target=lambda: reader.read(open({str(tmp_path / "a.csv")!r}, "rb"), "a.csv"), daemon=True).start()
while reader._worker is None:
    time.sleep(0.01)
print(reader._worker.pid, flush=True)
time.sleep(600)
"""
    asking = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert asking.stdout is not None
    worker = int(asking.stdout.readline())
    time.sleep(1.5)
    assert runs(worker)
    asking.kill()
    asking.wait()
    asking.stdout.close()
    deadline = time.monotonic() + 20
    while runs(worker):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # One that ended and whose new parent has not looked at it yet.
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_where_no_worker_can_be_started_it_is_said_in_a_sentence_and_nothing_is_taken_for_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_text("The apples are red.")
    index = FolderIndex.open(tmp_path / "folder", tmp_path / "data", HashEmbedder())
    with monkeypatch.context() as changed:
        changed.setattr(sys, "executable", str(tmp_path / "gone"))
        with pytest.raises(ReadingUnavailable, match="No process can be started"):
            index.sync()
    assert index.files() == ()
    assert index.sync().plan.added == ("a.txt",)
    index.close()


@pytest.fixture
def bounded_sync(monkeypatch: pytest.MonkeyPatch) -> Callable[[Limits], None]:
    def bound(limits: Limits) -> None:
        monkeypatch.setattr("index.sync.Reader", lambda: Reader(lambda size: limits))

    return bound


@on_linux
def test_files_that_hang_or_explode_are_listed_with_the_reason_and_every_good_one_answers(
    tmp_path: Path, bounded_sync: Callable[[Limits], None]
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, data in {
        "b hangs.csv": heavy_table(),
        "d explodes.docx": heavy_word_file(300_000),
        "f long.txt": b"words " * 800_000,
    }.items():
        (folder / name).write_bytes(data)
    for name in ("a", "c", "e", "g"):
        (folder / f"{name}.txt").write_text(f"The {name} file speaks of apples.")
    time.sleep(2.1)  # a file written just now is looked at twice, since its times do not show a second write yet
    bounded_sync(Limits(seconds=2, memory=200 * MB, output=4 * MB))
    index = FolderIndex.open(folder, tmp_path / "data", HashEmbedder())
    report = index.sync()
    assert [source for source, _ in report.failed] == ["b hangs.csv", "d explodes.docx", "f long.txt"]
    assert all(reason.endswith(".") and "Traceback" not in reason for _, reason in report.failed)
    states = {file.source: file.state for file in index.files()}
    assert [states[f"{name}.txt"] for name in ("a", "c", "e", "g")] == [State.INDEXED] * 4
    assert {hit.passage.source for hit in index.retrieve("apples")} == {"a.txt", "c.txt", "e.txt", "g.txt"}
    assert_whole(index)
    # They are not tried at every sync, but as soon as somebody touches them: the limit may have been the machine's.
    assert index.sync().plan.empty
    bounded_sync(limits_for(0))
    os.utime(folder / "f long.txt")
    assert index.sync().plan.added == ("f long.txt",)
    assert [source for source, _ in index.sync().failed] == ["b hangs.csv", "d explodes.docx"]
    index.close()
