"""The project as its architecture tests see it: tracked files, modules, imports and calls."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "careloom"


def modules(folder: Path = PACKAGE) -> list[Path]:
    """Every Python file of the package, sorted."""
    return sorted(folder.rglob("*.py"))


def name_of(module: Path) -> str:
    """A file's name as tests show it: ``fhir/validate.py``."""
    return module.relative_to(PACKAGE).as_posix() if module.is_relative_to(PACKAGE) else module.name


def tracked_files() -> list[Path]:
    """Every file that git tracks and that is there."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    files = [ROOT / name for name in listing.decode().split("\0") if name]
    return [file for file in files if file.is_file()]


@dataclass(frozen=True, slots=True)
class Import:
    """One import: the module that is named, what is taken from it (empty for ``import x``), and where it stands.

    runs_on_import  False inside a function body and below ``if TYPE_CHECKING``
    """

    module: str
    names: tuple[str, ...]
    line: int
    runs_on_import: bool


def imports(tree: ast.AST) -> Iterator[Import]:
    """Every import of a module, those inside functions too."""
    yield from _imports(tree, runs_on_import=True)


def _imports(node: ast.AST, *, runs_on_import: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, (), child.lineno, runs_on_import)
        elif isinstance(child, ast.ImportFrom):
            yield Import(child.module or "", tuple(alias.name for alias in child.names), child.lineno, runs_on_import)
        elif not isinstance(child, ast.expr):  # no expression holds an import
            hidden = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) or _type_checking(child)
            yield from _imports(child, runs_on_import=runs_on_import and not hidden)


def _type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def dotted_names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every name and attribute chain that is used, e.g. ``os.environ`` or ``open``, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            yield ast.unparse(node), node.lineno


def parse(module: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(module.read_text("utf-8"), filename=str(module))
