"""Asks PyPI which locked versions have known weaknesses: make audit; make check where PyPI answers.

pip-audit lives in an environment of its own, `requirements/audit.lock`. Behind a mirror that serves files alone nobody
can be asked: --where-answered says so and passes, so that work goes on without a network; else that is a failure.
"""

import argparse
import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

from pip._internal.models.index import PyPI

ROOT = Path(__file__).resolve().parents[1]
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))


def silence(index: str) -> str:
    """Why the index tells no weaknesses; empty if it does."""
    version = re.search(r"(?m)^pip-audit==(\S+)", (ROOT / "requirements" / "audit.lock").read_text("utf-8"))
    assert version is not None
    try:
        with urllib.request.urlopen(f"{index}/pypi/pip-audit/{version[1]}/json", timeout=10) as answer:
            told = json.load(answer)
    except (OSError, ValueError) as error:
        return f"{index} does not answer ({type(error).__name__}: {error})"
    return "" if isinstance(told, dict) and "vulnerabilities" in told else f"{index} serves no list of weaknesses"


def installed(venv: Path) -> Path:
    """pip-audit, put in place if it is not there yet."""
    python = venv / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    lock = ROOT / "requirements" / "audit.lock"
    command = [
        str(python),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--require-hashes",
        "--no-deps",
        "--requirement",
        str(lock),
    ]
    subprocess.run(command, check=True)
    return venv / "bin" / "pip-audit"


def weaknesses(auditor: Path, lock: Path) -> list[str]:
    """What is known of the versions of a lock, a line each. raises ValueError with the reason it is not."""
    command = [
        str(auditor),
        "--strict",
        "--disable-pip",
        "--require-hashes",
        "--format",
        "json",
        "--requirement",
        str(lock),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        told = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        raise ValueError((done.stderr.strip().splitlines() or ["pip-audit says nothing"])[-1]) from None
    found = [(one, hole) for one in told for hole in one.get("vulns", [])]
    if done.returncode and not found:
        raise ValueError(f"pip-audit ended with {done.returncode}")
    mended = {hole["id"]: ", ".join(hole["fix_versions"]) or "no version" for _, hole in found}
    return [
        f"{lock.name}: {one['name']} {one['version']}: {hole['id']}, mended in {mended[hole['id']]}"
        for one, hole in found
    ]


def main() -> int:
    """0 if no weakness is known, 1 if one is or nobody could be asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--where-answered", action="store_true", help="pass, and say so, where nobody can be asked")
    parser.add_argument("--index", default=PyPI.url.rstrip("/"), help="who is asked whether weaknesses can be had")
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv-audit", help="the environment of pip-audit")
    parser.add_argument("--auditor", type=Path, help="a pip-audit that is installed already")
    how = parser.parse_args()
    found: list[str] = []
    reason = silence(how.index)
    try:
        auditor = how.auditor or (None if reason else installed(how.venv))
        for lock in [] if reason or auditor is None else LOCKS:
            found += weaknesses(auditor, lock)
    except (ValueError, subprocess.CalledProcessError) as error:
        reason = str(error)
    print("\n".join(found) or f"{len(LOCKS)} locks: " + (f"NOT AUDITED, {reason}" if reason else "no known weakness"))
    return int(bool(found) or bool(reason and not how.where_answered))


if __name__ == "__main__":
    sys.exit(main())
