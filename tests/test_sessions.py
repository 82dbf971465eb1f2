"""Twenty sessions ask while the folder changes and is indexed again.

The pass rule: no answer rests on two versions of a document, each of its quotes stands in the version that it names, no
version is older than what the last finished sync left, and no session is shown a word of another's.
"""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest
from hash_embedder import HashEmbedder

from assistant.history import History
from assistant.library import Library
from assistant.types import Answer
from index.folder import FolderIndex

SESSIONS = 20
TOPICS = ("engine", "harbour", "orchard", "treaty", "bridge", "lantern")


def text(topic: str, version: int) -> str:
    sentences = [
        f"In version {version} the {topic} report number {n} says that the {topic} is in order." for n in range(12)
    ]
    return "\n\n".join(sentences)


@pytest.mark.parametrize("questions", [10, pytest.param(100, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])])
def test_twenty_sessions_asking_during_reindexing_see_one_version_each_and_no_other_session(
    tmp_path: Path, questions: int
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    versions: dict[tuple[str, str], int] = {}  # (source, hash of the file) -> version
    texts: dict[tuple[str, int], str] = {}

    def write(version: int) -> None:
        for topic in TOPICS:
            source, words = f"{topic}.txt", text(topic, version)
            texts[source, version] = words
            versions[source, hashlib.sha256(words.encode()).hexdigest()] = version
            (folder / source).write_text(words)

    write(0)
    index = FolderIndex.open(folder, tmp_path / "data", HashEmbedder())
    library = Library(index, History(tmp_path / "history.sqlite"), None)
    library.sync()
    settled = [0]  # the version that the last finished sync left
    stop = threading.Event()
    faults: list[str] = []
    answered = [0] * SESSIONS

    def reindex() -> None:
        version = 0
        while not stop.is_set():
            version += 1
            write(version)
            library.sync()
            settled[0] = version

    def check(answer: Answer, oldest: int) -> None:
        seen: dict[str, int] = {}
        for citation in (*answer.citations, *answer.closest):
            version = versions[citation.source, citation.content_hash]
            assert seen.setdefault(citation.source, version) == version, "an answer mixes two versions"
            assert texts[citation.source, version][citation.start : citation.end] == citation.quote
            assert f"version {version} " in citation.quote
            assert version >= oldest, "an answer rests on text that was gone before it was asked"

    def session(number: int) -> None:
        try:
            conversation = library.history.start()
            for asked in range(questions):
                topic = TOPICS[(number + asked) % len(TOPICS)]
                question = f"What does session {number} read in the {topic} report number {asked % 12}?"
                turn = library.history.add_question(conversation, question)
                oldest = settled[0]
                *_, answer = library.ask(question, library.history.turns(conversation)[:-1])
                check(answer, oldest)
                answered[number] += answer.found
                library.history.save_answer(turn, answer)
            turns = library.history.turns(conversation)
            assert len(turns) == questions
            assert all(f"session {number} " in turn.question for turn in turns)
            assert all(turn.answer is not None and turn.answer.question == turn.question for turn in turns)
        except Exception as fault:  # noqa: BLE001  told by the test's own thread
            faults.append(f"session {number}: {type(fault).__name__}: {fault}")

    indexing = threading.Thread(target=reindex)
    sessions = [threading.Thread(target=session, args=(number,)) for number in range(SESSIONS)]
    indexing.start()
    for thread in sessions:
        thread.start()
    for thread in sessions:
        thread.join()
    stop.set()
    indexing.join()
    index.close()
    print(f"{SESSIONS * questions} questions, {sum(answered)} answered, during {settled[0]} syncs")
    assert faults == []
    assert settled[0] >= 2, "nothing was indexed again"
    assert all(answered), "a session was never answered"
