"""What is installed and what runs in continuous integration is pinned, hashed and the same everywhere."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from tests.architecture.source import ROOT

LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
COMPANIONS = re.compile(r"^(torch|torchvision|torchaudio|triton|nvidia-|cuda-)")
PIN = re.compile(r"(?m)^([a-z0-9.-]+)==(\S+)")
TOOLS = Path(sys.executable).parent


def pins(lock: Path) -> dict[str, str]:
    """The versions that a lock holds."""
    return dict(PIN.findall(lock.read_text("utf-8")))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_version_in_a_lock_has_a_hash(lock: Path) -> None:
    entries = re.split(r"(?m)^(?=[a-z0-9.-]+==)", lock.read_text("utf-8"))[1:]
    assert [entry.split("==")[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_torch_and_its_companions_are_in_no_lock(lock: Path) -> None:
    assert [name for name in pins(lock) if COMPANIONS.match(name)] == []


def test_torch_has_one_pin_of_its_own() -> None:
    lines = [line for line in (ROOT / "requirements" / "torch.txt").read_text("utf-8").splitlines() if line[:1] != "#"]
    assert len(lines) == 1
    assert re.fullmatch(r"torch==\d+\.\d+\.\d+", lines[0])


def test_all_locks_hold_the_same_version_of_a_library() -> None:
    versions: dict[str, set[str]] = defaultdict(set)
    for lock in LOCKS:
        if lock.stem not in ("audit", "uv"):  # environments of their own
            for name, version in pins(lock).items():
                versions[name].add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_every_declared_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    groups = {
        "base": project["dependencies"],
        **{extra: project["optional-dependencies"][extra] for extra in ("ml", "azure", "lab", "presidio", "spark")},
        "dev": [each for extra in ("dev", "docs", "notebooks") for each in project["optional-dependencies"][extra]],
    }
    for name, declared in groups.items():
        locked = pins(ROOT / "requirements" / f"{name}.lock")
        wanted = {re.split(r"[\[<>=]", text)[0].lower().replace(".", "-") for text in declared} - {"torch"}
        assert wanted <= set(locked), f"{name}.lock is older than pyproject.toml: make lock"


def test_every_declared_dependency_has_a_floor() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = project["dependencies"] + [text for extra in project["optional-dependencies"].values() for text in extra]
    assert [text for text in declared if ">=" not in text] == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda workflow: workflow.name)
def test_actions_are_pinned_by_commit_and_hold_few_rights(workflow: Path) -> None:
    text = workflow.read_text("utf-8")
    uses = re.findall(r"uses:\s*(\S+)", text)
    assert [action for action in uses if not re.search(r"@[0-9a-f]{40}$", action)] == []
    assert yaml.safe_load(text)["permissions"] == {}, "rights are given job by job"


def test_the_branch_cannot_change_without_the_jobs_of_ci() -> None:
    ruleset = json.loads((ROOT / ".github" / "rulesets" / "main.json").read_text("utf-8"))
    rules = {rule["type"]: rule.get("parameters", {}) for rule in ruleset["rules"]}
    required = {check["context"] for check in rules["required_status_checks"]["required_status_checks"]}
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))["jobs"]
    assert required == {job["name"] for job in jobs.values()}
    assert {"deletion", "non_fast_forward", "pull_request"} <= set(rules)
    assert rules["pull_request"]["require_code_owner_review"] is True
    assert ruleset["bypass_actors"] == []


# Put together here, so that no file of the repository holds what the scan looks for.
PLANTED = {
    "a cloud access key": "key = '" + "AKIA" + "QYLPMN5HFIQR7XYA" + "'\n",
    "a key block": "-----BEGIN " + "RSA PRIVATE KEY-----\n",
    "a word assigned to a telling name": "pass" + "word = 'Tr0ub4dor-and-3'\n",
    "credentials in a URL": "postgresql://careloom:" + "hunter22" + "@db.example.org/x\n",
}


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED)
def test_the_scan_finds_a_planted_secret(tmp_path: Path, planted: str) -> None:
    file = tmp_path / "settings.py"
    file.write_text(planted, "utf-8")
    assert scan(file) == 1


def test_the_scan_passes_a_file_without_secrets(tmp_path: Path) -> None:
    file = tmp_path / "settings.py"
    file.write_text("password = os.environ['PGPASSWORD']\ndatabase = 'postgresql+psycopg://host/name'\n", "utf-8")
    assert scan(file) == 0


def scan(file: Path) -> int:
    """The status of the scan that make secrets runs, for one file."""
    baseline = file.with_name(".secrets.baseline")
    baseline.write_bytes((ROOT / ".secrets.baseline").read_bytes())
    command = [str(TOOLS / "detect-secrets-hook"), "--no-verify", "--baseline", str(baseline), str(file)]
    return subprocess.run(command, capture_output=True, cwd=file.parent, check=False).returncode


def test_the_baseline_excuses_nothing() -> None:
    assert json.loads((ROOT / ".secrets.baseline").read_text("utf-8"))["results"] == {}


def install(folder: Path, environment: dict[str, str], uv_status: int = 0) -> str:
    """What tools/install.sh asks of uv and pip, from stand-ins that note their variables and arguments."""
    (folder / "bin").mkdir()
    for name, status in (("uv", uv_status), ("python", 0)):
        stand_in = folder / "bin" / name
        stand_in.write_text(
            f'#!/bin/sh\n[ "$1" = --version ] && exit 0\n'
            f'echo "{name} $* find=$UV_FIND_LINKS index=$UV_DEFAULT_INDEX cert=$SSL_CERT_FILE" >>"{folder}/asked"\n'
            f"exit {status}\n"
        )
        stand_in.chmod(0o755)
    subprocess.run(
        [str(ROOT / "tools" / "install.sh"), str(folder), "requirements/base.lock"],
        env={"PATH": os.environ["PATH"], **environment},
        check=True,
        capture_output=True,
    )
    return (folder / "asked").read_text("utf-8")


def test_what_pip_was_told_uv_is_told(tmp_path: Path) -> None:
    told = {
        "PIP_FIND_LINKS": "wheels more",
        "PIP_INDEX_URL": "https://mirror.example.org/simple",
        "PIP_CERT": "own.pem",
    }
    asked = install(tmp_path, told)
    assert "find=wheels,more index=https://mirror.example.org/simple cert=own.pem" in asked
    assert "uv pip install" in asked
    assert "--require-hashes --no-deps --requirement requirements/base.lock" in asked


def test_without_variables_uv_is_told_nothing(tmp_path: Path) -> None:
    assert "find= index= cert=\n" in install(tmp_path, {})


def test_pip_installs_from_the_same_lock_when_uv_fails(tmp_path: Path) -> None:
    asked = install(tmp_path, {}, uv_status=1)
    assert "python -m pip install --quiet --require-hashes --no-deps --requirement requirements/base.lock" in asked


def test_pip_installs_from_the_same_lock_when_asked(tmp_path: Path) -> None:
    asked = install(tmp_path, {"CARELOOM_INSTALLER": "pip"})
    assert "uv" not in asked.replace("UV", "")
    assert "--require-hashes --no-deps --requirement requirements/base.lock" in asked
