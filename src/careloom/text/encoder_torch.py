"""A small transformer over word pieces that also sees how words are written, with a head per tagging task.

The layers are those of BERT (Devlin and others, 2019), so that weights of MiniLM (Wang and others, 2020) fit in; as
those were trained on lower-case text, the look of a word (`careloom.text.pieces.LOOKS`) is one more embedding.
"""

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import nn
from torch.nn import functional

from careloom.text.attention_torch import join_attention
from careloom.text.pieces import LONGEST, LOOKS


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of an encoder; the defaults are MiniLM's.

    hints      how many different ones a word may bring
    rectified  the inner units of a layer are cut off at 0, which costs less than GELU
    whole      layers that see every piece; the ones above see words by their first pieces. All where None
    """

    pieces: int
    width: int = 384
    layers: int = 6
    heads: int = 12
    inner: int = 1536
    dropout: float = 0.1
    hints: int = 1
    rectified: bool = False
    whole: int | None = None


_UNSEEN = -10_000.0
"""Added to the score of what must not be looked at; BERT's own value."""


class Layer(nn.Module):
    """Self-attention and two linear maps, each added to what came in and normalized."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.query, self.key, self.value, self.out = (nn.Linear(shape.width, shape.width) for _ in range(4))
        self.attended = nn.LayerNorm(shape.width, eps=1e-12)
        self.wide, self.narrow = nn.Linear(shape.width, shape.inner), nn.Linear(shape.inner, shape.width)
        self.mapped = nn.LayerNorm(shape.width, eps=1e-12)
        self.dropout = nn.Dropout(shape.dropout)
        self.bend = functional.relu if shape.rectified else functional.gelu

    def forward(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """States (texts, pieces, width) after the layer; `mask` is True where a piece may be looked at."""
        texts, pieces, width = states.shape

        def split(one: torch.Tensor) -> torch.Tensor:
            return one.view(texts, pieces, self.heads, width // self.heads).transpose(1, 2)

        query, key, value = split(self.query(states)), split(self.key(states)), split(self.value(states))
        if torch.compiler.is_exporting():  # what torch makes of its own attention asks at each place for nan
            unseen = torch.where(mask, 0.0, _UNSEEN)
            scores = torch.matmul(query * (width // self.heads) ** -0.5, key.transpose(2, 3)) + unseen
            seen = torch.matmul(functional.softmax(scores, dim=-1), value)
        else:
            seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        seen = self.out(seen.transpose(1, 2).reshape(texts, pieces, width))
        states = self.attended(states + self.dropout(seen))
        return self.mapped(states + self.dropout(self.narrow(self.bend(self.wide(states)))))


class Encoder(nn.Module):
    """Word pieces and the looks of their words to one state a piece."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.words = nn.Embedding(shape.pieces, shape.width, padding_idx=0)
        self.places = nn.Embedding(LONGEST, shape.width)
        self.looks = nn.Embedding(len(LOOKS), shape.width)
        nn.init.zeros_(self.looks.weight)
        self.hints = None
        if shape.hints > 1:
            self.hints = nn.Embedding(shape.hints, shape.width)
            nn.init.zeros_(self.hints.weight)
        self.norm = nn.LayerNorm(shape.width, eps=1e-12)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, pieces: torch.Tensor, looks: torch.Tensor, kept: torch.Tensor | None = None) -> torch.Tensor:
        """States (texts, pieces, width) of `pieces` (texts, pieces), 0 where a text has ended.

        kept  (texts, words) the places that count: first pieces of words and the mark at the end, 0 behind it. Then
              the states are (texts, words, width)
        """
        mask = (pieces != 0)[:, None, None, :]
        states = self.words(pieces) + self.places.weight[: pieces.shape[1]]
        if self.hints is not None:
            states = states + self.looks(looks % len(LOOKS)) + self.hints(looks // len(LOOKS))
        else:
            states = states + self.looks(looks)
        states = self.dropout(self.norm(states))
        whole = len(self.layers) if self.shape.whole is None else self.shape.whole
        for layer in self.layers[:whole]:
            states = layer(states, mask)
        if kept is None:
            return states
        states = states.gather(1, kept[:, :, None].expand(-1, -1, self.shape.width))
        mask = (kept != 0)[:, None, None, :]
        for layer in self.layers[whole:]:
            states = layer(states, mask)
        return states


class Tagger(nn.Module):
    """One encoder and a linear head per task."""

    def __init__(self, encoder: Encoder, heads: Mapping[str, Sequence[str]]) -> None:
        super().__init__()
        self.encoder = encoder
        self.labels = {name: tuple(labels) for name, labels in heads.items()}
        self.heads = nn.ModuleDict({name: nn.Linear(encoder.shape.width, len(each)) for name, each in heads.items()})
        self.dropout = nn.Dropout(encoder.shape.dropout)

    def forward(
        self, pieces: torch.Tensor, looks: torch.Tensor, kept: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, ...]:
        """Scores (texts, pieces, labels) of each head, in the order of `labels`; of words where `kept` is told."""
        states = self.dropout(self.encoder(pieces, looks, kept))
        return tuple(head(states) for head in self.heads.values())


_BERT = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "out": "attention.output.dense",
    "attended": "attention.output.LayerNorm",
    "wide": "intermediate.dense",
    "narrow": "output.dense",
    "mapped": "output.LayerNorm",
}


def from_bert(weights: Mapping[str, torch.Tensor], kept: Sequence[int], shape: Shape) -> Encoder:
    """An encoder that begins with the weights of a BERT: its lowest layers, of each the inner units that weigh most.

    weights  as ``BertModel`` names them
    kept     row of the word embedding for each piece of the new vocabulary
    raises   KeyError or RuntimeError where the weights are of another shape
    """
    encoder = Encoder(shape)
    state = {
        "words.weight": weights["embeddings.word_embeddings.weight"][list(kept)],
        "places.weight": weights["embeddings.position_embeddings.weight"][:LONGEST],
        "looks.weight": encoder.looks.weight.detach().clone(),
    }
    if encoder.hints is not None:
        state["hints.weight"] = encoder.hints.weight.detach().clone()
    state["places.weight"] = state["places.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    for part in ("weight", "bias"):
        state[f"norm.{part}"] = weights[f"embeddings.LayerNorm.{part}"]
        for number in range(shape.layers):
            for ours, theirs in _BERT.items():
                value = weights[f"encoder.layer.{number}.{theirs}.{part}"]
                if ours == "wide":
                    value = value[_heaviest(weights, number, shape.inner)]
                elif f"{ours}.{part}" == "narrow.weight":
                    value = value[:, _heaviest(weights, number, shape.inner)]
                state[f"layers.{number}.{ours}.{part}"] = value
    encoder.load_state_dict(state)
    return encoder


def _heaviest(weights: Mapping[str, torch.Tensor], layer: int, count: int) -> torch.Tensor:
    """The inner units of a layer by the product of the norms of what comes in and what goes out, in their own order."""
    into = weights[f"encoder.layer.{layer}.intermediate.dense.weight"].norm(dim=1)
    out = weights[f"encoder.layer.{layer}.output.dense.weight"].norm(dim=0)
    return (into * out).topk(count).indices.sort().values


def to_onnx(tagger: Tagger) -> bytes:
    """The model as ONNX with weights of 8 bits: inputs ``pieces`` and ``looks``, one output a head.

    A model some of whose layers see words alone has a third input, ``kept``, and reads one text at a time: no place is
    padding, so that attention asks of none.

    Weights keep 7 bits of magnitude (`reduce_range`): processors without VNNI add products of 8 bits in 16 and would
    overflow, so that the same text got other tags elsewhere.
    """
    tagger.eval()
    is_alone = tagger.encoder.shape.whole is not None
    texts, pieces = torch.export.Dim("texts", min=1, max=4096), torch.export.Dim("places", min=2, max=LONGEST)
    sizes = {1: pieces} if is_alone else {0: texts, 1: pieces}
    count = 1 if is_alone else 4
    inputs = {
        "pieces": (torch.randint(1, tagger.encoder.shape.pieces, (count, 16)), sizes),
        "looks": (torch.zeros(count, 16, dtype=torch.long), sizes),
    }
    if is_alone:
        inputs["kept"] = torch.arange(1, 10)[None], {1: torch.export.Dim("words", min=2, max=LONGEST)}
    example, shapes = zip(*inputs.values(), strict=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch to itself
        exported = torch.onnx.export(
            tagger, example, dynamo=True, dynamic_shapes=shapes, input_names=list(inputs),
            output_names=list(tagger.labels), verbose=False,
        )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        plain, small = Path(folder) / "plain.onnx", Path(folder) / "small.onnx"
        exported.save(plain, external_data=False)
        quantize_dynamic(plain, small, per_channel=True, reduce_range=True, weight_type=QuantType.QInt8)
        model = onnx.load(small)
    if join_attention(model, tagger.encoder.shape.heads, masked=not is_alone) != tagger.encoder.shape.layers:
        raise RuntimeError("torch exports attention otherwise than careloom.text.attention_torch reads it")
    return model.SerializeToString()
