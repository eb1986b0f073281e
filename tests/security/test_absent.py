"""What would be dangerous is not there: no shell, no code or page made of input, no certificate that nobody checks."""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from careloom.services.clients import list_clients
from tests.api.kit import Installation
from tests.architecture.source import PACKAGE, imports, modules, name_of, parse

TREES = {name_of(module): parse(module) for module in modules()}
SCRIPTS = sorted([*(PACKAGE / "dashboard" / "static").glob("*.js"), *(PACKAGE / "api").glob("*.js")])

INTERPRETERS = {
    "LDAP": {"ldap", "ldap3"},
    "memcache": {"memcache", "pylibmc", "pymemcache"},
    "JNDI": {"jnius", "jpype", "py4j"},
    "LaTeX": {"pylatex", "pytex"},
    "GraphQL": {"ariadne", "graphene", "graphql", "strawberry"},
    "WebSocket": {"flask_sock", "flask_socketio", "simple_websocket", "websockets", "wsproto"},
    "WebRTC": {"aiortc"},
    "Markdown": {"commonmark", "markdown", "markdown2", "mistune"},
    "SVG": {"cairosvg", "svglib"},
    "a telephone": {"messagebird", "nexmo", "twilio", "vonage"},
    "objects out of bytes": {"cloudpickle", "dill", "jsonpickle", "marshal", "pickle", "shelve", "yaml"},
    "templates of text": {"chameleon", "jinja2", "mako"},
}
"""What reads a language that an attacker could write -> the libraries that do it."""


@pytest.mark.parametrize("libraries", INTERPRETERS.values(), ids=INTERPRETERS)
def test_nothing_here_speaks(libraries: set[str]) -> None:
    found = {f"{name}:{each.line}" for name, tree in TREES.items() for each in imports(tree)
             if each.module.split(".")[0] in libraries}  # fmt: skip
    assert found == set()


ASKED = {"api", "services", "store", "dashboard", "client", "serve.py"}
"""Where what callers send is handled."""


def calls(wanted: Callable[[str], bool]) -> Iterator[tuple[str, ast.Call]]:
    """(file, call) of every call of a name that is wanted."""
    return ((file, node) for file, name, node in _calls() if wanted(name))


@cache
def _calls() -> list[tuple[str, str, ast.Call]]:
    found = ((file, node) for file, tree in TREES.items() for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [(file, _name(node.func), node) for file, node in found]


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def keywords(name: str) -> Iterator[tuple[str, str]]:
    """(file, value) of every call that gives a keyword."""
    for file, node in calls(lambda _: True):
        yield from ((file, ast.unparse(given.value)) for given in node.keywords if given.arg == name)


MADE = {"fhir/search_compile.py", "fhir/validate_shapes.py", "fhir/views_write.py"}
"""Write functions of FHIR's packaged tables, and of views that were parsed: names and texts enter by repr alone."""


def test_code_is_made_in_three_files_alone_and_of_no_input() -> None:
    made = {file for file, _ in calls(lambda name: name in {"eval", "exec", "compile", "__import__"})}
    assert made == MADE


def test_no_shell_is_asked() -> None:
    assert list(keywords("shell")) == []
    assert list(calls(lambda name: re.search(r"^os\.(system|popen)$|getoutput$", name) is not None)) == []


def test_a_path_into_xml_is_written_here_and_a_value_enters_as_a_variable() -> None:
    found = [call for _, call in calls(lambda name: re.search(r"(^|\.)(xpath|XPath)$", name) is not None)]
    assert found
    assert [ast.unparse(call) for call in found if not isinstance(call.args[0], ast.Constant)] == []


def test_what_enters_a_pattern_is_escaped_or_ours() -> None:
    loose = []
    for file, call in calls(
        lambda name: re.fullmatch(r"re\.(compile|search|match|fullmatch|sub|split|find\w+)", name) is not None
    ):
        parts = call.args[0].values if call.args and isinstance(call.args[0], ast.JoinedStr) else []
        for part in (part.value for part in parts if isinstance(part, ast.FormattedValue)):
            text = ast.unparse(part)
            if file.split("/")[0] in ASKED and not re.search(r"re\.escape|^_?[A-Z][A-Z_]+$", text):
                loose.append(f"{file}: {text}")
    assert loose == []


def test_a_page_is_made_of_a_packaged_template_alone() -> None:
    found = list(calls(lambda name: name.endswith(("render_template", "render_template_string"))))
    assert [(file, ast.unparse(call.args[0])) for file, call in found] == [("dashboard/sign_in.py", "PAGE")]


def test_no_format_string_comes_from_a_caller() -> None:
    loose = [
        f"{file}: {ast.unparse(call)}"
        for file, call in calls(lambda name: name.endswith(".format"))
        if file.split("/")[0] in ASKED - {"store"}
        and isinstance(call.func, ast.Attribute)
        and not isinstance(call.func.value, ast.Constant)
        and ast.unparse(call.func.value) != "pl"
    ]
    assert loose == ["services/audit.py: _FOUND.get(problem.code, '{} is not as it was').format(f'row {problem.seq}')"]


def test_certificates_are_checked_and_redirects_not_followed() -> None:
    assert {value for _, value in keywords("verify")} <= {
        "trusted_by(ca)", "_trusted()", "ssl.create_default_context()",
    }  # fmt: skip
    assert [value for _, value in keywords("follow_redirects") if value != "False"] == []
    text = "\n".join(module.read_text("utf-8") for module in modules())
    assert re.findall(r"CERT_NONE|_create_unverified_context|check_hostname = False", text) == []


def test_weak_hashes_prove_nothing() -> None:
    weak = [ast.unparse(call) for _, call in calls(lambda name: re.search(r"(^|\.)(md5|sha1|new)$", name) is not None)]
    hashes = [text for text in weak if re.search(r"md5|sha1", text)]
    assert [text for text in hashes if "usedforsecurity=False" not in text] == []


def test_no_weak_cipher_or_padding_is_named() -> None:
    weak = {"ECB", "CBC", "CTR", "ARC4", "TripleDES", "Blowfish", "PKCS1v15", "Fernet"}
    named = {
        (name, node.attr)
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in weak
    }
    assert named <= {("deid/microsoft_methods.py", "CBC")}, "a cipher that another tool's files demand, and no other"


def test_nothing_runs_to_debug() -> None:
    assert [value for _, value in keywords("debug") if value != "False"] == []
    assert [file for file, _ in calls(lambda name: name == "app.run" or name.endswith("set_trace"))] == []


OTHERS = {"plotly.js", "regenerator.js"}
"""What `tools/figures` makes of other people's packages, which draw into elements of their own."""


@pytest.mark.parametrize("word", ["innerHTML", "document.write", "postMessage", "eval(", "sessionStorage", "indexedDB"])
def test_our_script_does_without(word: str) -> None:
    own = [script for script in SCRIPTS if script.name not in OTHERS]
    assert {script.parent.name for script in own} == {"static", "api"}
    assert [script.name for script in own if word in script.read_text("utf-8")] == []


def test_what_others_wrote_evaluates_nothing() -> None:
    for script in SCRIPTS:
        assert re.search(r"\beval\(|new Function\b", script.read_text("utf-8")) is None, script.name


def test_a_browser_keeps_the_chosen_colours_and_keys_and_nothing_else() -> None:
    text = "".join(script.read_text("utf-8") for script in SCRIPTS)
    assert set(re.findall(r"localStorage\.\w+\((\w+)", text)) == {"THEME", "LETTERS"}
    assert list(keywords("storage_type")) == []
    assert list(keywords("dangerously_allow_html")) == []


def test_a_new_installation_knows_nobody(tmp_path: Path) -> None:
    with Installation(tmp_path) as made:
        assert list_clients(made.platform, made.operator) == []
