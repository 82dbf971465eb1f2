"""The command line as a person runs it: a process of its own, its output, its exit code.

Most are forked from one that has all the libraries loaded already, which would be most of the work of each.
"""

from __future__ import annotations

import json
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import faulty_endpoint
import pytest
import servers

SEEDS = Path(__file__).parent.parent / "seeds"
SEED = next(SEEDS.glob("*.txt"))

Run = Callable[..., subprocess.CompletedProcess[str]]


def environment(data_dir: Path, **more: str) -> dict[str, str]:
    return servers.environment(**{"FOOTNOTE_DATA_DIR": str(data_dir), "COLUMNS": "100", **more})


@pytest.fixture
def run_anew(data_dir: Path) -> Run:
    """Run a command with nothing loaded."""

    def footnote(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("footnote")), *words]
        variables = environment(data_dir, **more)
        return subprocess.run(command, capture_output=True, text=True, env=variables, cwd=SEEDS.parent, timeout=120)

    return footnote


@pytest.fixture(scope="module")
def switchboard() -> Iterator[subprocess.Popen[str]]:
    with servers.forking(Path(__file__).with_name("switchboard.py")) as process:
        yield process


@pytest.fixture
def run(switchboard: subprocess.Popen[str], data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    place = tmp_path_factory.mktemp("printed")
    output, errors = place / "output", place / "errors"

    def footnote(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        assert switchboard.stdin is not None
        assert switchboard.stdout is not None
        call = (words, environment(data_dir, **more), str(SEEDS.parent), str(output), str(errors))
        switchboard.stdin.write(json.dumps(call) + "\n")
        switchboard.stdin.flush()
        code = int(switchboard.stdout.readline())
        return subprocess.CompletedProcess(words, code, output.read_text("utf-8"), errors.read_text("utf-8"))

    return footnote


def told(result: subprocess.CompletedProcess[str]) -> str:
    """The one sentence of an error: exit code 1, nothing on stdout, no traceback."""
    assert result.returncode == 1, result
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return result.stderr


def test_a_question_is_answered_with_a_sentence_and_a_footnote_to_file_and_line(run_anew: Run) -> None:
    result = run_anew("ask", "Who did the US Deputy Secretary of State meet?")
    assert result.returncode == 0
    answer, _, footnotes = result.stdout.partition("\n\n")
    assert "U.S. Deputy Secretary of State met with the Russian Deputy Foreign Minister" in answer
    assert answer.splitlines()[0].endswith("[1]")
    assert footnotes.startswith(f"[1] {SEED.name}, line 1")


def test_what_the_documents_do_not_hold_is_said_to_be_not_there(run: Run) -> None:
    result = run("ask", "What is the capital of Australia?")
    assert result.returncode == 0
    assert result.stdout.startswith("The documents do not hold the answer.")
    assert "[1]" not in result.stdout


def test_json_cites_the_very_characters_of_the_file(run: Run) -> None:
    answer = json.loads(run("ask", "--json", "What did Sherman say about troop levels?").stdout)
    text = SEED.read_text(encoding="utf-8")
    citations = [citation for sentence in answer["sentences"] for citation in sentence["citations"]]
    assert citations
    for citation in citations:
        assert text[citation["start"] : citation["end"]] == citation["quote"]
        assert text[: citation["start"]].count("\n") + 1 == citation["line"]
    assert all(sentence["support"] == "quoted" for sentence in answer["sentences"])


def test_the_next_best_sentences_are_offered_and_given_on_demand(run: Run) -> None:
    question = "What did Sherman say about troop levels?"
    first = json.loads(run("ask", "--json", question).stdout)
    assert first["more"] > 0
    assert f"{first['more']} further sentences come near." in run("ask", question).stdout
    answers = json.loads(run("ask", "--json", "--more", question).stdout)
    assert answers[0] == first
    quotes = [sentence["text"] for answer in answers for sentence in answer["sentences"]]
    assert len(quotes) == len(set(quotes)) >= len(first["sentences"]) + first["more"]
    assert answers[-1]["more"] == 0
    printed = run("ask", "--more", question).stdout
    assert all(quote in printed for quote in quotes if "\n" not in quote)


@pytest.mark.slow
def test_the_same_question_four_times_cites_the_same(run: Run) -> None:
    assert len({run("ask", "--json", "What does Russia want?").stdout for _ in range(4)}) == 1


def test_a_second_index_of_an_unchanged_folder_embeds_nothing(run_anew: Run) -> None:
    run_anew("index", "seeds")
    again = run_anew("index", "seeds")
    assert again.returncode == 0
    assert "1 unchanged; 0 passages embedded" in again.stdout


def test_a_dry_run_says_what_would_be_done_and_does_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("A sentence about apples.")
    for _ in range(2):
        result = run("index", "--dry-run", str(tmp_path))
        assert result.returncode == 0
        assert result.stdout == "add     a.txt\n"


@pytest.mark.slow
def test_documents_that_went_all_at_once_are_told_of_until_it_is_confirmed(run: Run, tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / f"{number}.txt").write_text(f"Report {number} is about the engine.")
    assert "went from the folder" not in run("index", str(tmp_path)).stderr
    for number in range(7):
        (tmp_path / f"{number}.txt").unlink()
    for _ in range(2):
        result = run("index", str(tmp_path))
        assert result.returncode == 0
        assert "7 documents, more than half of all, went from the folder at once" in result.stderr
    assert "went from" not in run("index", "--removed", str(tmp_path)).stderr
    assert "went from" not in run("index", str(tmp_path)).stderr


def test_status_lists_what_is_not_read_with_the_reason(run: Run, tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("A sentence about apples.")
    (tmp_path / "program.exe").write_bytes(b"MZ\0\0")
    indexed = run("index", str(tmp_path))
    assert indexed.returncode == 0
    assert "program.exe" in indexed.stderr
    status = run("status", str(tmp_path)).stdout
    assert "Documents   1, in 1 passage" in status
    assert "skipped     program.exe: " in status


def test_an_unreadable_file_is_named_and_the_others_still_answer(run: Run, tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("The apples in the orchard are red.")
    (tmp_path / "bad.txt").write_bytes(b"\0\1\2\3" * 100)
    result = run("ask", "--folder", str(tmp_path), "What colour are the apples in the orchard?")
    assert result.returncode == 0
    assert "The apples in the orchard are red. [1]" in result.stdout
    assert "bad.txt" in result.stderr


def test_a_folder_of_unreadable_files_alone_is_told_and_indexing_one_ends_with_1(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_bytes(b"\0\1\2\3" * 100)
    errors = told(run("ask", "-f", str(tmp_path), "Who?"))
    assert "bad.txt" in errors
    assert "None of the files" in errors
    indexed = run("index", str(tmp_path))
    assert indexed.returncode == 1
    assert "1 file could not be read" in indexed.stderr
    assert "Traceback" not in indexed.stderr


def test_a_folder_that_is_not_there_is_told_in_a_sentence(run: Run, tmp_path: Path) -> None:
    missing = tmp_path / "none"
    assert f"There is no folder {missing}" in told(run("ask", "-f", str(missing), "Who?"))
    assert f"There is no folder {missing}" in told(run(str(missing)))
    assert "is a file" in told(run("index", str(SEED)))


def test_the_doctor_says_what_was_damaged_and_mends_it(run: Run, data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("The apples in the orchard are red.")
    run("index", str(tmp_path))
    well = run("doctor", str(tmp_path))
    assert well.returncode == 0
    assert well.stdout == "All is well: 1 document in 1 passage, 0 conversations.\n"
    (manifest,) = data_dir.glob(f"folders/{tmp_path.name}-*/index-*/manifest.sqlite")
    manifest.write_bytes(manifest.read_bytes().replace(b"orchard are red", b"orchard are raw"))
    mended = run("doctor", str(tmp_path))
    assert mended.returncode == 0
    assert "The index was damaged" in mended.stdout
    assert mended.stdout.endswith("Mended: 1 document in 1 passage, 0 conversations.\n")
    assert "are red. [1]" in run("ask", "-f", str(tmp_path), "What colour are the apples in the orchard?").stdout


def test_no_name_reason_or_quote_reaches_the_terminal_with_a_character_that_acts_on_it(
    run: Run, tmp_path: Path
) -> None:
    evil = "\x1b[2J\x1b]0;gone\x07\nfootnote: all is well\r\x9b31m\u202egpj"
    folder = tmp_path / f"documents{evil}"
    folder.mkdir()
    (folder / f"good{evil}.txt").write_text(
        f"The apples in the \x1b[31m\u202e orchard are red.\n\n{'Pears are green. ' * 40}"
    )
    (folder / f"bad{evil}.docx").write_bytes(f"PK{evil}".encode())
    (folder / f"none.{evil}").write_text("words")
    question = ("-f", str(folder), "What colour are the apples in the orchard?")
    outcomes = [
        run("index", "--dry-run", str(folder)),
        run("index", str(folder)),
        run("status", str(folder)),
        run("ask", *question),
        run("ask", "--json", *question),
        run("ask", "-f", str(folder), "What is the capital of Australia?"),
        run("ask", "-f", str(folder / "gone"), "Who?"),
        run("doctor", str(folder)),
    ]
    (folder / f"good{evil}.txt").rename(folder / f"moved{evil}.txt")
    outcomes.append(run("index", "--dry-run", str(folder)))
    for outcome in outcomes:
        told = outcome.stdout + outcome.stderr
        assert told.strip(), outcome
        assert {c for c in told if not c.isprintable()} <= {"\n"}, outcome
        assert not any(line.startswith("footnote: all is well") for line in told.splitlines())
    assert outcomes[4].returncode == 0, outcomes[4]
    answer = json.loads(outcomes[4].stdout)
    assert answer["sentences"][0]["citations"][0]["source"] == f"good{evil}.txt"


def test_a_data_folder_that_cannot_be_made_is_told_in_a_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in the way").write_text("")
    for words in (("ask", "Who?"), ("index",), ("status",)):
        errors = told(run(*words, FOOTNOTE_DATA_DIR=str(tmp_path / "in the way")))
        assert "cannot be written (Not a directory)" in errors
        assert errors.count("\n") == 1


def test_an_empty_folder_is_told_in_a_sentence(run: Run, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no documents" in told(run("ask", "-f", str(empty), "Who?"))


def test_an_endpoint_that_is_down_is_told_and_the_documents_own_words_are_given(run: Run) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
    result = run("ask", "What does Russia want?", OPENAI_BASE_URL=url, FOOTNOTE_MODEL="any")
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert url in result.stderr
    assert "Russia wants a guarantee" in result.stdout


def test_a_wrong_key_is_told_without_the_key(run: Run) -> None:
    refused = faulty_endpoint.Reply({"error": {"message": "Incorrect API key provided"}}, status=401)
    with faulty_endpoint.faulty_endpoint(refused) as endpoint:
        result = run(
            "ask",
            "What does Russia want?",
            OPENAI_BASE_URL=endpoint.base_url,
            OPENAI_API_KEY="sk-wrong",
            FOOTNOTE_MODEL="any",
        )
    assert result.returncode == 1
    assert "OPENAI_API_KEY" in result.stderr
    assert "sk-wrong" not in result.stdout + result.stderr
    assert "Traceback" not in result.stderr


def test_a_setting_that_cannot_be_used_is_told_in_a_sentence(run: Run) -> None:
    assert "OPENAI_BASE_URL" in told(run("ask", "Who?", OPENAI_BASE_URL="nonsense"))


def test_wrong_usage_ends_with_2(run_anew: Run) -> None:
    assert run_anew("ask").returncode == 2
    assert run_anew("index", "--no-such-option").returncode == 2


def test_the_version_and_the_help_are_printed(run: Run, run_anew: Run) -> None:
    assert run_anew("--version").stdout.startswith("footnote 0.")
    for words in ((), ("ask",), ("index",), ("status",), ("chat",)):
        result = run(*words, "--help")
        assert result.returncode == 0
        assert "Usage" in result.stdout


def kept_embeddings(data_dir: Path, folder: Path) -> int:
    """How many passages' embeddings the index of a folder has kept, whether or not it is done."""
    for manifest in data_dir.glob(f"folders/{folder.name}-*/index-*/manifest.sqlite"):
        with closing(sqlite3.connect(manifest, timeout=10)) as connection:
            try:
                return int(connection.execute("SELECT count(*) FROM vectors").fetchone()[0])
            except sqlite3.OperationalError:
                return 0  # its tables are not made yet
    return 0


@pytest.mark.parametrize("kept_before", [pytest.param(0, marks=pytest.mark.slow), 128])
def test_ctrl_c_ends_a_long_index_run_in_a_sentence_and_a_rerun_embeds_nothing_twice(
    run: Run, data_dir: Path, tmp_path: Path, kept_before: int
) -> None:
    folder = tmp_path / f"long-{kept_before}"
    folder.mkdir()
    for number in range(300):
        (folder / f"{number}.txt").write_text(f"Document {number} is about the number {number}. " * 4)
    command = [str(Path(sys.executable).with_name("footnote")), "index", str(folder)]
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(data_dir)
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and running.poll() is None:
        if any(data_dir.glob(f"folders/{folder.name}-*")) and kept_embeddings(data_dir, folder) >= kept_before:
            break
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    output, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    assert output == ""
    assert errors.strip() == "footnote: stopped. What is finished is kept; run it again to go on."
    kept = kept_embeddings(data_dir, folder)
    assert kept_before <= kept < 300
    again = run("index", str(folder))
    assert again.returncode == 0
    embedded = re.search(r"(\d+) passages embedded", again.stdout)
    assert embedded is not None
    assert int(embedded[1]) == kept_embeddings(data_dir, folder) - kept
    assert "Documents   300," in run("status", str(folder)).stdout


def test_ctrl_c_while_the_window_starts_ends_it_without_a_traceback(data_dir: Path) -> None:
    command = [str(Path(sys.executable).with_name("footnote")), "chat", "--no-browser"]
    for moment in (0.1, 0.6, 0.8, 0.95, 1.1):  # Streamlit's server starts about the middle ones on a fast machine
        starting = subprocess.Popen(
            [*command, "--port", str(servers.free_port())],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(data_dir),
            cwd=SEEDS.parent,
        )
        assert starting.stdout is not None
        assert starting.stdout.readline().startswith("Footnote is open at")
        time.sleep(moment)
        starting.send_signal(signal.SIGINT)
        _, errors = starting.communicate(timeout=60)
        assert starting.returncode in (0, 130)  # 0 where the server ran already, and ended itself
        assert "Traceback" not in errors


def test_an_index_built_anew_is_said_with_its_reason(run: Run, data_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "settings"
    folder.mkdir()
    (folder / "a.txt").write_text("The ferry leaves at nine.")
    assert run("index", str(folder)).stderr.strip() == ""
    (made,) = data_dir.glob(f"folders/{folder.name}-*/index-*")
    with closing(sqlite3.connect(made / "manifest.sqlite")) as connection:
        settings = json.loads(connection.execute("SELECT value FROM meta WHERE key = 'settings'").fetchone()[0])
        older = json.dumps({**settings, "passages": "0/512"})
        connection.execute("UPDATE meta SET value = ? WHERE key = 'settings'", (older,))
        connection.commit()
    made.rename(made.with_name("index-older"))
    again = run("index", str(folder))
    assert again.returncode == 0
    assert again.stderr.strip() == (
        "footnote: The index is built anew because the size of passages changed. Until it is complete, the one before "
        "answers, without what has changed in the folder since."
    )
    assert run("index", str(folder)).stderr.strip() == ""
    assert list(data_dir.glob(f"folders/{folder.name}-*/index-*")) == [made]


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """A folder with the same words in two parts, one of them dated."""
    for name, text in {
        "old/harbour.txt": "The harbour was dredged to a depth of nine metres.",
        "new/harbour.md": "---\ntitle: Port\nauthor: Ann Lee\ndate: 2022-03-01\n---\n\nThe harbour was dredged to twelve metres.",
    }.items():
        (tmp_path / "reports" / name).parent.mkdir(parents=True)
        (tmp_path / "reports" / name).write_text(text, encoding="utf-8")
    return tmp_path / "reports"


def test_a_question_can_be_asked_of_a_part_of_the_folder(run: Run, reports: Path) -> None:
    ask = ("ask", "How deep was the harbour dredged?", "--folder", str(reports))
    assert "nine metres" in run(*ask, "--in", "old").stdout
    assert "nine metres" in run(*ask, "--in", str(reports / "old" / "harbour.txt")).stdout
    dated = run(*ask, "--since", "2022").stdout
    assert "twelve metres" in dated
    assert "nine" not in dated
    assert "[1] new/harbour.md, line 7 (“Port”, Ann Lee, 2022-03-01)" in dated


def test_a_part_that_is_not_there_is_said_in_a_sentence(run: Run, reports: Path) -> None:
    ask = ("ask", "How deep was the harbour dredged?", "--folder", str(reports))
    assert "No document that can be asked is in older." in told(run(*ask, "--in", "older"))
    assert "leads out of the folder" in told(run(*ask, "--in", "../elsewhere"))
    assert "Write it as 2022-01-31" in told(run(*ask, "--until", "May"))


@pytest.mark.slow
def test_the_index_can_lie_in_a_chroma_server(run: Run, reports: Path, chroma_server: str) -> None:
    from chromadb import HttpClient

    ask = ("ask", "How deep was the harbour dredged?", "--folder", str(reports))
    before = {
        collection.name for collection in HttpClient(port=int(chroma_server.rsplit(":", 1)[1])).list_collections()
    }
    by_option = run(*ask, "--chroma-url", chroma_server)
    assert "metres" in by_option.stdout
    client = HttpClient(port=int(chroma_server.rsplit(":", 1)[1]))
    [made] = [collection for collection in client.list_collections() if collection.name not in before]
    assert {row["source"] for row in made.get()["metadatas"] or ()} == {"old/harbour.txt", "new/harbour.md"}
    assert run(*ask, FOOTNOTE_CHROMA_URL=chroma_server).stdout == by_option.stdout
    assert "The Chroma server at http://127.0.0.1:9 does not answer" in told(
        run("index", str(reports), "--chroma-url", "http://127.0.0.1:9")
    )
    assert "as http://localhost:8000" in told(run("index", str(reports), "--chroma-url", "localhost"))
