"""all-MiniLM-L6-v2 as an ONNX graph, built from its safetensors without torch.

The layers are BERT's (Devlin et al. 2018): embeddings, then per layer self-attention and a GELU feed-forward, each with
a residual and a layer norm. Attention and bias-GELU use onnxruntime's fused operators. Pooling and the norm are part of
the graph, so that its output is the sentence embedding.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

_FUSED = "com.microsoft"
_OPSET = 20
_IR_VERSION = 9


class _Graph:
    """Nodes and constants as they are added; each operator's output gets a fresh name."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, value: NDArray[Any]) -> str:
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, operator: str, *inputs: str, domain: str = "", output: str = "", **attributes: Any) -> str:
        from onnx import helper

        output = output or f"value_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], domain=domain, **attributes))
        return output


def build_graph(model_dir: Path) -> bytes:
    """The serialised graph: input_ids and attention_mask, int64 (batch, length) -> embedding, float32 (batch, 384)."""
    import onnx
    from onnx import TensorProto, helper
    from safetensors.numpy import load_file

    config = json.loads((model_dir / "config.json").read_text(encoding="utf-8"))
    weights = load_file(str(model_dir / "model.safetensors"))
    epsilon = float(config["layer_norm_eps"])
    graph = _Graph()

    def parameter(name: str) -> str:
        return graph.constant(weights[name])

    def projected(x: str, layer: str) -> str:
        return graph.add("MatMul", x, graph.constant(weights[f"{layer}.weight"].T))

    def normed(x: str, layer: str) -> str:
        scale, bias = parameter(f"{layer}.weight"), parameter(f"{layer}.bias")
        return graph.add("LayerNormalization", x, scale, bias, axis=-1, epsilon=epsilon)

    ids, mask = "input_ids", "attention_mask"
    length = graph.add("Gather", graph.add("Shape", ids), graph.constant(np.array([1], np.int64)))
    zero = graph.constant(np.array([0], np.int64))
    # Only token type 0 is ever used, so its embedding is folded into the positions'.
    positions = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    words = graph.add("Gather", parameter("embeddings.word_embeddings.weight"), ids)
    states = graph.add("Add", words, graph.add("Slice", graph.constant(positions), zero, length, zero))
    states = normed(states, "embeddings.LayerNorm")
    mask_int = graph.add("Cast", mask, to=TensorProto.INT32)
    for number in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{number}"
        parts = [f"{layer}.attention.self.{part}" for part in ("query", "key", "value")]
        qkv = graph.constant(np.concatenate([weights[f"{part}.weight"].T for part in parts], axis=1))
        qkv_bias = graph.constant(np.concatenate([weights[f"{part}.bias"] for part in parts]))
        heads = config["num_attention_heads"]
        attended = graph.add("Attention", states, qkv, qkv_bias, mask_int, domain=_FUSED, num_heads=heads)
        output = f"{layer}.attention.output"
        attended = graph.add("Add", projected(attended, f"{output}.dense"), parameter(f"{output}.dense.bias"))
        states = normed(graph.add("Add", states, attended), f"{output}.LayerNorm")
        wide = projected(states, f"{layer}.intermediate.dense")
        wide = graph.add("BiasGelu", wide, parameter(f"{layer}.intermediate.dense.bias"), domain=_FUSED)
        narrow = graph.add("Add", projected(wide, f"{layer}.output.dense"), parameter(f"{layer}.output.dense.bias"))
        states = normed(graph.add("Add", states, narrow), f"{layer}.output.LayerNorm")
    weight = graph.add("Cast", mask, to=TensorProto.FLOAT)
    weight = graph.add("Unsqueeze", weight, graph.constant(np.array([2], np.int64)))
    along_tokens = graph.constant(np.array([1], np.int64))
    total = graph.add("ReduceSum", graph.add("Mul", states, weight), along_tokens, keepdims=0)
    mean = graph.add("Div", total, graph.add("ReduceSum", weight, along_tokens, keepdims=0))
    norm = graph.add("ReduceL2", mean, along_tokens, keepdims=1)
    norm = graph.add("Max", norm, graph.constant(np.array(1e-12, np.float32)))
    graph.add("Div", mean, norm, output="embedding")
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "all-MiniLM-L6-v2",
            [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"]) for name in (ids, mask)],
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", config["hidden_size"]])],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", _OPSET), helper.make_opsetid(_FUSED, 1)],
    )
    model.ir_version = _IR_VERSION
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
