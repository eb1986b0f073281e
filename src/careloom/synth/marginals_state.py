"""A fitted model of marginals as bytes: an npz of plain arrays and one JSON text, nothing that runs when it is read."""

import io
import json
import zipfile
from dataclasses import asdict
from typing import Any

import numpy as np

from careloom.errors import FormatError
from careloom.synth.accounting_mechanisms import as_json, from_json
from careloom.synth.marginals import Fitted
from careloom.synth.marginals_plan import Table
from careloom.synth.marginals_tree import Link, Tree

_VERSION = 1


def packed(model: Fitted) -> bytes:
    """The model as bytes."""
    told = {
        "version": _VERSION, "sizes": model.table.sizes, "target": model.table.target,
        "zeros": [[columns, codes.tolist()] for columns, codes in model.table.zeros],
        "tree_sizes": model.tree.sizes, "links": [asdict(one) for one in model.tree.links], "total": model.total,
        "epsilon": model.epsilon, "delta": model.delta, "mechanisms": [as_json(one) for one in model.mechanisms],
    }  # fmt: skip
    arrays: dict[str, Any] = {f"marginal_{at}": table for at, table in enumerate(model.marginals)}
    arrays |= {f"kept_{at}": codes for at, codes in enumerate(model.kept)}
    arrays |= {f"shares_{at}": shares for at, shares in enumerate(model.shares)}
    arrays["told"] = np.frombuffer(json.dumps(told, sort_keys=True).encode(), np.uint8)
    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=False, **arrays)
    return out.getvalue()


def unpacked(raw: bytes) -> Fitted:
    """The inverse of `packed`. raises FormatError for other bytes"""
    try:
        with np.load(io.BytesIO(raw), allow_pickle=False) as kept:
            told = json.loads(kept["told"].tobytes())
            if told["version"] != _VERSION:
                raise ValueError
            links = tuple(Link(tuple(one["clique"]), one["parent"], tuple(one["shared"])) for one in told["links"])
            tree = Tree(tuple(told["tree_sizes"]), links)
            zeros = tuple((tuple(columns), np.array(codes, np.int64)) for columns, codes in told["zeros"])
            columns = range(len(told["sizes"]))
            return Fitted(
                Table(tuple(told["sizes"]), told["target"], zeros), tree,
                tuple(kept[f"marginal_{at}"] for at in range(len(links))),
                tuple(kept[f"kept_{at}"] for at in columns), tuple(kept[f"shares_{at}"] for at in columns),
                told["total"], told["epsilon"], told["delta"], tuple(from_json(one) for one in told["mechanisms"]),
            )  # fmt: skip
    except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile):
        raise FormatError("these bytes are no fitted model of marginals", "Give what packed wrote.") from None
