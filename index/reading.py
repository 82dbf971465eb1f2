"""Files read in a process of their own, so that one that hangs, explodes or breaks its parser costs nothing else.

The worker takes a file's bytes on its stdin and gives the text on its stdout. Nothing of it is pickled: a message is a
row of pieces, each after its length in four bytes, the last one empty. A file is two messages to the worker, its name
and limits as JSON and its bytes, and two back: what is known of the text as JSON, and the text in UTF-8.

One worker reads many files, about 0.1 s to start for the first. It ends when its stdin is closed, so with the process
that started it; in the midst of a file it ends at the time limit, by a thread that no parser can keep from running.
This bounds what a file may take. It is no sandbox: the worker may do whatever this program may.
"""

from __future__ import annotations

import faulthandler
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import IO, Any, BinaryIO

from index import readers
from index.errors import ReadingUnavailable, SourceUnreadable
from index.processes import command_of
from index.types import Extract, Metadata, Place

LARGEST_FILE = 512 * 1024**2
"""Bytes of the largest file that is read."""

_MB = 1024**2
_PIECE = 1024**2
# After a larger file the worker is ended before its text is put together here, so that the two never add up.
_LARGE = 16 * _MB
_OUT_OF_MEMORY = 3  # the worker's exit code


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading one file may take: seconds, bytes of address space, and bytes of what is read, text in UTF-8 and
    places. The address space is bounded on Linux only."""

    seconds: float
    memory: int
    output: int


def limits_for(size: int) -> Limits:
    """The limits of a file of so many bytes, each with a margin of three or more over what was measured.

    A dense PDF of 2,000 pages and 3 MB takes 12 s and 80 MB, a text of 200 MB up to 10 s and 1.3 GB. A text takes at
    most three times its bytes in UTF-8, whatever its encoding; the rest is for what is unpacked.
    """
    return Limits(
        seconds=min(60 + 2 * size / _MB, 600),
        memory=1024 * _MB + 6 * size,
        output=256 * _MB + 3 * size,
    )


class ReadingBroken(SourceUnreadable):
    """Reading was ended: the file ran into a limit or broke the worker."""


class _BrokenOff(ReadingBroken):
    """The worker died or has no memory left, which what it read before may be the cause of."""


class Reader:
    """Reads files in a worker, which is started for the first and replaced when it breaks. For one thread at a time."""

    def __init__(self, limits_for: Callable[[int], Limits] = limits_for) -> None:
        self._limits_for = limits_for
        self._worker: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, file: BinaryIO, source: str) -> tuple[Extract, str]:
        """What is read of an open file that is called `source` in the folder, and the SHA-256 of its bytes in hex: of
        the very bytes that were read, whatever becomes of the file.

        Raises ReadingBroken where a limit is reached or the worker breaks, SourceUnreadable for a file that could not
        be read otherwise, OSError where its bytes cannot be had, ReadingUnavailable.
        """
        size = file.seek(0, os.SEEK_END)
        if size > LARGEST_FILE:
            raise SourceUnreadable(f"The file is larger than {LARGEST_FILE // _MB} MB. Split it to have it read.")
        if self._worker is not None:
            with suppress(_BrokenOff):  # a new worker, in which no other file has left anything, tries it again
                return self._read(file, source, size)
        return self._read(file, source, size)

    def close(self) -> None:
        """End the worker."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill()
            worker.communicate()

    def _read(self, file: BinaryIO, source: str, size: int) -> tuple[Extract, str]:
        if self._worker is None:
            self._worker = _started()
        try:
            digest, told, pieces = _asked(self._worker, file, source, self._limits_for(size))
        except BaseException:
            self.close()  # it is in the midst of something, or gone
            raise
        if size > _LARGE:
            self.close()
        if "refused" in told:
            raise SourceUnreadable(told["refused"])
        places = tuple(Place(*row) for row in told["places"])
        return Extract("".join(pieces), places, Metadata(**told["metadata"]), tuple(told["notices"])), digest


def _started() -> subprocess.Popen[bytes]:
    command = command_of("index.reading")
    try:
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError as fault:
        raise ReadingUnavailable(
            f"No process can be started to read files in ({fault.strerror or fault}). Close other programs, or install "
            "Footnote anew, and reindex."
        ) from fault


def _asked(
    worker: subprocess.Popen[bytes], file: BinaryIO, source: str, limits: Limits
) -> tuple[str, dict[str, Any], list[str]]:
    """The hash of the file, what the worker tells of its text, and the text in pieces. Raises ReadingBroken."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    digest = hashlib.sha256()
    file.seek(0)
    started = time.monotonic()
    try:
        _send(worker.stdin, [json.dumps([source, limits.seconds, limits.memory]).encode()])
        _send(worker.stdin, _hashed(file, digest))
        started = time.monotonic()
        told = json.loads(b"".join(_receive(worker.stdout, limits.output)))
        pieces = [piece.decode() for piece in _receive(worker.stdout, limits.output)]
    except (EOFError, BrokenPipeError) as fault:
        if time.monotonic() - started >= limits.seconds:
            raise ReadingBroken(
                f"Reading the file took longer than {limits.seconds:g} s and was ended. Split it, or open it in the "
                "program it comes from and save it anew."
            ) from fault
        if worker.wait() == _OUT_OF_MEMORY:
            raise _BrokenOff(
                f"Reading the file takes more than {limits.memory // _MB} MB of memory. Split it, or open it in the "
                "program it comes from and save it anew."
            ) from fault
        # Parsers in C may end the process where they get no memory, too.
        raise _BrokenOff(
            "Reading the file broke off: it is damaged, or needs too much memory. Open it in the program it comes from "
            "and save it anew."
        ) from fault
    return digest.hexdigest(), told, pieces


def _hashed(file: BinaryIO, digest: hashlib._Hash) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        digest.update(piece)
        yield piece


def _send(pipe: IO[bytes], pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        if piece:
            pipe.write(len(piece).to_bytes(4, "big"))
            pipe.write(piece)
    pipe.write(bytes(4))
    pipe.flush()


def _receive(pipe: IO[bytes], most: int) -> Iterator[bytes]:
    """The pieces of a message of up to so many bytes. Raises ReadingBroken where it is longer, EOFError where it ends
    early."""
    while length := int.from_bytes(_exactly(pipe, 4), "big"):
        most -= length
        if most < 0:
            raise ReadingBroken(
                "The file holds more text than is read of one of its size. Split it, or save only what is to be read."
            )
        yield _exactly(pipe, length)


def _exactly(pipe: IO[bytes], length: int) -> bytes:
    data = pipe.read(length)
    if len(data) < length:
        raise EOFError
    return data


def _work(requests: IO[bytes], replies: IO[bytes]) -> None:
    """The worker: read file upon file until there are no more."""
    while True:
        try:
            source, seconds, memory = json.loads(b"".join(_receive(requests, _PIECE)))
            data = b"".join(_receive(requests, LARGEST_FILE))
        except EOFError:
            return
        faulthandler.dump_traceback_later(seconds, exit=True)
        _bound_memory(memory)
        try:
            made = readers.extract(data, source)
            del data  # the text alone is enough memory
            about: dict[str, object] = {
                "places": [[place.start, place.kind, place.label, place.number] for place in made.places],
                "metadata": asdict(made.metadata),
                "notices": made.notices,
            }
        except SourceUnreadable as fault:
            made, about = Extract(""), {"refused": str(fault)}
        _send(replies, [json.dumps(about).encode()])
        _send(replies, (made.text[at : at + _PIECE].encode() for at in range(0, len(made.text), _PIECE)))
        faulthandler.cancel_dump_traceback_later()


def _bound_memory(size: int) -> None:
    if sys.platform == "linux":  # macOS takes the limit and does not keep to it, Windows has none
        import resource

        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (size if hard == resource.RLIM_INFINITY else min(size, hard), hard))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks, which then ends this one
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a parser prints is no part of a reply
    try:
        _work(sys.stdin.buffer, replies)
    except MemoryError:
        os._exit(_OUT_OF_MEMORY)
