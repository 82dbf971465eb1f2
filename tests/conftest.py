"""Fixtures that more than one file of tests uses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import llama_server
import pytest


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[llama_server.LlamaServer]:
    """A real llama.cpp server for the whole session; a test that ends its server starts one of its own."""
    server = llama_server.start(tmp_path_factory.mktemp("llama") / "log.txt")
    yield server
    server.kill()


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data folder for the session, so that the model's graph is built once; every folder has its own index in it."""
    return tmp_path_factory.mktemp("data")
