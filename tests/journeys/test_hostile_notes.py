"""Texts that nobody should send, read by the reader that ships, on the command line and over HTTP.

Each is read, with every span the very characters of what was sent and every fact a valid resource, or refused with a
code, a remedy and none of its words.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from careloom.errors import FormatError, TooLarge
from careloom.fhir.validate import check
from careloom.pipeline.registry import REGISTRY
from careloom.text.normalize import normalize
from tests.api.kit import Installation
from tests.journeys.hospital import CommandLine

FINDING = "Denies chest pain. Has asthma, takes metformin 500 mg twice daily.\n"
READ = {
    "empty": "",
    "white space": " \n\t \r\n  ",
    "mixed languages": f"患者无胸痛。{FINDING}Ο ασθενής έχει πυρετό. Жалуется на кашель. لا يوجد ألم. 胸が痛い。",
    "right to left marks": f"\u202e{FINDING}\u202c\u200f\u2066asthma\u2069",
    "emoji": f"👩\u200d⚕\ufe0f says 😀😀 {FINDING} 🇩🇪🏳\ufe0f\u200d🌈 asthma👍🏽",
    "combining marks": "a\u0301s\u0323t\u0307h\u0331m\u0332a\u0333 " + "e" + "\u0301" * 400 + f" {FINDING}",
    "line ends of Windows": FINDING.replace("\n", "\r\n") * 3 + "Plan:\r\n\r\naspirin 81 mg\r\n",
    "line ends of old Macs": FINDING.replace("\n", "\r") * 3,
    "columns": "Date      Na    K     Cr\n1/2/2024  138   4.1   0.9\n1/3/2024  140   3.9   1.0\n",
    "bars": "| Test | Result | Unit |\n|---|---|---|\n| Sodium | 138 | mmol/L |\n| Potassium | 4.1 | mmol/L |\n",
    "transposed": "Test\tNa\tK\tCr\nResult\t138\t4.1\t0.9\nUnit\tmmol/L\tmmol/L\tmg/dL\n",
    "commas": "test,result,unit\nsodium,138,mmol/L\n\"potassium, serum\",4.1,mmol/L\n",
    "control characters": f"\x07\x1b[31m {FINDING}\x0b\x0c\x7f",
    "no-break and zero width": "Has\u00a0asthma.\u200b\ufeff De\u00adnies chest\u2009pain.",
    "one word": "a" * 20_000 + " asthma",
    "no letter": "-=*#|" * 200,
    "numbers": "0123456789 " * 200,
    "brackets": "(" * 500 + FINDING + ")" * 500,
    "markup": f"<p>{FINDING}</p><script>alert(1)</script>{{\\rtf1 \\b asthma}} ${{jndi:x}} '; DROP TABLE notes;--",
    "half a sentence": "Denies",
    "capitals": FINDING.upper(),
    "one line many times": "No asthma. " * 200,
}  # fmt: skip
DAILY = frozenset(
    {"empty", "mixed languages", "emoji", "combining marks", "line ends of Windows", "transposed", "control characters"}
)
"""What is read over HTTP every day, too: the reader is the same."""
REFUSED = {
    "zero bytes": (b"Has asthma\0\0\0.", FormatError.code),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, FormatError.code),
    "a document of another kind": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(range(1, 32)) * 50, FormatError.code),
    "half of a character": (b"Has asthma \xf0\x9f\x98", FormatError.code),
    "too long": (b"Has asthma. " * 420_000, TooLarge.code),
}


@pytest.fixture(scope="module")
def shipped() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(REGISTRY, "reader.nlp", "tests.nlp_kit:shipped_reader")
        yield


@pytest.fixture(scope="module")
def line(shipped: None, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    return CommandLine(tmp_path_factory.mktemp("line"))


@pytest.fixture(scope="module")
def served(shipped: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("served")) as made:
        yield made


def holds(found: dict[str, Any], text: str, facts: dict[str, Any]) -> None:
    quoted = [(normalize(text[one["start"] : one["end"]]).text, one["text"]) for one in found["annotations"]]
    assert [pair for pair in quoted if pair[0] != pair[1]] == []
    assert [issue for entry in facts.get("entry", ()) for issue in check(entry["resource"])] == []
    if FINDING in text:
        told = {one["text"]: one for one in found["annotations"]}
        assert told["chest pain"]["assertion"]["presence"] == "absent"
        assert "metformin" in told


@pytest.mark.parametrize("name", READ)
def test_a_text_is_read_on_the_command_line_whatever_it_looks_like(
    line: CommandLine, tmp_path: Path, name: str
) -> None:
    file = tmp_path / "note.txt"
    file.write_bytes(READ[name].encode())
    found, facts = (json.loads(line.run("annotate", "text", file, "--format", one).stdout) for one in ("json", "fhir"))
    holds(found, READ[name], facts)


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in DAILY else pytest.mark.long) for name in READ])
def test_a_text_is_read_over_http_whatever_it_looks_like(served: Installation, name: str) -> None:
    answers = [
        served.client.post("/api/v1/nlp/analyze", json={"text": READ[name], "format": one}, headers=served.bearer())
        for one in ("json", "fhir")
    ]
    assert [one.status_code for one in answers] == [200, 200]
    told, facts = (one.get_json() for one in answers)
    holds(told["findings"], READ[name], facts["document"])


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_text_is_refused_on_the_command_line(line: CommandLine, tmp_path: Path, name: str) -> None:
    content, code = REFUSED[name]
    file = tmp_path / "note.txt"
    file.write_bytes(content)
    done = line.run("annotate", "text", file, expect=2)
    assert f"[{code}]" in done.stderr
    assert "asthma" not in done.stderr


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_text_is_refused_over_http(served: Installation, name: str) -> None:
    content, code = REFUSED[name]
    text = content.decode("utf-8", "surrogateescape")
    answer = served.client.post(
        "/api/v1/nlp/analyze",
        data=json.dumps({"text": text}),
        content_type="application/json",
        headers=served.bearer(),
    )
    assert answer.status_code in (400, 413, 422)
    assert answer.get_json(force=True)["code"] in (code, "http.request-entity-too-large")
    assert "asthma" not in answer.text


@pytest.mark.long
def test_five_megabytes_are_read_by_all_of_the_reader(line: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "note.txt"
    text = (FINDING + "Father had MI in his 50s. Na 138, K 4.1.\n\n") * 45_000
    file.write_text(text[:4_999_990])
    found = json.loads(line.run("annotate", "text", file).stdout)
    assert [one for one in found["annotations"] if text[one["start"] : one["end"]] != one["text"]] == []
