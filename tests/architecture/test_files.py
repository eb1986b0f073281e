"""Files keep their size, their names and their silence about machines."""

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.source import PACKAGE, ROOT, modules, name_of, parse, tracked_files
from tests.every import over

LINES_AT_MOST = 400
BODY_LINES_AT_MOST = 40
NAMELESS = {"utils", "util", "common", "helpers", "helper", "base", "core", "manager", "misc"}
PYTHON = [file for file in tracked_files() if file.suffix == ".py"]


def relative(file: Path) -> str:
    """A file's path below the root, as tests show it."""
    return file.relative_to(ROOT).as_posix()


def test_no_file_is_longer_than_one_idea() -> None:
    sizes = {relative(file): len(file.read_text("utf-8").splitlines()) for file in PYTHON}
    assert {name: lines for name, lines in sizes.items() if lines > LINES_AT_MOST} == {}


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of a function's body without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


@over(modules(), name_of)
def test_no_function_is_longer_than_a_screen(module: Path) -> None:
    functions = [node for node in ast.walk(parse(module)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = {function.name: body_lines(function) for function in functions if body_lines(function) > BODY_LINES_AT_MOST}
    assert long == {}


def test_every_file_and_folder_says_what_lives_there() -> None:
    parts = {part for file in PYTHON for part in (*file.relative_to(ROOT).parts[:-1], file.stem)}
    assert parts & NAMELESS == set()


INITS = [file for file in modules() if file.name == "__init__.py"]


@over(INITS, name_of)
def test_every_init_is_one_docstring(init: Path) -> None:
    tree = parse(init)
    assert ast.get_docstring(tree), "the room's sentence is missing"
    rest = tree.body[1:]
    if init.parent == PACKAGE:
        assert [ast.unparse(node).split(" ")[0] for node in rest] == ["__version__"]
    else:
        assert rest == []


def test_every_folder_of_the_package_with_code_is_a_room_with_its_sentence() -> None:
    folders = {file.parent for file in modules()}
    assert {relative(folder) for folder in folders if not (folder / "__init__.py").exists()} == set()


# Written in pieces, so that this file does not hold what it looks for.
HOMES = "|".join(["work", "root", "Users", "home"])
PERSONAL = re.compile(rf"(?<![\w./<{{}}$-])/(?:{HOMES})/[A-Za-z0-9._]")
PLACES = "|".join(["wheels", "pypi", "python"])
FOUND_ON_ONE_MACHINE = re.compile(rf"(?<![\w./-])/{'opt'}/(?:{PLACES})\b")
HOSTS = [
    ("pypi", "org"),
    ("files", "pythonhosted", "org"),
    ("registry", "npmjs", "org"),
    ("deb", "debian", "org"),
    ("download", "pytorch", "org"),
    ("archive", "ubuntu", "com"),
    ("proxy", "golang", "org"),
]
REGISTRIES = re.compile("|".join(re.escape(".".join(host)) for host in HOSTS))


def slips(text: str) -> list[str]:
    """Machine paths, registry hosts and local versions in a text."""
    found = [
        match.group() for pattern in (PERSONAL, FOUND_ON_ONE_MACHINE, REGISTRIES) for match in pattern.finditer(text)
    ]
    return found + re.findall(r"==[0-9][0-9.]*\+" + "cpu", text)


def test_no_tracked_file_names_a_machine_or_a_registry() -> None:
    found = {}
    for file in tracked_files():
        try:
            text = file.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        if hits := slips(text):
            found[relative(file)] = hits[:3]
    assert found == {}


NAMED = [
    ("see /%s/main/x", "work", 1),
    ("file:///%s/someone/x", "home", 0),  # a URL in an example is no machine of ours
    ('"/%s/someone/x"', "home", 1),
    ("https://example.org/%s/x", "work", 0),
    ("https://%s.org/simple", "pypi", 1),
    ("torch==2.13.0+%s", "cpu", 1),
    ("torch==2.13.0 %s", "cpu", 0),
]


@pytest.mark.parametrize(("text", "word", "expected"), NAMED)
def test_a_machine_path_is_told_from_an_address(text: str, word: str, expected: int) -> None:
    assert len(slips(text % word)) == expected
