"""From a file to a table of nobody, by the command line: guessed, fitted, refused, let out, checked, taken back."""

import json
from pathlib import Path

from tests.journeys.hospital import CommandLine
from tests.synthesis_kit import LENIENT, METADATA, stays


def test_a_first_data_set_by_the_command_line(tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    stays(600).write_csv(tmp_path / "stays.csv")
    (tmp_path / "stays.toml").write_text(METADATA)
    (tmp_path / "lenient.toml").write_text(LENIENT)
    assert "marginals" in {one["engine"] for one in line.json("synthesize", "engines")}
    line.run("synthesize", "metadata", "--file", "stays.csv", "--out", "guess.toml")
    assert 'subject = "patient"' in (tmp_path / "guess.toml").read_text()
    fit = ("synthesize", "fit", "--file", "stays.csv", "--metadata", "stays.toml", "--target", "sex", "--epsilon", "2")
    refused = line.run(*fit, expect=4)
    assert "ledger budget" in refused.stderr
    line.run("synthesize", "ledger", "budget", "research", "--epsilon", "3")
    model = line.json(*fit, "--option", "bins=8", "--option", "steps=40", "--name", "stays")["model"]
    drawn = line.json("synthesize", "sample", model, "--rows", "300", "--where", "sex=F")["sample"]
    shown = line.run("synthesize", "judge", drawn, "--kind", "fidelity")
    assert "shape" in shown.stdout
    assert "privacy is missing" in shown.stdout
    kept_in = line.run("synthesize", "release", drawn, "women", expect=4)
    assert "membership_area" in kept_in.stderr
    assert line.json("synthesize", "list", "--releases") == []
    line.run("lake", "export", "gold/women", "out", "--zone", "synthetic", expect=2)
    line.run("synthesize", "judge", drawn, "--kind", "fidelity")
    loose = LENIENT.replace("at_most = 0.2", "at_most = 1.0")
    (tmp_path / "lenient.toml").write_text(loose)
    let_out = line.json("synthesize", "release", drawn, "women", "--policy", "lenient.toml", "--reason", "a test")
    for name in ("certificate.json", "certificate.pdf"):
        line.run("synthesize", "certificate", let_out["certificate"], "--out", name)
    line.run("lake", "export", "gold/women", "out", "--zone", "synthetic")
    key = json.loads((tmp_path / "certificate.json").read_text())["signature"]["public_key"]
    line.run("synthesize", "verify", "certificate.json", "--rows", "out", "--key", key)
    assert line.json("synthesize", "verify", "certificate.json")["whole"]
    changed = (tmp_path / "certificate.json").read_text().replace('"rows": 300', '"rows": 301')
    (tmp_path / "changed.json").write_text(changed)
    line.run("synthesize", "verify", "changed.json", "--key", key, expect=6)
    line.run("synthesize", "withdraw", let_out["release"])
    assert [one["state"] for one in line.json("synthesize", "list", "--releases")] == ["withdrawn"]
    line.run("lake", "export", "gold/women", "again", "--zone", "synthetic", expect=2)
    assert model in line.run("synthesize", "list").stdout
    assert drawn in line.run("synthesize", "show", model, "--json").stdout
