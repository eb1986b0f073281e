"""What the run time reads after attention became one operator is what torch reads. Needs the extra ml."""

import importlib.util
import io
import zipfile

import numpy as np
import pytest

from careloom.text import tagger as run_time
from careloom.text.pieces import SPECIAL, Pieces

VOCABULARY = (*SPECIAL, *"the heart was seen by doctor and nurse pulse rest".split())
TEXTS = ("the heart was seen by doctor", "rest and pulse " * 40, "nurse")


@pytest.mark.skipif(importlib.util.find_spec("onnxscript") is None, reason="the extra ml is not installed: make ml")
def test_joined_attention_gives_what_torch_gives_for_short_and_long_texts_side_by_side() -> None:
    import onnx
    import torch

    from careloom.text.encoder_torch import Encoder, Shape, Tagger
    from careloom.text.training_torch import packed

    torch.manual_seed(5)
    shape = Shape(len(VOCABULARY), width=32, layers=2, heads=4, inner=64, dropout=0.0)
    model = Tagger(Encoder(shape), {"one": ("O", "B-A", "I-A"), "two": ("O", "B-B", "I-B")}).eval()
    archive = packed(model, VOCABULARY, {"name": "test"})
    with zipfile.ZipFile(io.BytesIO(archive)) as members:
        operators = [node.op_type for node in onnx.load_from_string(members.read("model.onnx")).graph.node]
    assert operators.count("QAttention") == shape.layers
    assert "Softmax" not in operators
    pieces = Pieces(VOCABULARY)
    windows = [window for text in TEXTS for window in pieces.windows(text)]
    ours = run_time.Tagger(archive)._read(windows, ["one", "two"])
    for window, (one, two) in zip(windows, ours, strict=True):
        with torch.no_grad():
            scores = model(torch.tensor([window.pieces]), torch.tensor([window.looks]))
        for mine, theirs in zip((one, two), scores, strict=True):
            expected = torch.softmax(theirs[0, list(window.first)], dim=-1).numpy()
            assert np.abs(mine - expected).max() < 0.02
