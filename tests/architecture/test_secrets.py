"""Secrets are made by chance of the operating system, compared in constant time, and looked for by bandit, too."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.architecture.source import PACKAGE, ROOT, imports, modules, name_of, parse
from tests.every import over

SECRET = re.compile(r"(^|_)(secret|password|passphrase|passcode|otp|totp|mac|hmac)s?$")
PROOF = re.compile(r"(^|_)(token|bearer|digest|hash|signature|seal|challenge|verifier|nonce)s?$")
ASKED = re.compile(
    r"^(api|crypto)/"
    r"|^(services|store)/(\w*_)?(tokens?|assertions?|clients?|accounts?|sessions?|refresh\w*|authoriz\w*|oidc|sign_?in)(_\w*)?\.py$"
)
"""Files that compare what a caller sent with what only the right caller knows."""

SAME_TYPE = {"strip", "lower", "upper", "encode", "decode", "hexdigest", "digest", "hex", "get"}
PLAIN = {
    ("api/oauth_server.py", "bearer.strip() == token"): "both were sent by the caller: nothing of ours is compared",
}
"""(file, comparison) -> why nobody learns anything from how long it takes."""


def name(node: ast.expr) -> str:
    """The last word of what is compared: `client.secret.encode()` is secret; a constant has none."""
    while isinstance(node, ast.Call):
        inner = node.func
        if isinstance(inner, ast.Attribute) and inner.attr in SAME_TYPE:
            if inner.attr == "get" and node.args and isinstance(node.args[0], ast.Constant):
                return str(node.args[0].value)
            node = inner.value
        else:
            node = inner
    if isinstance(node, ast.Subscript):
        return str(node.slice.value) if isinstance(node.slice, ast.Constant) else name(node.value)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def compared(tree: ast.AST, *, is_asked: bool) -> list[str]:
    """Every comparison by == or != of a secret, and in files that callers ask, of what proves that one is known."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Eq | ast.NotEq):
            continue
        sides = [node.left, *node.comparators]
        if any(isinstance(side, ast.Constant) and side.value in ("", b"", None) for side in sides):
            continue
        words = [name(side).lower().lstrip("_") for side in sides]
        if any(SECRET.search(word) or (is_asked and PROOF.search(word)) for word in words):
            found.append(ast.unparse(node))
    return found


@over(modules(), name_of)
def test_no_secret_is_compared_in_a_time_that_tells(module: Path) -> None:
    found = compared(parse(module), is_asked=bool(ASKED.search(name_of(module))))
    assert [text for text in found if (name_of(module), text) not in PLAIN] == [], "use hmac.compare_digest"


def test_each_comparison_that_is_excused_is_still_there() -> None:
    for file, text in PLAIN:
        assert text in compared(parse(PACKAGE / file), is_asked=True)


@pytest.mark.parametrize(
    "planted",
    [
        "given == client.secret", "password != row.password_hash.encode()", "sha256(token).hexdigest() == kept.digest",
        "form.get('client_secret') == kept", "row['token'] == token", "code.totp == given",
    ],
)  # fmt: skip
def test_a_planted_comparison_is_found(planted: str) -> None:
    assert compared(ast.parse(planted), is_asked=True) == [ast.unparse(ast.parse(planted))]


@pytest.mark.parametrize(
    "fine", ["hmac.compare_digest(secret, given)", "token == ''", "token.kind == 'DATE'", "secret is None"]
)
def test_what_tells_nothing_is_passed(fine: str) -> None:
    assert compared(ast.parse(fine), is_asked=True) == []


def test_the_files_that_callers_ask_are_found() -> None:
    asked = {name_of(module) for module in modules() if ASKED.search(name_of(module))}
    assert {
        "api/gate.py",
        "services/tokens.py",
        "services/assertions.py",
        "store/clients.py",
        "crypto/keys.py",
    } <= asked


CHANCE = [module for module in modules() if name_of(module).split("/")[0] in ("api", "crypto", "services", "store")]


@over(CHANCE, name_of)
def test_nothing_that_could_be_a_secret_is_made_by_the_chance_of_a_simulator(module: Path) -> None:
    assert [each.line for each in imports(parse(module)) if each.module.split(".")[0] == "random"] == []


def bandit(file: Path) -> str:
    """What bandit says of a file with the configuration of the project."""
    command = [str(Path(sys.executable).parent / "bandit"), "--quiet", "--configfile", str(ROOT / "pyproject.toml")]
    return subprocess.run([*command, str(file)], capture_output=True, text=True, check=False).stdout


def test_bandit_finds_what_ruff_has_no_rule_for(tmp_path: Path) -> None:
    file = tmp_path / "loads.py"
    file.write_text("from transformers import AutoModel\nAutoModel.from_pretrained('somebody/something')\n")
    assert "B615" in bandit(file)
    file.write_text("from transformers import AutoModel\nAutoModel.from_pretrained('somebody/x', revision='0' * 40)\n")
    assert bandit(file) == ""


def test_what_bandit_skips_ruff_judges() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
    reasoned = {"B311", "B403", "B404", "B405", "B406"}
    for number in set(told["bandit"]["skips"]) - reasoned:
        rule = f"S{number[1:]}"
        assert "S" in told["ruff"]["lint"]["select"]
        assert rule not in told["ruff"]["lint"]["ignore"]
        known = subprocess.run(
            [str(Path(sys.executable).parent / "ruff"), "rule", rule], capture_output=True, text=True, check=False
        )
        assert known.returncode == 0
        assert "preview" not in known.stdout.split("##")[0]
