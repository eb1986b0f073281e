"""A tagger of an archive as a model of torch again: the weights of 8 bits that it ships with, in full precision."""

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from careloom.errors import SetupError
from careloom.text.encoder_torch import Encoder, Shape, Tagger
from careloom.text.tagger import NAMES

_ATTENTION, _MAP = "QAttention", "MatMulInteger"
_MAPS = ("out", "wide", "narrow")
"""The maps of a layer behind its attention, in the order in which they are made."""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A model with what it reads by.

    vocabulary  the pieces, in order
    names       of its gazetteer, by kind
    """

    tagger: Tagger
    vocabulary: tuple[str, ...]
    names: tuple[tuple[str, str], ...]


def unpacked(archive: bytes) -> Unpacked:
    """What `careloom.text.training_torch.packed` made. raises SetupError where it did not"""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as members:
            model, vocabulary, heads = (members.read(name) for name in ("model.onnx", "vocab.txt", "heads.json"))
            lines = members.read(NAMES).decode().split("\n") if NAMES in members.namelist() else []
        tagger = _tagger(onnx.load_model_from_string(model), {k: tuple(v) for k, v in json.loads(heads).items()})
    except (KeyError, ValueError, IndexError, RuntimeError, StopIteration, zipfile.BadZipFile) as error:
        raise SetupError(
            f"the teacher does not load: {type(error).__name__}", "Name an archive of `careloom train ner`."
        ) from None
    names = tuple((kind, name) for kind, _, name in (line.partition("\t") for line in lines))
    return Unpacked(tagger, tuple(vocabulary.decode().split("\n")), names)


def _tagger(model: onnx.ModelProto, heads: dict[str, tuple[str, ...]]) -> Tagger:
    held = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    state = {name: torch.tensor(value) for name, value in held.items() if name.endswith((".weight", ".bias"))}
    state = {name: value for name, value in state.items() if name.startswith(("encoder.", "heads."))}
    for name in [one for one in held if one.endswith("_quantized") and one.startswith("encoder.")]:
        state[name.removesuffix("_quantized")] = _plain(held, name.removesuffix("_quantized"))
    nodes = list(model.graph.node)
    layers, whole = 0, None
    maps = iter(_weights(nodes, held))
    for node in nodes:
        if node.op_type == "GatherElements":
            whole = layers
        if node.op_type == _ATTENTION:
            place = f"encoder.layers.{layers}"
            joined = torch.tensor(held[node.input[1]].astype(np.float32) * held[node.input[4]])
            biases = torch.tensor(held[node.input[2]]).chunk(3)
            for part, weight, bias in zip(("query", "key", "value"), joined.chunk(3, dim=1), biases, strict=True):
                state[f"{place}.{part}.weight"], state[f"{place}.{part}.bias"] = weight.T, bias
            for part in _MAPS:
                state[f"{place}.{part}.weight"] = next(maps)
            layers += 1
    for head in heads:
        state[f"heads.{head}.weight"] = next(maps)
    attention = next(node for node in nodes if node.op_type == _ATTENTION)
    shape = Shape(
        pieces=len(state["encoder.words.weight"]),
        width=state["encoder.words.weight"].shape[1],
        layers=layers,
        heads=next(one.i for one in attention.attribute if one.name == "num_heads"),
        inner=len(state["encoder.layers.0.wide.bias"]),
        hints=len(state.get("encoder.hints.weight", [0])),
        rectified=any(node.op_type == "Relu" for node in nodes),
        whole=whole,
    )
    tagger = Tagger(Encoder(shape), heads)
    tagger.load_state_dict(state)
    tagger.eval()
    return tagger


def _weights(nodes: list[onnx.NodeProto], held: dict[str, np.ndarray]) -> Iterator[torch.Tensor]:
    """The matrices of the maps but attention's, in order, as torch holds them."""
    for node in nodes:
        if node.op_type == _MAP:
            yield _plain(held, node.input[1].removesuffix("_quantized")).T


def _plain(held: dict[str, np.ndarray], name: str) -> torch.Tensor:
    values = held[f"{name}_quantized"].astype(np.float32) - held[f"{name}_zero_point"].astype(np.float32)
    return torch.tensor(values * held[f"{name}_scale"])
