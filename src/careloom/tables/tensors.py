"""Arrays as one block of bytes in the safetensors format: nothing in it runs, and no library is needed to read it.

source  safetensors, format of 2022: 8 bytes of length, a JSON header, and the arrays one after the other, little-endian
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from careloom.errors import IntegrityError

_TYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1", "BOOL": "|b1",
}  # fmt: skip
_NAMES = {np.dtype(each): name for name, each in _TYPES.items()}


def packed(tensors: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """The arrays by name. raises TypeError for what is no number"""
    header: dict[str, Any] = {}
    bodies: list[bytes] = []
    at = 0
    for name, tensor in sorted(tensors.items()):
        array = np.ascontiguousarray(tensor)
        kind = array.dtype.newbyteorder("<") if array.dtype.itemsize > 1 else array.dtype
        if kind not in _NAMES:
            raise TypeError(f"an array of {array.dtype} has no name in safetensors")
        body = array.astype(kind, copy=False).tobytes()
        shape = list(np.shape(tensor))
        header[name] = {"dtype": _NAMES[kind], "shape": shape, "data_offsets": [at, at + len(body)]}
        bodies.append(body)
        at += len(body)
    head = orjson.dumps(header)
    head += b" " * (-len(head) % 8)
    return b"".join([len(head).to_bytes(8, "little"), head, *bodies])


def unpacked(content: bytes) -> dict[str, npt.NDArray[Any]]:
    """The inverse of `packed`; takes what the library itself wrote, too. raises IntegrityError"""
    try:
        size = int.from_bytes(content[:8], "little")
        header = orjson.loads(content[8 : 8 + size])
        header.pop("__metadata__", None)
        data = memoryview(content)[8 + size :]
        return {name: _array(data, **one) for name, one in header.items()}
    except (ValueError, KeyError, TypeError):
        raise IntegrityError(
            "a file of arrays is broken", "Take it as it was written, or fit the model again."
        ) from None


def _array(data: memoryview, dtype: str, shape: list[int], data_offsets: list[int]) -> npt.NDArray[Any]:
    first, last = data_offsets
    return np.frombuffer(data[first:last], _TYPES[dtype]).reshape(shape).copy()
