"""An administrator invites a person on the command line, who enrols there, and is reset and stopped."""

import re
from base64 import b32decode
from pathlib import Path
from time import time

import pytest
import typer

from careloom.crypto.one_time_codes import code_at
from tests.journeys.hospital import CommandLine

PASSWORD = "three lamps over the harbour"  # pragma: allowlist secret
INVITE = ("people", "invite", "mara.lind", "--role", "clinician", "--zone", "identified", "--full-name", "Mara Lind")


@pytest.fixture
def careloom(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


def enrol(careloom: CommandLine, invitation: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the command showed; whoever types reads the secret of the authenticator from it."""
    from careloom.cli import people
    from careloom.cli.output import console

    shown: list[str] = []

    def typed(label: str, **_: object) -> str:
        if label.startswith("Code of"):
            return invitation
        if label.startswith("New"):
            return PASSWORD
        secret = re.search(r"app: ([A-Z2-7 ]+)", "".join(shown))
        assert secret
        return code_at(b32decode(secret[1].replace(" ", "")), int(time()))

    monkeypatch.setattr(typer, "prompt", typed)
    monkeypatch.setenv("CARELOOM__DATA__DIRECTORY", str(careloom.data))
    monkeypatch.setattr(
        type(console()), "print", lambda _, *texts, **__: shown.append(" ".join(map(str, texts)) + "\n")
    )
    people.people_enrol("mara.lind")
    return "".join(shown)


def test_a_person_is_invited_enrols_and_is_reset_and_stopped(
    careloom: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    invited = careloom.json(*INVITE)
    assert (invited["account"], invited["state"], invited["full_name"]) == ("invited", "active", "Mara Lind")
    shown = enrol(careloom, invited["invitation"], monkeypatch)
    assert PASSWORD not in shown
    codes = re.findall(r"^\s+([a-z2-7]{4}(?:-[a-z2-7]{4}){3})$", shown, re.MULTILINE)
    assert len(set(codes)) == 10
    told = careloom.json("people", "show", "mara.lind")
    assert (told["account"], told["recovery_codes_left"]) == ("ready", 10)
    careloom.run("people", "unlock", "mara.lind")
    assert careloom.json("people", "passkeys", "mara.lind") == {"name": "mara.lind", "passkeys": []}
    assert careloom.run("people", "remove-passkey", "mara.lind", "mfrggzdfmzqwc2lomfrggzdfmz", expect=2).stderr
    careloom.run("people", "disable", "mara.lind")
    assert careloom.json("people", "list")[0]["state"] == "disabled"
    careloom.run("people", "enable", "mara.lind")
    again = careloom.json("people", "reset", "mara.lind")
    assert again["account"] == "invited"
    assert again["invitation"] != invited["invitation"]
