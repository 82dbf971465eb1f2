"""One contender of `bench/rate.py`: it takes work on standard input and says how long each piece took.

    python contenders.py NAME MODEL      # MODEL is a folder of sentence-transformers with the weights all share

Each line read is a JSON object; each line written answers one:

- {"texts": [...], "into": PATH}: embed the texts, as a batch the contender may cut as it likes; the vectors, float32 of
  shape (texts, dimensions), are kept in PATH as a .npy. Answered by {"seconds": S}.
- {"folder": PATH, "place": PATH}: index the documents of a folder, with what is kept in a place that is empty.
  Answered by {"seconds": S, "passages": N}.

Every contender is used as its documentation tells, on the processor, with nothing tuned. Imports and the loading of the
model are not timed. Imported by nothing: the peers run in an environment of their own, which Footnote is not part of.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error", "TOKENIZERS_PARALLELISM": "true"}


class Contender(Protocol):
    def embed(self, texts: list[str]) -> Any: ...

    def index(self, folder: Path, place: Path) -> int: ...


class Footnote:
    """What ships: `index.embedding.MiniLM`, and a sync of `index.folder.FolderIndex`."""

    def __init__(self, model: Path) -> None:
        from index.embedding import MiniLM

        self._embedder = MiniLM(model.parent / "footnote-models")
        self.embed = self._embedder.embed_passages

    def index(self, folder: Path, place: Path) -> int:
        from index.folder import FolderIndex

        index = FolderIndex.open(folder, place, self._embedder)
        index.sync()
        passages = sum(file.passages for file in index.files())
        index.close()
        return passages


class SentenceTransformers:
    """The library that the model was published with, on torch; a folder's texts whole into a collection of Chroma."""

    def __init__(self, model: Path) -> None:
        from sentence_transformers import SentenceTransformer

        self._model = SentenceTransformer(str(model), device="cpu")

    def embed(self, texts: list[str]) -> Any:
        return self._model.encode(texts)

    def index(self, folder: Path, place: Path) -> int:
        texts = texts_of(folder)
        collection = chroma(place)
        for some in batches(list(texts), 1000):
            collection.add(
                ids=some, documents=[texts[id_] for id_ in some], embeddings=self.embed([*map(texts.get, some)])
            )
        return len(texts)


class Chroma:
    """Chroma's own embedding function, and a collection with it. Its ONNX graph is exported from the same weights."""

    def __init__(self, model: Path) -> None:
        from chromadb.utils.embedding_functions import ONNXMiniLM_L6_V2

        class Local(ONNXMiniLM_L6_V2):
            DOWNLOAD_PATH = exported(model)

        self._function = Local()

    def embed(self, texts: list[str]) -> Any:
        return self._function(texts)

    def index(self, folder: Path, place: Path) -> int:
        texts = texts_of(folder)
        collection = chroma(place, embedding_function=self._function)
        for some in batches(list(texts), 1000):
            collection.add(ids=some, documents=[texts[id_] for id_ in some])
        return len(texts)


class LlamaIndex:
    """SimpleDirectoryReader, an IngestionPipeline with SentenceSplitter, and a VectorStoreIndex over Chroma."""

    def __init__(self, model: Path) -> None:
        from llama_index.embeddings.huggingface import HuggingFaceEmbedding

        self._model = HuggingFaceEmbedding(str(model), device="cpu")

    def embed(self, texts: list[str]) -> Any:
        return self._model.get_text_embedding_batch(texts)

    def index(self, folder: Path, place: Path) -> int:
        from llama_index.core import SimpleDirectoryReader, VectorStoreIndex
        from llama_index.core.ingestion import IngestionPipeline
        from llama_index.core.node_parser import SentenceSplitter
        from llama_index.vector_stores.chroma import ChromaVectorStore

        store = ChromaVectorStore(chroma_collection=chroma(place))
        splitter = SentenceSplitter(chunk_size=200, chunk_overlap=0)  # about as long as Footnote's passages
        pipeline = IngestionPipeline(transformations=[splitter, self._model], vector_store=store)
        nodes = pipeline.run(documents=SimpleDirectoryReader(str(folder), recursive=True).load_data())
        VectorStoreIndex.from_vector_store(store, embed_model=self._model)
        return len(nodes)


class Txtai:
    """txtai's Embeddings, with the contents kept."""

    def __init__(self, model: Path) -> None:
        from txtai import Embeddings

        self._path = str(model)
        self._open: Callable[..., Any] = Embeddings
        self._model = Embeddings(path=self._path, gpu=False)

    def embed(self, texts: list[str]) -> Any:
        return self._model.batchtransform(texts)

    def index(self, folder: Path, place: Path) -> int:
        texts = texts_of(folder)
        embeddings = self._open(path=self._path, gpu=False, content=True)
        embeddings.index(texts.items())
        embeddings.save(str(place / "txtai"))
        return len(texts)


CONTENDERS: dict[str, Callable[[Path], Contender]] = {
    "Footnote": Footnote,
    "sentence-transformers": SentenceTransformers,
    "Chroma": Chroma,
    "llama-index": LlamaIndex,
    "txtai": Txtai,
}


def texts_of(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.txt"))}


def batches(ids: list[str], size: int) -> list[list[str]]:
    return [ids[at : at + size] for at in range(0, len(ids), size)]


def chroma(place: Path, **settings: Any) -> Any:
    import chromadb

    return chromadb.PersistentClient(str(place / "chroma")).create_collection("documents", **settings)


def exported(model: Path) -> Path:
    """The folder that Chroma's function reads its graph from, made as the one it downloads was: exported by torch."""
    import torch
    from transformers import AutoModel

    folder = model.parent / "chroma-onnx"
    target = folder / "onnx"
    if not (target / "model.onnx").exists():
        target.mkdir(parents=True, exist_ok=True)
        for name in ("config.json", "special_tokens_map.json", "tokenizer_config.json", "tokenizer.json", "vocab.txt"):
            shutil.copyfile(model / name, target / name)

        class States(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.bert = AutoModel.from_pretrained(str(model), attn_implementation="eager")

            def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
                return self.bert(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)[0]

        names = ["input_ids", "attention_mask", "token_type_ids"]
        torch.onnx.export(
            States().eval(),
            tuple(torch.ones(2, 8, dtype=torch.long) for _ in names),
            str(target / "model.onnx"),
            input_names=names,
            output_names=["last_hidden_state"],
            dynamic_axes={name: {0: "batch", 1: "sequence"} for name in [*names, "last_hidden_state"]},
            opset_version=14,
            dynamo=False,
        )
    return folder


def main() -> None:
    import numpy as np

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    name, model = sys.argv[1], Path(sys.argv[2])
    contender = CONTENDERS[name](model)
    contender.embed(["Loaded."])
    print(json.dumps({"ready": name}), file=answers, flush=True)
    for line in sys.stdin:
        work = json.loads(line)
        started = time.perf_counter()
        if "texts" in work:
            vectors = contender.embed(work["texts"])
            answer = {"seconds": time.perf_counter() - started}
            np.save(work["into"], np.asarray(vectors, np.float32))
        else:
            passages = contender.index(Path(work["folder"]), Path(work["place"]))
            answer = {"seconds": time.perf_counter() - started, "passages": passages}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
