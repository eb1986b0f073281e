"""An auditor keeps checkpoints of the audit chain, and has single events proven, at the command line."""

import json
from pathlib import Path

from tests.journeys.hospital import CommandLine
from tests.vault_kit import FEED


def test_from_the_checkpoint_to_a_proof_that_holds_until_the_chain_is_written_anew(tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    (line.folder / "feed.ndjson").write_text("\n".join(map(json.dumps, FEED)) + "\n")
    line.run("ingest", line.folder / "feed.ndjson")
    made = line.json("audit", "checkpoint", line.folder / "kept")
    (kept,) = (Path(name) for name in made["files"])
    assert json.loads(kept.read_text())["zone"] == "identified"

    line.run("search", "Patient")
    assert "the chain here holds them" in " ".join(line.run("audit", "check", kept).stdout.split())
    proof = line.folder / "proof.json"
    line.run("audit", "prove", "audit-1", "--against", kept, "--out", proof)
    assert line.json("audit", "check", proof)["held"] is True
    # Elsewhere the public key is enough.
    told = line.json("audit", "check", proof, "--key", made["public_key"])
    assert (told["signed"], told["event"]["zone"]) == (True, "identified")
    line.run("audit", "check", proof, "--key", "beef", expect=2)
    line.run("audit", "prove", "audit-999999", expect=2)
    line.run("audit", "prove", "Patient/1", expect=2)
    assert "is covered" in line.run("audit", "prove", "99", "--against", kept, expect=2).stderr

    forged = json.loads(proof.read_text())
    forged["row"]["body"] = forged["row"]["body"].replace('"outcome":"', '"outcome":"un')
    proof.write_text(json.dumps(forged))
    assert "NOT as it was signed" in line.run("audit", "check", proof, expect=6).stdout
    # A store that was begun anew has other rows: the checkpoint that was kept tells.
    (tmp_path / "other").mkdir()
    other = CommandLine(tmp_path / "other")
    (other.folder / "feed.ndjson").write_text((line.folder / "feed.ndjson").read_text())
    other.run("ingest", other.folder / "feed.ndjson")
    assert other.json("audit", "check", kept, expect=6)["signed"] is False
