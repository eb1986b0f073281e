"""Writes tests/golden/synth/fidelity: two made tables, and what sdmetrics says of them.

Runs in an environment of its own, because sdmetrics brings `copulas`, whose licence (BUSL) keeps it out of ours:

    python3 -m venv /tmp/sdmetrics && /tmp/sdmetrics/bin/pip install sdmetrics==0.32.0
    /tmp/sdmetrics/bin/python tools/make_synth_fidelity_golden.py
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from sdmetrics.reports.single_table import QualityReport

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "golden" / "synth" / "fidelity"
KINDS = {
    "age": "numerical",
    "weight": "numerical",
    "height": "numerical",
    "seen": "datetime",
    "ward": "categorical",
    "grade": "categorical",
    "smoker": "boolean",
}


def made(rows: int, shift: float, seed: int) -> pd.DataFrame:
    """A table of nobody: numbers that depend on each other and on categories, some missing, and a rare category."""
    draw = np.random.default_rng(seed)
    age = draw.integers(18, 90, rows).astype(float)
    height = draw.normal(170, 9, rows).round(1)
    weight = (height - 100 + draw.normal(shift, 6, rows)).round(1)
    ward = np.where(age > 60 + shift, "geriatrics", draw.choice(["surgery", "medicine"], rows))
    grade = np.where(draw.random(rows) < 0.8, np.where(ward == "surgery", "low", "high"), "middle")
    if shift:
        ward[:3] = "unheard of"
    seen = pd.Timestamp("2024-01-01") + pd.to_timedelta(draw.integers(0, 300, rows), unit="D")
    table = pd.DataFrame({"age": age, "weight": weight, "height": height, "seen": seen, "ward": ward, "grade": grade})
    table["smoker"] = draw.random(rows) < 0.2 + shift / 50
    table.loc[draw.random(rows) < 0.1, "weight"] = np.nan
    table.loc[draw.random(rows) < 0.05 + shift / 100, "ward"] = None
    return table


def main() -> None:
    """Writes real.csv, synthetic.csv and expected.json."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    real, synthetic = made(400, 0, 1), made(350, 4, 2)
    columns = {name: {"sdtype": kind} for name, kind in KINDS.items()}
    expected = {}
    for name, correlation, association in (("all pairs", 0, 0), ("default pairs", 0.5, 0.3)):
        report = QualityReport()
        report.real_correlation_threshold, report.real_association_threshold = correlation, association
        report.generate(real.copy(), synthetic.copy(), {"columns": columns}, verbose=False)
        expected[name] = 1 - report.get_properties().set_index("Property")["Score"]["Column Pair Trends"]
        if name == "all pairs":
            shapes = report.get_details("Column Shapes")
            expected["columns"] = {row.Column: 1 - row.Score for row in shapes.itertuples()}
            pairs = report.get_details("Column Pair Trends")
            expected["pairs"] = {f"{row[1]} {row[2]}": 1 - row[4] for row in pairs.itertuples()}
    for name, frame in (("real", real), ("synthetic", synthetic)):
        frame.assign(seen=frame["seen"].dt.strftime("%Y-%m-%d")).to_csv(FOLDER / f"{name}.csv", index=False)
    (FOLDER / "expected.json").write_text(json.dumps(expected, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
