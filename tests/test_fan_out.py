"""Passages embedded by a real Dask cluster: its scheduler and its workers are processes of their own, as on machines of
their own."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from servers import Machines, environment, free_port
from texts import WORDS

from index import fan_out
from index.embedding import MiniLM, Vectors
from index.errors import WorkersUnreachable
from index.fan_out import Cluster
from index.folder import FolderIndex
from index.types import State


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    machines = Machines(tmp_path / "machines")
    yield machines
    machines.end()


@pytest.fixture
def documents(folder: Path) -> Path:
    for number in range(12):
        sentences = [
            f"The {WORDS[(7 * number + at) % len(WORDS)]} of report {number} has the mark {at}." for at in range(40)
        ]
        (folder / f"{number}.txt").write_text(" ".join(sentences))
    return folder


class Local(MiniLM):
    """The model of this process, which says how often it embedded passages."""

    calls = 0

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        self.calls += 1
        return super().embed_passages(texts)


def opened(documents: Path, data: Path, address: str) -> tuple[FolderIndex, Local]:
    model = Local(data / "models")
    return FolderIndex.open(documents, data, Cluster(address, model)), model


def kept(index: FolderIndex) -> dict[str, Vectors]:
    return {
        passage.id: vector
        for passages, vectors in index.manifest.all_passages(100)
        for passage, vector in zip(passages, vectors, strict=True)
    }


def test_an_index_made_by_two_workers_is_the_one_made_here_and_is_gone_on_with_here(
    machines: Machines, documents: Path, tmp_path: Path
) -> None:
    machines.worker()
    machines.worker()
    machines.joined(2)
    index, model = opened(documents, tmp_path / "there", machines.address)
    assert index.sync().embedded > 20
    assert model.calls == 0
    there = kept(index)
    index.close()
    here = FolderIndex.open(documents, tmp_path / "here")
    here.sync()
    for id_, vector in kept(here).items():
        assert float(there.pop(id_) @ vector) == pytest.approx(1, abs=1e-5)
    assert not there
    here.close()
    again = FolderIndex.open(documents, tmp_path / "there")
    assert again.sync().embedded == 0
    assert again.retrieve("the mark of report 7")
    again.close()


def test_a_question_and_a_few_texts_are_embedded_where_they_are_asked(tmp_path: Path) -> None:
    model = Local(tmp_path)
    cluster = Cluster(f"tcp://127.0.0.1:{free_port()}", model)  # nobody listens there
    cluster.embed_query("Who saved the cat?")
    cluster.embed_passages(["The cook saved the cat.", "It was a storm."])
    assert model.calls == 2


def test_a_worker_that_is_killed_loses_nothing(machines: Machines, documents: Path, tmp_path: Path) -> None:
    first, second = machines.worker(), machines.worker()
    machines.joined(2)
    index, _ = opened(documents, tmp_path / "data", machines.address)
    during(index.sync, lambda: first.send_signal(signal.SIGKILL))
    assert second.poll() is None
    assert {file.state for file in index.files()} == {State.INDEXED}
    assert len(kept(index)) == sum(file.passages for file in index.files())
    index.close()


@pytest.mark.parametrize(
    ("lost", "told"),
    [pytest.param("scheduler", "the scheduler went away", marks=pytest.mark.slow), ("worker", "no worker is left")],
)
def test_a_cluster_that_goes_away_is_told_and_indexing_here_goes_on_where_it_was(
    machines: Machines, documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str, told: str
) -> None:
    monkeypatch.setattr(fan_out, "PATIENCE", 3.0)
    worker = machines.worker()
    machines.joined(1)
    index, _ = opened(documents, tmp_path / "data", machines.address)
    process = {"scheduler": machines.scheduler, "worker": worker}[lost]
    with pytest.raises(WorkersUnreachable, match=told):
        during(index.sync, lambda: process.send_signal(signal.SIGKILL))
    index.close()
    here = FolderIndex.open(documents, tmp_path / "data")
    here.sync()
    assert {file.state for file in here.files()} == {State.INDEXED}
    here.close()


def test_no_scheduler_and_no_worker_are_each_told_in_a_sentence(
    machines: Machines, documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines.joined(0)
    monkeypatch.setattr(fan_out, "PATIENCE", 4.0)
    for address, told in (
        (machines.address, "no worker has come to it"),
        (f"tcp://127.0.0.1:{free_port()}", "the scheduler does not answer"),
    ):
        index, _ = opened(documents, tmp_path / "data", address)
        with pytest.raises(WorkersUnreachable, match=rf"{address} does not embed: {told}.*'dask worker' run, or"):
            index.sync()
        index.close()


def test_a_worker_with_another_model_is_not_believed(machines: Machines, documents: Path, tmp_path: Path) -> None:
    machines.worker()
    machines.joined(1)
    model = Local(tmp_path / "models")
    model.fingerprint = "another/fp32/256"
    index = FolderIndex.open(documents, tmp_path / "data", Cluster(machines.address, model))
    index.sync()
    for file in index.files():
        assert file.state is State.UNREADABLE
        assert "A worker embeds with all-MiniLM-L6-v2/fp32/256" in file.reason
        assert "Install the same version of Footnote on every worker." in file.reason
    index.close()


def test_the_command_line_has_a_cluster_embed_and_then_asks(
    machines: Machines, documents: Path, tmp_path: Path
) -> None:
    machines.worker()
    machines.joined(1)
    footnote = Path(sys.executable).with_name("footnote")
    variables = environment(FOOTNOTE_DATA_DIR=str(tmp_path / "data"))

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(footnote), *words], env=variables, capture_output=True, text=True, timeout=120)

    done = run("index", str(documents), "--workers", machines.address)
    assert done.returncode == 0, done
    assert "12 added" in done.stdout
    asked = run("ask", "--folder", str(documents), "What mark has report 7?")
    assert "7.txt" in asked.stdout
    refused = run("index", str(documents), "--workers", "here:8786")
    assert refused.returncode == 1
    assert "FOOTNOTE_WORKERS: give the address that 'dask scheduler' printed" in refused.stderr


def during(work: Callable[[], object], act: Callable[[], object]) -> None:
    """Do something while some work is under way: a worker takes seconds to load its model alone."""
    timer = threading.Timer(1, act)
    timer.start()
    try:
        work()
    finally:
        timer.join()
