"""Every code that the simulator may send stands in the publishers' lists."""

from pathlib import Path

from tools import check_codes

ROOM = Path(__file__).parents[2] / "src/careloom/simulate"
FILES = sorted(file for file in ROOM.rglob("*.toml") if not file.name.startswith("csv_"))
"""Files of codes; those of the CSV extracts name columns by their systems and hold none."""


def test_no_code_of_the_simulator_is_wrong_or_misnamed(suites: Path) -> None:
    lists = check_codes.read_lists(suites)
    found = [
        check_codes.judged(use, lists)
        for file, content in check_codes.documents(FILES)
        for use in check_codes.used(content, file)
    ]
    bad = [one for one in found if one.verdict in ("wrong", "header", "name")]
    assert not bad
    assert len(found) > 250
    assert sum(one.verdict == "unverifiable" for one in found) <= len(found) * 0.04
