"""Whatever is done to the folder, in whatever order, the index is the folder: against a plain dictionary as the model."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from contents import assert_whole
from hash_embedder import HashEmbedder
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from index.folder import FolderIndex

names = st.sampled_from(
    [f"{folder}{name}.{ending}" for folder in ("", "a/", "b/c/") for name in "xyz" for ending in ("txt", "md")]
)
texts = st.text(st.sampled_from("abc éñ .\n\r😀漢"), max_size=200)


class Folder(RuleBasedStateMachine):
    """Files are added, edited, renamed, copied, touched and deleted, singly and by folders, between syncs and restarts."""

    files = Bundle("files")

    @initialize()
    def begin(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="footnote-state-"))
        self.folder = self.home / "folder"
        self.folder.mkdir()
        self.model: dict[str, bytes] = {}
        self.synced = True
        self.index = FolderIndex.open(self.folder, self.home / "data", HashEmbedder())

    def write(self, name: str, data: bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self.model[name] = data
        self.synced = False

    @rule(target=files, name=names, text=texts)
    def add_or_overwrite(self, name: str, text: str) -> str:
        self.write(name, text.encode())
        return name

    @rule(name=files, text=texts)
    def append(self, name: str, text: str) -> None:
        if name in self.model:
            self.write(name, self.model[name] + text.encode())

    @rule(target=files, old=consumes(files), new=names)
    def rename(self, old: str, new: str) -> object:
        if old not in self.model:
            return multiple()
        (self.folder / new).parent.mkdir(parents=True, exist_ok=True)
        os.replace(self.folder / old, self.folder / new)
        self.model[new] = self.model.pop(old) if old != new else self.model[old]
        self.synced = False
        return new

    @rule(target=files, old=files, new=names)
    def copy(self, old: str, new: str) -> object:
        if old not in self.model:
            return multiple()
        self.write(new, self.model[old])
        return new

    @rule(name=consumes(files))
    def delete(self, name: str) -> None:
        if self.model.pop(name, None) is not None:
            (self.folder / name).unlink()
            self.synced = False

    @rule(folder=st.sampled_from(["a", "b"]))
    def delete_a_whole_folder(self, folder: str) -> None:
        shutil.rmtree(self.folder / folder, ignore_errors=True)
        self.model = {name: data for name, data in self.model.items() if not name.startswith(f"{folder}/")}
        self.synced = False

    @rule(name=files)
    def touch(self, name: str) -> None:
        if name in self.model:
            os.utime(self.folder / name)
            self.synced = False

    @rule()
    def sync(self) -> None:
        if self.index.sync().gone:
            self.index.forget_gone()
            self.index.sync()
        self.synced = True

    @rule()
    def sync_again(self) -> None:
        self.sync()
        assert self.index.sync().embedded == 0
        self.synced = True

    @rule()
    def start_anew(self) -> None:
        self.index.close()
        self.index = FolderIndex.open(self.folder, self.home / "data", HashEmbedder())

    @invariant()
    def the_index_is_the_folder(self) -> None:
        if not self.synced:
            return
        assert_whole(self.index)
        assert {file.source for file in self.index.files()} == self.model.keys()
        for name, data in self.model.items():
            document = self.index.document(name)
            assert document is not None, name
            assert document.text.encode() == data

    def teardown(self) -> None:
        if hasattr(self, "index"):
            self.index.close()
            shutil.rmtree(self.home)


TestFolder = Folder.TestCase
TestFolder.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
