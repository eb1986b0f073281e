"""Self-attention of an exported model in one operator: three maps, the look at every place and the joining of heads.

The run time's ``QAttention`` (ONNX Runtime, contrib operators) reads the very weights of 8 bits that stood in three
maps, keeps the heads apart in place, and asks of every place once whether it may be seen: a sixth less time a window.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper

_DOMAIN = "com.microsoft"
_SEEN = "seen"


@dataclass(frozen=True, slots=True)
class _Map:
    """A linear map of 8 bits as the quantizer writes it: MatMulInteger, Cast, Mul by the scales, Add of the bias."""

    data: str
    data_scale: str
    data_zero: str
    weight: str
    weight_scale: str
    weight_zero: str
    bias: str


class _Graph:
    """Who makes a value, and who takes it."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.held = {one.name: one for one in graph.initializer}
        self.maker = {name: node for node in graph.node for name in node.output}
        self.taker: dict[str, onnx.NodeProto] = {}
        for node in graph.node:
            for name in node.input:
                self.taker.setdefault(name, node)

    def before(self, node: onnx.NodeProto, *places: int) -> onnx.NodeProto:
        """The node that is reached by these inputs, one after the other."""
        for place in places:
            node = self.maker[node.input[place]]
        return node

    def after(self, node: onnx.NodeProto, steps: int) -> onnx.NodeProto:
        """The node that takes what `node` makes, so many steps on."""
        for _ in range(steps):
            node = self.taker[node.output[0]]
        return node

    def array(self, name: str) -> np.ndarray:
        """The values of a weight."""
        return numpy_helper.to_array(self.held[name])

    def map_before(self, view: onnx.NodeProto) -> _Map:
        """The map whose result `view` puts into heads."""
        add = self.before(view, 0)
        bias = next(name for name in add.input if name in self.held)
        scaled = self.maker[next(name for name in add.input if name not in self.held)]
        product, scales = self.before(scaled, 0, 0), self.before(scaled, 1)
        data, weight, data_zero, weight_zero = product.input
        return _Map(data, scales.input[0], data_zero, weight, scales.input[1], weight_zero, bias)


def join_attention(model: onnx.ModelProto, heads: int, *, masked: bool = True) -> int:
    """Puts ``QAttention`` in the place of every self-attention of `model`, in place; how many there were.

    The model is `careloom.text.encoder_torch.to_onnx`'s: ``pieces`` is 0 where a text has ended.

    masked  False: texts are read alone, and no place of one has ended
    """
    graph = model.graph
    known = _Graph(graph)
    joined = {}
    for softmax in [node for node in graph.node if node.op_type == "Softmax"]:
        heads_joined = known.after(softmax, 3)
        scores = known.before(softmax, 0, 0)
        views = [known.before(scores, 0, 0, 0), known.before(scores, 1, 0), known.before(known.after(softmax, 1), 1, 0)]
        joined[heads_joined.output[0]] = list(
            _joined(graph, [known.map_before(view) for view in views], known, heads_joined, (heads, masked))
        )
    if joined:
        ended = next(node for node in graph.node if node.op_type == "Equal" and "pieces" in node.input)
        shown = known.after(ended, 1)
        nodes: list[onnx.NodeProto] = []
        for node in graph.node:
            nodes += joined.get(node.output[0], [node])
            if masked and node is shown:
                nodes.append(helper.make_node("Cast", [shown.output[0]], [_SEEN], to=onnx.TensorProto.INT32))
        _keep(graph, nodes)
        model.opset_import.append(helper.make_opsetid(_DOMAIN, 1))
    return len(joined)


def _joined(
    graph: onnx.GraphProto, maps: Sequence[_Map], known: _Graph, made: onnx.NodeProto, how: tuple[int, bool]
) -> Iterator[onnx.NodeProto]:
    """One node for query, key and value, whose weights stand side by side."""
    first, result, (heads, masked) = maps[0], made.output[0], how

    def beside(part: str, *, is_flat: bool = True) -> str:
        arrays = [known.array(getattr(one, part)) for one in maps]
        name = f"{result}.{part}"
        values = np.concatenate([array.reshape(-1) if is_flat else array for array in arrays], axis=-1)
        graph.initializer.append(numpy_helper.from_array(values, name))
        return name

    inputs = [
        first.data, beside("weight", is_flat=False), beside("bias"), first.data_scale, beside("weight_scale"),
        _SEEN if masked else "",
        first.data_zero, beside("weight_zero"),
    ]  # fmt: skip
    yield helper.make_node("QAttention", inputs, [result], domain=_DOMAIN, num_heads=heads)


def _keep(graph: onnx.GraphProto, nodes: Sequence[onnx.NodeProto]) -> None:
    """`nodes` that something comes of, and the weights that they read."""
    wanted = {one.name for one in graph.output}
    kept: list[onnx.NodeProto] = []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(node.input)
    weights = [one for one in graph.initializer if one.name in wanted]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(reversed(kept))
    graph.initializer.extend(weights)
