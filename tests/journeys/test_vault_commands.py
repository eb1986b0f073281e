"""A steward and a privacy officer at the command line: ask, approve, reveal, rotate, retire."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.hospital import CommandLine
from tests.vault_kit import FEED, REASON

Json = dict[str, Any]
SECRETS = ("Quillfeather", "MRN-730014", "potassium")


@pytest.fixture
def line(tmp_path: Path) -> CommandLine:
    made = CommandLine(tmp_path)
    made.environment["CARELOOM__LOGS__LEVEL"] = "debug"
    made.environment["LOGNAME"] = "sam.steward"
    (made.folder / "feed.ndjson").write_text("\n".join(map(json.dumps, FEED)) + "\n")
    made.run("ingest", made.folder / "feed.ndjson")
    made.run("deidentify")
    return made


def of_person(line: CommandLine, name: str) -> CommandLine:
    """The same installation, used by another user of the operating system."""
    other = CommandLine(line.folder)
    other.environment = line.environment | {"LOGNAME": name}
    return other


def patients(line: CommandLine) -> list[str]:
    found = line.json("search", "Patient", "--zone", "research")["entry"]
    return [f"Patient/{entry['resource']['id']}" for entry in found]


def asked(line: CommandLine, *names: str, **more: Any) -> Json:
    options = [word for name, value in more.items() for word in (f"--{name}", str(value))]
    made: Json = line.json("vault", "ask", *names, "--purpose", "TREAT", "--reason", REASON, *options)
    return made


def test_from_the_question_to_the_answer(line: CommandLine) -> None:
    officer = of_person(line, "petra.privacy")
    request = asked(line, *patients(line))
    assert (request["state"], request["count"]) == ("asked", 3)
    assert (
        "Somebody else has to approve it"
        in line.run("vault", "ask", patients(line)[0], "--purpose", "TREAT", "--reason", "a second one").stdout
    )
    line.run("vault", "reveal", request["id"], expect=4)
    line.run("vault", "approve", request["id"], expect=3)
    assert "seen the letter" in officer.run("vault", "approve", request["id"], "--remark", "seen the letter").stdout
    officer.run("vault", "reveal", request["id"], expect=3)
    told = line.json("vault", "reveal", request["id"])
    assert {one["identifiers"][0]["value"] for one in told["answers"]} == {f"MRN-73001{at}" for at in (4, 5, 6)}
    shown = line.run("vault", "reveal", request["id"]).stdout
    assert "This disclosure is audited" in shown
    assert "MRN-730014" in shown.replace("\n", "")
    assert REASON.split()[0] in line.run("vault", "show", request["id"]).stdout
    listed = line.run("vault", "list").stdout
    assert request["id"] in listed
    assert [word for word in SECRETS if word in listed] == []
    assert officer.json("vault", "refuse", request["id"])["state"] == "refused"
    line.run("vault", "reveal", request["id"], expect=4)


def test_no_value_is_told_in_errors_lists_logs_or_files(line: CommandLine) -> None:
    request = asked(line, patients(line)[0])
    spoken = [
        line.run("vault", "ask", "Quillfeather", "--purpose", "TREAT", "--reason", "why", expect=2),
        line.run("vault", "ask", "Patient/" + "a" * 26, "--purpose", "TREAT", "--reason", REASON, expect=2),
        line.run("vault", "ask", patients(line)[0], "--purpose", "Quillfeather", "--reason", "why", expect=2),
        line.run("vault", "show", "Quillfeather", expect=2),
        line.run("vault", "reveal", request["id"], expect=4),
        line.run("vault", "list", "--json"), line.run("audit", "report", "--json"), line.run("vault", "epochs"),
    ]  # fmt: skip
    of_person(line, "petra.privacy").run("vault", "approve", request["id"])
    line.run("vault", "reveal", request["id"])
    kept = b"".join(path.read_bytes() for path in line.data.rglob("*") if path.is_file())
    told = "".join(done.stdout + done.stderr for done in spoken)
    assert [word for word in SECRETS if word in told or word.encode() in kept] == []


def test_keys_are_rotated_and_an_old_epoch_is_retired(line: CommandLine) -> None:
    old = patients(line)
    assert "epoch 2" in line.run("vault", "rotate", "--project", "research").stdout
    assert line.json("deidentify")["epoch"] == 2
    assert not set(patients(line)) & set(old)
    line.run("vault", "ask", old[0], "--purpose", "TREAT", "--reason", "why", expect=2)
    assert asked(line, old[0], epoch=1)["epoch"] == 1
    assert "Nothing was retired" in line.run_apart("vault", "retire", "1", expect=130).stdout
    assert "retired" in line.run("vault", "retire", "1", "--yes").stdout
    line.run("vault", "ask", old[0], "--epoch", "1", "--purpose", "TREAT", "--reason", "why", expect=4)
    line.run("vault", "rotate", "--project", "", expect=2)
    line.run("vault", "rotate", "--project", "nobodys", expect=2)
    assert [(one["epoch"], bool(one["retired"])) for one in line.json("vault", "epochs")] == [(1, True), (2, False)]


def test_alone_where_four_eyes_are_not_asked_for(line: CommandLine) -> None:
    line.environment["CARELOOM__DEIDENTIFY__FOUR_EYES"] = "false"
    said = line.run("vault", "ask", patients(line)[0], "--purpose", "TREAT", "--reason", REASON).stdout
    assert "Nobody else has to approve it" in said
    (request,) = line.json("vault", "list")["items"]
    assert len(line.json("vault", "reveal", request["id"])["answers"]) == 1
