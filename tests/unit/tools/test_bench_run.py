"""The benchmark harness: limits are judged the right way round and a broken script is no silent gap."""

from pathlib import Path

import pytest

from bench import run

JUDGED = [
    # value, must, aim, lower is better, stands at
    (31_000, 30_000, 80_000, False, "must"),
    (90_000, 30_000, 80_000, False, "aim"),
    (29_999, 30_000, 80_000, False, "below"),
    (0.10, 0.15, None, True, "must"),
    (0.20, 0.15, None, True, "below"),
    (250, 600, 300, True, "aim"),
    (1, None, None, False, ""),
]


@pytest.mark.parametrize(("value", "must", "aim", "lower", "expected"), JUDGED)
def test_a_value_stands_where_its_limits_put_it(
    value: float, must: float | None, aim: float | None, lower: bool, expected: str
) -> None:
    measure = {"measure": "m", "value": value, "unit": "u", "must": must, "aim": aim, "lower": lower}
    assert run.verdict(measure) == expected


def write(folder: Path, name: str, body: str) -> None:
    (folder / name).write_text(f"import sys\nsys.path.insert(0, {str(run.HERE)!r})\nfrom measure import report\n{body}")


def test_measures_become_one_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "bench_a.py", "report('parse', 12345.6, 'messages/s', must=8000, aim=15000)\n")
    write(tmp_path, "bench_b.py", "print('by the way')\nreport('import', 0.12, 's', must=0.15, lower_is_better=True)\n")
    assert run.main(["--must", "--benchmarks", str(tmp_path)]) == 0
    shown = capsys.readouterr()
    assert "| parse | 12,346 | messages/s | 8,000 | 15,000 | 1.54 | must |" in shown.out
    assert "| import | 0.12 | s | 0.15 |  | 1.25 | must |" in shown.out
    assert "by the way" in shown.err


def test_a_value_below_its_must_fails_when_asked(tmp_path: Path) -> None:
    write(tmp_path, "bench_a.py", "report('parse', 10, 'messages/s', must=8000)\n")
    assert run.main(["--benchmarks", str(tmp_path)]) == 0
    assert run.main(["--must", "--benchmarks", str(tmp_path)]) == 1


def test_a_broken_script_fails_the_run(tmp_path: Path) -> None:
    (tmp_path / "bench_a.py").write_text("raise SystemExit(3)\n")
    assert run.main(["--benchmarks", str(tmp_path)]) == 1


def test_the_cpu_time_of_work_is_positive_and_small() -> None:
    from bench.measure import cpu_seconds

    assert 0 < cpu_seconds(lambda: sum(range(10_000)), repeat=3) < 60
