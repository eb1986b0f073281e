"""Prints what .github/workflows/promote.yml does next with a version: shadow, canary, promote or nothing.

Usage: careloom models show NAME@3 --json | python tools/plan_promotion.py shadow|canary|champion [--approval]

With --approval it prints whether somebody has to approve the version first: yes or no. It ends with 1 where the version
cannot become that, before anybody approves anything.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from typing import Any

STEPS = {"shadow": "shadow", "canary": "canary", "champion": "promote"}
ALIAS = {"shadow": "shadow", "canary": "challenger", "champion": "champion"}


def step(to: str, told: Mapping[str, Any]) -> str:
    """What is left to do; `told` is what ``careloom models show --json`` prints. raises SystemExit with the reason"""
    aliases = told["aliases"]
    if told["state"] == "retired":
        raise SystemExit(f"{told['version']} is retired: name another version.")
    if ALIAS[to] in aliases:
        return "nothing"
    if to != "champion" and "champion" in aliases:
        raise SystemExit(f"{told['version']} is the champion: it can become nothing less.")
    if to == "shadow" and "challenger" in aliases:
        raise SystemExit(f"{told['version']} is the canary: end it first by the workflow rollback.")
    if to == "canary" and told["traffic"]["champion"] is None:
        raise SystemExit(f"Nobody answers for {told['model']} yet: choose champion.")
    return STEPS[to]


def needs_approval(to: str, told: Mapping[str, Any]) -> bool:
    """Whether a second person has to approve the version first: a shadow is shown to nobody and needs none."""
    return step(to, told) in ("canary", "promote") and told["state"] == "registered"


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("to", choices=sorted(STEPS))
    parser.add_argument("--approval", action="store_true")
    asked = parser.parse_args()
    told = json.load(sys.stdin)
    if asked.approval:
        print("yes" if needs_approval(asked.to, told) else "no")
    else:
        print(step(asked.to, told))


if __name__ == "__main__":
    main()
