"""Writes docs/reference/issue-codes.md: every issue code that the package can raise, with its meaning.

The codes are read from the source, so that the page cannot drift: from calls of `Issue`, from calls of functions that
pass a code on to it, plain or inside a prefix (``f"ingest.{code}"``), and from tables.

Usage: python tools/list_issue_codes.py [--check]
"""

import argparse
import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "careloom"
PAGE = ROOT / "docs" / "reference" / "issue-codes.md"
REGISTRY = "pipeline/registry.py"
FACES = {"api", "cli", "client", "dashboard"}
"""They raise no issue: a code there is an example, or a name of something else."""
SEVERITIES = ("fatal", "error", "warning", "information")
FILE_ENDINGS = "db|json|toml|zdict|zst|zip|gz|key|csv|ndjson|py|turn"
CODE = re.compile(rf"^[a-z][a-z0-9]*\.(?!({FILE_ENDINGS})$)[a-z][a-z0-9]*(-([a-z0-9]+|{{[a-z_]+}}))*$")


@dataclass(slots=True)
class Maker:
    """A function that makes an issue: what its parameters are called and how one of them becomes the code."""

    name: str
    parameters: list[str]
    parameter: str
    template: str = "{}"
    severity: str = ""


@dataclass(slots=True)
class Found:
    """One code: how severe, what it says, where it is raised."""

    code: str
    severities: set[str] = field(default_factory=set)
    messages: list[str] = field(default_factory=list)
    remedies: list[str] = field(default_factory=list)
    files: set[str] = field(default_factory=set)


ISSUE = Maker("Issue", ["code", "severity", "place", "message", "remedy"], "code")


def text_of(node: ast.expr | None) -> str | None:
    """A string as the source writes it, placeholders in braces; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else hole(part.value)
            for part in node.values
            if isinstance(part, ast.Constant | ast.FormattedValue)
        )
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = text_of(node.left), text_of(node.right)
        return left + right if left is not None and right is not None else None
    return None


def hole(node: ast.expr) -> str:
    """What is filled into a text: the last name, where it has one."""
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else "..."
    return "{" + name.strip("_") + "}"


def called(call: ast.Call) -> str:
    """The last name of what is called."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def argument(call: ast.Call, maker: Maker, parameter: str) -> ast.expr | None:
    """The expression that a call hands over for a parameter."""
    for keyword in call.keywords:
        if keyword.arg == parameter:
            return keyword.value
    position = maker.parameters.index(parameter) if parameter in maker.parameters else len(call.args)
    return call.args[position] if position < len(call.args) else None


def alternatives(node: ast.expr | None) -> Iterator[ast.expr]:
    """The expressions that a value can be: both sides of ``a if x else b``."""
    if isinstance(node, ast.IfExp):
        yield from alternatives(node.body)
        yield from alternatives(node.orelse)
    elif node is not None:
        yield node


def severity_of(call: ast.Call) -> str:
    """The severity that stands in a call, if it is written out."""
    values = [text_of(node) for node in (*call.args, *(keyword.value for keyword in call.keywords))]
    return next((value for value in values if value in SEVERITIES), "")


@dataclass(frozen=True, slots=True)
class Body:
    """A function with its parameters and the calls that stand in it."""

    name: str
    parameters: list[str]
    calls: list[ast.Call]


def bodies_of(tree: ast.AST) -> list[Body]:
    """The functions of a file, walked once."""
    found = []
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            arguments = [*function.args.args, *function.args.kwonlyargs]
            parameters = [each.arg for each in arguments if each.arg not in ("self", "cls")]
            calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
            found.append(Body(function.name, parameters, calls))
    return found


def makers_in(bodies: list[Body], known: dict[str, Maker]) -> Iterator[Maker]:
    """Functions that pass one of their parameters on as a code."""
    for function in bodies:
        if function.name in known:
            continue
        for call in function.calls:
            if called(call) not in known:
                continue
            inner = known[called(call)]
            for node in alternatives(argument(call, inner, inner.parameter)):
                template, parameter = passed_on(node, function.parameters)
                if parameter:
                    severity = severity_of(call) or inner.severity
                    yield Maker(
                        function.name, function.parameters, parameter, inner.template.format(template), severity
                    )


def imported_by(tree: ast.Module) -> set[str]:
    """The modules that a file imports, or imports from, as paths within the package."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name.removeprefix("careloom.").replace(".", "/") + ".py" for name in found}


def makers_of(trees: dict[str, ast.Module]) -> dict[str, dict[str, Maker]]:
    """For each file the functions that make issues there: its own, and public ones of modules that it imports."""
    known = {where: {"Issue": ISSUE} for where in trees}
    bodies = {where: bodies_of(tree) for where, tree in trees.items()}
    imports = {where: imported_by(tree) for where, tree in trees.items()}
    while new := [(where, maker) for where, found in bodies.items() for maker in makers_in(found, known[where])]:
        for where, maker in new:
            for other in [] if maker.name.startswith("_") else trees:
                if where in imports[other]:
                    known[other].setdefault(maker.name, maker)
            known[where][maker.name] = maker
    return known


def passed_on(node: ast.expr, parameters: list[str]) -> tuple[str, str]:
    """How a parameter becomes a code: its template and its name, or two empty strings."""
    if isinstance(node, ast.Name) and node.id in parameters:
        return "{}", node.id
    if isinstance(node, ast.JoinedStr):
        holes = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
        if len(holes) == 1 and isinstance(holes[0], ast.Name) and holes[0].id in parameters:
            parts = ["{}" if isinstance(part, ast.FormattedValue) else text_of(part) or "" for part in node.values]
            return "".join(parts), holes[0].id
    return "", ""


Texts = dict[str, list[tuple[int, str]]]


def texts(node: ast.expr | None, locals_: Texts) -> list[str]:
    """What an argument says: itself, or what the local name that it is was given last before it."""
    found = []
    for each in alternatives(node):
        text = text_of(each)
        if text:
            found.append(text)
        elif isinstance(each, ast.Name):
            given = [pair for pair in locals_.get(each.id, []) if pair[0] <= each.lineno]
            found += [text for line, text in given if line == given[-1][0]]
    return [text.strip() for text in found if text.strip()]


def assigned(function: ast.AST) -> Texts:
    """The texts that local names of a function are given, with the lines where."""
    found: Texts = {}
    assignments = (node for node in ast.walk(function) if isinstance(node, ast.Assign))
    for node in sorted(assignments, key=lambda each: each.lineno):
        for target in node.targets:
            if isinstance(target, ast.Name):
                found.setdefault(target.id, []).extend((node.lineno, text) for text in texts(node.value, {}))
    return found


def parsed(file: Path) -> ast.Module:
    """A file's tree. A call by the bare name of a variable or a builtin loses that name: no function is meant."""
    tree = ast.parse(file.read_text("utf-8"))
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))
    own |= {alias.asname or alias.name for node in imports for alias in node.names}
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id not in own:
            call.func.id = ""
    return tree


def find(package: Path = PACKAGE) -> list[Found]:
    """Every code that the source of a package can raise, sorted."""
    named = {file.relative_to(package): file for file in package.rglob("*.py")}
    rooms = {name: file for name, file in named.items() if name.parts[0] not in FACES}
    trees = {name.as_posix(): parsed(file) for name, file in rooms.items()}
    trees = dict(sorted(trees.items()))
    all_makers = makers_of(trees)
    codes: dict[str, Found] = {}
    for where, tree in trees.items():
        makers = all_makers[where]
        functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.Module))
        for function in functions:
            locals_ = assigned(function) if isinstance(function, ast.FunctionDef) else {}
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and called(call) in makers:
                    _note_call(codes, call, makers[called(call)], where, locals_)
    rooms = {name.split("/")[0].removesuffix(".py") for name in trees} | {code.split(".")[0] for code in codes}
    for where, tree in trees.items():
        if where != "errors.py":  # its codes are of exceptions
            _note_tables(codes, tree, rooms, set(all_makers[where]), where)
    loaded = names_to_load(trees.get(REGISTRY))
    return [codes[code] for code in sorted(codes) if code not in loaded or codes[code].severities]


def names_to_load(registry: ast.AST | None) -> set[str]:
    """Names by which modules are loaded: they look like codes and are none."""
    dicts = (node for node in ast.walk(registry) if isinstance(node, ast.Dict)) if registry is not None else ()
    return {text for node in dicts for key in node.keys if (text := text_of(key)) is not None}


def _note_call(codes: dict[str, Found], call: ast.Call, maker: Maker, where: str, locals_: Texts) -> None:
    for text in texts(argument(call, maker, maker.parameter), locals_):
        code = maker.template.replace("{}", text)
        if not CODE.match(code):
            continue
        found = codes.setdefault(code, Found(code))
        found.files.add(where)
        found.severities |= {severity_of(call) or maker.severity} - {""}
        for name, kept in (("message", found.messages), ("remedy", found.remedies)):
            kept += [each for each in texts(argument(call, maker, name), locals_) if each not in kept]


def _note_tables(codes: dict[str, Found], tree: ast.AST, rooms: set[str], makers: set[str], where: str) -> None:
    """Codes that stand in rows, calls and dicts and reach `Issue` from there, with the sentences beside them."""
    for node in ast.walk(tree):
        rows: list[list[ast.expr]] = []
        if isinstance(node, ast.Call) and called(node) not in makers:
            rows = [[*node.args, *(keyword.value for keyword in node.keywords)]]
        elif isinstance(node, ast.Tuple | ast.List):
            rows = [node.elts]
        elif isinstance(node, ast.Dict):
            rows = [[key, value] for key, value in zip(node.keys, node.values, strict=True) if key is not None]
        elif isinstance(node, ast.Constant):
            rows = [[node]]
        for row in rows:
            said = [text for text in (text_of(each) for each in row) if text]
            for code in said:
                if CODE.match(code) and code.split(".")[0] in rooms:
                    found = codes.setdefault(code, Found(code))
                    found.files.add(where)
                    sentences = [text.strip() for text in said if " " in text.strip()]
                    found.messages = found.messages or sentences[:1]
                    found.remedies = found.remedies or sentences[1:2]


def page(codes: list[Found]) -> str:
    """The page, in Markdown."""
    lines = [
        "# Issue codes",
        "",
        "What can be wrong with one record, a file or a table. `fatal` and `error` refuse: the whole record goes to",
        "quarantine, sealed, with this code, the place and the remedy; the others travel in the run's report. Words in",
        "braces are filled in: counts, names of fields and limits, never a patient's value. A code with braces is a",
        "family: `fhir.invariant-{key}` is the invariant of that key in the FHIR R4 specification.",
        "",
        "Written by `tools/list_issue_codes.py` from the source; `make format` writes it again.",
        "",
        "| code | severity | what is wrong | what to do | raised in |",
        "|---|---|---|---|---|",
    ]
    for found in codes:
        severity = ", ".join(sorted(found.severities, key=SEVERITIES.index))
        cells = [f"`{found.code}`", severity, "; ".join(found.messages), "; ".join(found.remedies)]
        cells.append(", ".join(f"`{file}`" for file in sorted(found.files)))
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Writes the page, or with `--check` returns 1 when it is not what would be written."""
    parser = argparse.ArgumentParser(description="Writes docs/reference/issue-codes.md from the source.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the page is not current")
    options = parser.parse_args(arguments)
    text = page(find())
    if options.check:
        if not PAGE.is_file() or PAGE.read_text("utf-8") != text:
            print(f"{PAGE.relative_to(ROOT)} is not current: run make format", file=sys.stderr)
            return 1
        return 0
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
