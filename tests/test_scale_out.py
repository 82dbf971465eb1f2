"""More than one machine's worth: several windows and indexers as processes of their own on one real Chroma server, and
servers that ask for a tenant, a database and a key, as distributed Chroma and Chroma Cloud do."""

from __future__ import annotations

import http.client
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import chromadb
import httpx
import pytest
import servers
from hash_embedder import HashEmbedder

from index.errors import StoreUnreachable
from index.folder import FolderIndex

FOOTNOTE = Path(sys.executable).with_name("footnote")
TOKEN = "a-token-for-tests"


@dataclass(frozen=True)
class Desk:
    """A running `footnote serve`: one of those who ask a folder."""

    folder: Path
    url: str
    process: subprocess.Popen[str]

    def cited(self, question: str) -> set[str]:
        """The words of the passages that answer, each with its source before it."""
        found = httpx.get(
            f"{self.url}/search", params={"q": question}, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60
        )
        found.raise_for_status()
        return {f"{passage['source']}: {passage['text']}" for passage in found.json()["passages"]}


@pytest.fixture
def environment(tmp_path: Path, chroma_server: str) -> dict[str, str]:
    return servers.environment(
        FOOTNOTE_DATA_DIR=str(tmp_path / "data"), FOOTNOTE_CHROMA_URL=chroma_server, FOOTNOTE_TOKEN=TOKEN
    )


@contextmanager
def desks(environment: dict[str, str], *folders: Path) -> Iterator[list[Desk]]:
    started = []
    try:
        for folder in folders:
            process = subprocess.Popen(
                [str(FOOTNOTE), "serve", str(folder), "--port", "0"],
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            assert process.stderr is not None
            url = process.stderr.readline().split(" at ")[1].split()[0].removesuffix(".").removesuffix("/v1")
            started.append(Desk(folder, url, process))
        yield started
    finally:
        for desk in started:
            desk.process.kill()
            desk.process.communicate()


def index_at_once(environment: dict[str, str], folders: list[Path]) -> None:
    indexing = [subprocess.Popen([str(FOOTNOTE), "index", str(folder)], env=environment) for folder in folders]
    assert [process.wait(120) for process in indexing] == [0 for _ in folders]


def write(folder: Path, number: int, colour: str) -> None:
    (folder / f"{number}.txt").write_text(f"The bridge of {folder.name} number {number} is painted {colour}.")


def test_windows_and_indexers_of_two_folders_share_a_server_and_each_answers_from_its_own_folder_as_it_is(
    tmp_path: Path, environment: dict[str, str], chroma_server: str
) -> None:
    folders = [tmp_path / name for name in ("ostwick", "marle")]
    for folder in folders:
        folder.mkdir()
        for number in range(6):
            write(folder, number, "green")
    index_at_once(environment, folders)
    wrong: list[str] = []
    changed = threading.Event()
    over = threading.Event()

    def ask(desk: Desk) -> None:
        while not over.is_set():
            late = changed.is_set()
            for cited in desk.cited("What colour is the bridge number 3?"):
                source, _, text = cited.partition(": ")
                if desk.folder.name not in text or (source == "3.txt" and late and "green" in text):
                    wrong.append(f"{desk.folder.name}: {cited}")

    with desks(environment, folders[0], folders[0], folders[1]) as asked:
        asking = [threading.Thread(target=ask, args=(desk,)) for desk in asked]
        for thread in asking:
            thread.start()
        for folder in folders:
            write(folder, 3, "scarlet")
            write(folder, 6, "blue")
            (folder / "0.txt").unlink()
        index_at_once(environment, folders)
        changed.set()
        time.sleep(2)
        over.set()
        for thread in asking:
            thread.join()
        for desk in asked:
            name = desk.folder.name
            now = desk.cited("What colour is the bridge?")
            assert f"3.txt: The bridge of {name} number 3 is painted scarlet." in now
            assert f"6.txt: The bridge of {name} number 6 is painted blue." in now
            assert not any(cited.startswith("0.txt") for cited in now)
    assert not wrong
    client = client_of(chroma_server)
    names = [c.name for c in client.list_collections() if any(folder.name in c.name for folder in folders)]
    assert [client.get_collection(name).count() for name in names] == [6, 6]


def test_the_collection_lies_in_the_tenant_and_database_that_the_environment_names(
    folder: Path, tmp_path: Path, chroma_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = chromadb.AdminClient(
        chromadb.Settings(
            chroma_api_impl="chromadb.api.fastapi.FastAPI",
            chroma_server_host="127.0.0.1",
            chroma_server_http_port=urlsplit(chroma_server).port,
        )
    )
    admin.create_tenant("newsroom")
    admin.create_database("archive", "newsroom")
    monkeypatch.setenv("CHROMA_TENANT", "newsroom")
    monkeypatch.setenv("CHROMA_DATABASE", "archive")
    write(folder, 1, "green")
    index = FolderIndex.open(folder, tmp_path / "data", HashEmbedder(), chroma_server)
    index.sync()
    assert index.retrieve("What colour is the bridge?")[0].passage.source == "1.txt"
    name = index._collection(index._index)
    index.close()
    inside = client_of(chroma_server, tenant="newsroom", database="archive")
    assert inside.get_collection(name).count() == 1
    assert name not in [collection.name for collection in client_of(chroma_server).list_collections()]


def test_a_server_that_asks_for_a_key_is_given_it_and_refuses_another_in_a_sentence(
    folder: Path, tmp_path: Path, chroma_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, 1, "green")
    with asking_for_a_key(chroma_server, "right") as url:
        monkeypatch.setenv("CHROMA_API_KEY", "right")
        index = FolderIndex.open(folder, tmp_path / "data", HashEmbedder(), url)
        index.sync()
        assert index.retrieve("What colour is the bridge?")
        assert index._keeper.current is not None  # it was searched there
        index.close()
        monkeypatch.setenv("CHROMA_API_KEY", "wrong-and-secret")
        index = FolderIndex.open(folder, tmp_path / "data", HashEmbedder(), url)
        with pytest.raises(StoreUnreachable, match=f"The Chroma server at {url} does not answer") as refused:
            index.sync()
        assert "secret" not in str(refused.value)
        assert index.retrieve("What colour is the bridge?")  # from the embeddings that are kept
        index.close()


def test_a_key_is_not_sent_over_the_net_in_the_clear(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHROMA_API_KEY", "secret")
    write(folder, 1, "green")
    index = FolderIndex.open(folder, tmp_path / "data", HashEmbedder(), "http://chroma.example:8000")
    with pytest.raises(StoreUnreachable, match=r"CHROMA_API_KEY is set, and would go to .* in the clear"):
        index.sync()
    index.close()


def test_no_request_is_larger_than_the_server_takes(
    folder: Path, tmp_path: Path, chroma_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []
    upsert = chromadb.Collection.upsert

    def watched(self: chromadb.Collection, ids: list[str], **rows: object) -> None:
        taken.append(len(ids))
        upsert(self, ids, **rows)  # type: ignore[arg-type]

    monkeypatch.setattr(chromadb.Collection, "upsert", watched)
    monkeypatch.setattr("chromadb.api.client.Client.get_max_batch_size", lambda _: 3)  # Chroma Cloud takes 300
    for number in range(8):
        write(folder, number, "green")
    index = FolderIndex.open(folder, tmp_path / "data", HashEmbedder(), chroma_server)
    index.sync()
    assert sum(taken) == 8
    assert max(taken) == 3
    (folder / "7.txt").unlink()
    index.sync()
    assert index._keeper.opened().count() == 7
    assert index.examine() == ()
    index.close()


def client_of(url: str, **where: str) -> chromadb.ClientAPI:
    return chromadb.HttpClient("127.0.0.1", urlsplit(url).port or 0, **where)


@contextmanager
def asking_for_a_key(server: str, key: str) -> Iterator[str]:
    """The address of a door before a Chroma server that lets in whoever sends the key; `chroma run` has none of its own."""
    behind = urlsplit(server)

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers.get("X-Chroma-Token") != key:
                self.reply(401, b'{"error": "AuthError", "message": "Unauthorized"}')
                return
            connection = http.client.HTTPConnection(behind.hostname or "", behind.port)
            connection.request(self.command, self.path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            self.reply(answer.status, answer.read())
            connection.close()

        do_GET = do_POST = do_PUT = do_DELETE = handle_one

        def reply(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Not into the tests' output."""

    door = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    serving = threading.Thread(target=door.serve_forever)
    serving.start()
    yield f"http://127.0.0.1:{door.server_address[1]}"
    door.shutdown()
    serving.join()
    door.server_close()
