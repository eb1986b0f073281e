"""Arrays in the safetensors format: what comes back, what the library reads, and what is broken."""

import numpy as np
import pytest

from careloom.errors import IntegrityError
from careloom.tables.tensors import packed, unpacked

ARRAYS = {
    "b": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a": np.array([1, -2], np.int64),
    "empty": np.zeros((0, 4)),
    "flag": np.array([True, False]),
    "one": np.array(3.5),
    "bytes": np.frombuffer(b"\x00\xff", np.uint8),
    "turned": np.arange(4.0).reshape(2, 2).T,
    "big": np.arange(3, dtype=">i4"),
}


def test_arrays_come_back_as_they_were() -> None:
    again = unpacked(packed(ARRAYS))
    assert set(again) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert again[name].shape == array.shape
        assert np.array_equal(again[name], array)


def test_the_library_reads_what_was_written_and_the_other_way_round() -> None:
    library = pytest.importorskip("safetensors.numpy")
    assert np.array_equal(library.load(packed(ARRAYS))["turned"], ARRAYS["turned"])
    written = library.save({name: np.ascontiguousarray(ARRAYS[name]) for name in ("a", "b")}, {"by": "it"})
    assert np.array_equal(unpacked(written)["b"], ARRAYS["b"])


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(TypeError):
        packed({"text": np.array(["a"])})


@pytest.mark.parametrize("content", [b"", b"\x05\x00\x00\x00\x00\x00\x00\x00[1,2]", packed(ARRAYS)[:-3]])
def test_a_broken_file_is_told(content: bytes) -> None:
    with pytest.raises(IntegrityError):
        unpacked(content)
