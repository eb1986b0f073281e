"""One visit of one simulated person as every feed sends it, compared file by file."""

import os
from pathlib import Path

import pytest

from careloom.simulate.feeds import feed_files
from careloom.simulate.pieces import FEEDS, FeedOptions
from tests.unit.simulate.history_support import PLACE, notes, short

HERE = Path(__file__).resolve().parent / "short_visit"


def made() -> dict[str, bytes]:
    """Every file of the patient, messages with their lines as lines."""
    out: dict[str, bytes] = {}
    pieces, _ = feed_files(short(), PLACE, FeedOptions(1, FEEDS), notes(short()))
    for piece in sorted(pieces, key=lambda piece: (piece.path, piece.order)):
        path = piece.path.removeprefix("feeds/north/").replace("/", "-")
        data = piece.data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"><", b">\n<")
        out[path] = out.get(path, b"") + data
    return out


@pytest.mark.parametrize("name", sorted(made()))
def test_a_feed_is_its_golden_file(name: str) -> None:
    data = made()[name]
    expected = HERE / name
    if os.environ.get("CARELOOM_REWRITE_GOLDEN"):
        HERE.mkdir(exist_ok=True)
        expected.write_bytes(data)
    assert data.decode() == expected.read_text(encoding="utf-8")


def test_there_is_no_golden_file_that_nobody_makes() -> None:
    assert {place.name for place in HERE.iterdir()} == set(made())
