"""Files of a version: text, JSON, safetensors, ONNX and archives of those; no pickle, by name or by content."""

import bz2
import gzip
import io
import pickle
import zipfile
import zlib
from typing import Any

import numpy as np
import orjson
import pytest
from safetensors.numpy import save

from careloom.errors import FormatError
from careloom.mlops.artefacts import refusal, require_safe
from careloom.runtime import packaged


def archive(**members: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as one:
        for name, content in members.items():
            one.writestr(name.replace("__", "."), content)
    return made.getvalue()


WITNESS: dict[str, Any] = {"weights": [1.0, 2.0], "name": "readmission"}
SAFE = {
    "json": ("model.json", orjson.dumps(WITNESS)),
    "lightgbm": ("model.txt", b"tree\nversion=v4\nnum_class=1\nobjective=binary sigmoid:1\n\nTree=0\nnum_leaves=2\n"),
    "safetensors": ("weights.safetensors", save({"weight": np.ones((2, 3), np.float32)})),
    "folder": ("card/model-card.md", b"# Card\n"),
    "table": ("thresholds.csv", b"name,value\nlow,0.1\n"),
    "tagger that ships": ("clinical-en.zip", packaged("nlp", "models/clinical-en.zip")),
}
PICKLES = {f"protocol {number}": pickle.dumps(WITNESS, number) for number in range(6)}
REFUSED = {
    "a pickle by name": ("model.pkl", b"{}"),
    "joblib by name": ("model.joblib", b"{}"),
    "torch by name": ("model.pt", b"{}"),
    "arrays that may hold objects": ("weights.npz", b"PK"),
    "an ending nobody knows": ("model.exe", b"MZ"),
    "no ending": ("model", b"{}"),
    "a way out of the folder": ("../model.json", b"{}"),
    "an absolute path": ("/etc/model.json", b"{}"),
    "a hidden file": (".model.json", b"{}"),
    "packed by gzip": ("model.txt", gzip.compress(pickle.dumps(WITNESS))),
    "packed by bzip2": ("model.txt", bz2.compress(pickle.dumps(WITNESS))),
    "packed by zlib": ("model.txt", zlib.compress(pickle.dumps(WITNESS))),
    "torch's zip under another name": ("model.txt", archive(data__pkl=pickle.dumps(WITNESS))),
    "a pickle in an archive": ("model.zip", archive(data__pkl=pickle.dumps(WITNESS))),
    "a pickle in an archive without its ending": ("model.zip", archive(weights=pickle.dumps(WITNESS))),
    "an archive in an archive": ("model.zip", archive(inner__zip=archive(a__txt=b"a"))),
    "half an archive": ("model.zip", archive(a__txt=b"a" * 99)[:60]),
    "JSON that is none": ("model.json", b"{'weights': 1}"),
    "bytes as text": ("model.txt", b"\xff\xfe\x00"),
    "zero bytes in text": ("model.txt", b"tree\x00"),
    "no safetensors": ("weights.safetensors", b"\x10\0\0\0\0\0\0\0{}"),
} | {f"{name} of a pickle as {kind}": (f"model.{kind}", content)
     for name, content in PICKLES.items() for kind in ("json", "txt", "onnx", "safetensors")}  # fmt: skip


@pytest.mark.parametrize("name", SAFE)
def test_what_can_only_be_read_may_stand_in_a_version(name: str) -> None:
    assert refusal(*SAFE[name]) == ""


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_be_run_or_not_be_seen_may_not(name: str) -> None:
    assert refusal(*REFUSED[name])


class _Runs:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return exec, ("raise AssertionError('a pickle was run')",)


@pytest.mark.parametrize("protocol", range(6))
def test_looking_at_a_pickle_does_not_run_it(protocol: int) -> None:
    content = pickle.dumps(_Runs(), protocol)
    assert "pickle" in refusal("model.txt", content)


def test_a_long_pickle_of_an_old_protocol_is_told_by_how_it_begins() -> None:
    content = pickle.dumps([_Runs(), "x" * 3_000_000], 0)
    assert "pickle" in refusal("model.txt", content)


def test_a_version_without_files_is_none() -> None:
    with pytest.raises(FormatError):
        require_safe({})
