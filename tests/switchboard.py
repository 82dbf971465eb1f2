"""Forks the commands of `footnote`, each a process of its own. Everything slow is imported once, before the first fork.

python tests/switchboard.py     reads lines of JSON [words, environment, folder to run in, files for what is printed and
                                for what is said of errors]; for each, once it has ended, prints its exit code.
"""

from __future__ import annotations

import json
import os
import sys
import traceback

import chromadb  # noqa: F401  imported for its forks, as the next ones are
import onnxruntime  # noqa: F401

import assistant.library  # noqa: F401
from assistant.cli import app


def main() -> None:
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os._exit(_run(*json.loads(line)))
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _run(words: list[str], environment: dict[str, str], place: str, output: str, errors: str) -> int:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, path in ((1, output), (2, errors)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(place)
    try:
        app(words, prog_name="footnote")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1 if ended.code else 0
    except BaseException:  # noqa: BLE001  what would end it with a traceback must do so here
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    main()
