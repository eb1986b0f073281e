"""Writes `careloom.client.aio` from `careloom.client`: the same calls for programs that run on asyncio.

What asks the platform, or waits, becomes a coroutine; what yields after asking, an asynchronous generator. Reports,
errors and bodies are the same objects in both. The wire alone is written by hand. ``--check`` writes nothing and ends
with 1 where a module is not as it would be written.

usage   python tools/make_async_client.py [--check]
"""

import ast
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

CLIENT = Path(__file__).parents[1] / "src/careloom/client"
TARGET = CLIENT / "aio"
BY_HAND = frozenset({"__init__.py", "transport.py"})
"""Modules of the target that nobody generates."""
WIRE = {"Wire": "AsyncWire", "Careloom": "AsyncCareloom", "BaseTransport": "AsyncBaseTransport",
        "Iterator": "AsyncIterator", "__enter__": "__aenter__", "__exit__": "__aexit__"}  # fmt: skip
TEXTS = (
    ("threading.Lock()", "asyncio.Lock()"), ("with self._lock", "async with self._lock"),
    ("may be shared by threads", "may be shared by tasks"), ("        with Async", "        async with Async"),
    ("patient = api.", "patient = await api."), ("A AsyncCareloom", "A Careloom"),
    ("any transport of httpx in place of the network, e.g. ``httpx.WSGITransport(app=app)``; it stays open",
     "any asynchronous transport of httpx in place of the network; it stays open"),
)  # fmt: skip
WAITS = frozenset({"send", "sleep"})
"""Methods of the wire, and of a pace, that wait."""
STREAMS = frozenset({"lines"})
"""Methods of the wire and of a session that give one thing after the other, as it comes."""
_FIX = ("I001", "F401", "UP035")


@dataclass
class Module:
    """One module of the client: its text, and what of it waits."""

    name: str
    text: str
    tree: ast.Module
    waits: set[str] = field(default_factory=set)
    rooms: set[str] = field(default_factory=set)

    def definitions(self) -> list[ast.ClassDef | ast.FunctionDef]:
        """Classes and functions at the top."""
        return [one for one in self.tree.body if isinstance(one, ast.ClassDef | ast.FunctionDef)]

    def origin(self, name: str) -> tuple[str, str]:
        """Which module of the client a name at the top comes from."""
        for one in self.tree.body:
            if isinstance(one, ast.ImportFrom) and name in {each.name for each in one.names}:
                return (one.module or "").rpartition(".")[2], name
        return self.name, name

    @property
    def kept(self) -> set[str]:
        """Names at the top that are the same for both faces."""
        names = {one.name for one in self.definitions()} - self.rooms
        for one in self.tree.body:
            targets = (
                one.targets if isinstance(one, ast.Assign) else [one.target] if isinstance(one, ast.AnnAssign) else []
            )
            names |= {each.id for each in targets if isinstance(each, ast.Name)}
        return names


def read() -> dict[str, Module]:
    """Every module of the client that may wait."""
    found = {}
    for path in sorted(CLIENT.glob("*.py")):
        if path.name not in BY_HAND:
            text = path.read_text("utf-8")
            found[path.stem] = Module(path.stem, text, ast.parse(text))
    return found


Rooms = set[tuple[str, str]]
"""(module, name) of classes and functions that have to wait."""


def colour(modules: dict[str, Module]) -> Rooms:
    """Marks what waits, until nothing more is found."""
    rooms: Rooms = {("transport", "Wire")}
    grown = True
    while grown:
        grown = False
        for one in modules.values():
            for top in one.definitions():
                methods = [each for each in ast.walk(top) if isinstance(each, ast.FunctionDef)]
                for each in methods:
                    if each.name not in one.waits and _waits(each, one, rooms):
                        one.waits.add(each.name)
                        grown = True
                is_room = any(each.name in one.waits for each in methods) or _holds_room(top, one, rooms)
                if is_room and top.name not in one.rooms:
                    one.rooms.add(top.name)
                    rooms.add((one.name, top.name))
                    grown = True
    return rooms


def _holds_room(top: ast.AST, module: Module, rooms: Rooms) -> bool:
    """Whether a class makes rooms, or is given them."""
    names = {one.id for one in ast.walk(top) if isinstance(one, ast.Name)}
    return isinstance(top, ast.ClassDef) and any(each in rooms for name in names for each in [module.origin(name)])


def _waits(function: ast.FunctionDef, module: Module, rooms: Rooms) -> bool:
    return any(isinstance(one, ast.Call) and is_awaited(one, module, rooms) for one in _own_nodes(function))


def _own_nodes(function: ast.FunctionDef) -> list[ast.AST]:
    """What a function does itself: a lambda gives what waits to somebody who awaits it."""
    found: list[ast.AST] = []
    rest: list[ast.AST] = list(function.body)
    while rest:
        one = rest.pop()
        if not isinstance(one, ast.Lambda):
            found.append(one)
            rest += ast.iter_child_nodes(one)
    return found


SESSION = frozenset({"document", "whole", "content", "answer", "_answer", "lines"})
TOKENS = frozenset({"current", "after", "revoke"})


def is_awaited(call: ast.Call, module: Module, rooms: Rooms) -> bool:
    """Whether what is called waits for the platform, or for time."""
    name = call.func
    if isinstance(name, ast.Name):
        return name.id == "look" or (name.id[0].islower() and module.origin(name.id) in rooms)
    if not isinstance(name, ast.Attribute):
        return False
    owner = ast.unparse(name.value)
    last = owner.rpartition(".")[2]
    if owner == "self":
        return name.attr in module.waits
    if last == "_session":
        return name.attr in SESSION
    if last == "tokens":
        return name.attr in TOKENS
    if last in {"_wire", "wire"}:
        return name.attr in {*WAITS, *STREAMS, "close"}
    return last == "pace" and name.attr == "sleep"


def written(module: Module, rooms: Rooms) -> str:
    """The text of a module of the target, before ruff."""
    lines = [0]
    for line in module.text.encode().splitlines(keepends=True):
        lines.append(lines[-1] + len(line))

    def at(row: int, column: int) -> int:
        return lines[row - 1] + column

    content = module.text.encode()
    parts = [f'"""{ast.get_docstring(module.tree, clean=False)}"""', _imports(module, rooms)]
    for top in module.definitions():
        if top.name in module.rooms:
            edits = Edits(module, rooms, at).of(top)
            first = min([top.lineno, *(each.lineno for each in top.decorator_list)])
            start, end = at(first, 0), at(top.end_lineno or 0, top.end_col_offset or 0)
            parts.append(_edited(content, start, end, edits))
    return "\n\n".join(parts) + "\n"


def _edited(content: bytes, start: int, end: int, edits: list[tuple[int, int, str]]) -> str:
    made, place = b"", start
    for first, last, text in sorted(edits):
        made += content[place:first] + text.encode()
        place = last
    made += content[place:end]
    text = made.decode()
    for old, new in WIRE.items():
        text = re.sub(rf"(?<![\w.]){old}\b" if old != "BaseTransport" else rf"\b{old}\b", new, text)
    for old, new in TEXTS:
        text = text.replace(old, new)
    return text


class Edits:
    """What is written differently in one class or function: (start, end, text) in bytes."""

    def __init__(self, module: Module, rooms: Rooms, at: Callable[[int, int], int]) -> None:
        self.module, self.rooms, self.at = module, rooms, at
        self.found: list[tuple[int, int, str]] = []

    def of(self, top: ast.ClassDef | ast.FunctionDef) -> list[tuple[int, int, str]]:
        """All edits of it."""
        for function in (one for one in ast.walk(top) if isinstance(one, ast.FunctionDef)):
            if function.name in self.module.waits or function.name in ("__enter__", "__exit__"):
                self._function(function)
        return self.found

    def _place(self, row: int, column: int) -> int:
        return self.at(row, column)

    def _add(self, node: ast.AST, text: str, *, end: bool = False) -> None:
        row, column = (node.end_lineno, node.end_col_offset) if end else (node.lineno, node.col_offset)  # type: ignore[attr-defined]
        place = self._place(row, column)
        self.found.append((place, place, text))

    def _function(self, function: ast.FunctionDef) -> None:
        self._add(function, "async ")
        own = _own_nodes(function)
        parents = {child: one for one in own for child in ast.iter_child_nodes(one)}
        for argument in (*function.args.args, *function.args.kwonlyargs):
            if argument.arg == "look" and isinstance(argument.annotation, ast.Subscript):
                given = argument.annotation.slice.elts[1]  # type: ignore[attr-defined]
                self._add(given, "Awaitable[")
                self._add(given, "]", end=True)
        generators = set()
        for one in own:
            if isinstance(one, ast.Call) and is_awaited(one, self.module, self.rooms):
                if self._is_generator(one):
                    generators.add(one)
                    continue
                if isinstance(one.func, ast.Attribute) and one.func.attr == "sleep":
                    self._rests(one, one.func)
                    continue
                is_inner = isinstance(parents.get(one), ast.Attribute | ast.Subscript)
                self._add(one, "(await " if is_inner else "await ")
                if is_inner:
                    self._add(one, ")", end=True)
        for one in own:
            if isinstance(one, ast.For) and one.iter in generators:
                self._add(one, "async ")
            if isinstance(one, ast.Expr) and isinstance(one.value, ast.YieldFrom):
                self._yields(one, one.value, generators)

    def _rests(self, call: ast.Call, name: ast.Attribute) -> None:
        start = self._place(call.lineno, call.col_offset)
        given = self._place(call.args[0].lineno, call.args[0].col_offset)
        self.found.append((start, given, f"await rest({ast.unparse(name.value)}, "))

    def _is_generator(self, call: ast.Call) -> bool:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        return name in STREAMS or any(
            function.name == name and any(isinstance(each, ast.Yield | ast.YieldFrom) for each in _own_nodes(function))
            for top in self.module.definitions() for function in ast.walk(top) if isinstance(function, ast.FunctionDef)
        )  # fmt: skip

    def _yields(self, statement: ast.Expr, value: ast.YieldFrom, generators: set[ast.Call]) -> None:
        start = self._place(statement.lineno, statement.col_offset)
        given = self._place(value.value.lineno, value.value.col_offset)
        kind = "async for" if value.value in generators else "for"
        self.found.append((start, given, f"{kind} each in "))
        self._add(value.value, f":\n{' ' * (statement.col_offset + 4)}yield each", end=True)


def _imports(module: Module, rooms: Rooms) -> str:
    """The imports of a module, each from the face that it belongs to; ruff takes out what is not needed."""
    lines = ["import asyncio", "from collections.abc import AsyncIterator, Awaitable"]
    lines.append("from careloom.client.aio.transport import rest")
    for one in module.tree.body:
        if isinstance(one, ast.Import):
            lines.append(ast.unparse(one))
        elif isinstance(one, ast.ImportFrom) and (one.module or "").startswith("careloom.client."):
            name = (one.module or "").rpartition(".")[2]
            for each in one.names:
                face = "aio." if (name, each.name) in rooms else ""
                lines.append(f"from careloom.client.{face}{name} import {WIRE.get(each.name, each.name)}")
        elif isinstance(one, ast.ImportFrom):
            lines.append(ast.unparse(one))
    lines += [f"from careloom.client.{module.name} import {name}" for name in sorted(module.kept)]
    return "\n".join(lines)


def _tidied(folder: Path) -> None:
    ruff = [sys.executable, "-m", "ruff"]
    config = ["--config", str(CLIENT.parents[2] / "pyproject.toml")]
    subprocess.run([*ruff, "check", "-q", "--fix", "--select", ",".join(_FIX), *config, folder], check=False)
    subprocess.run([*ruff, "format", "-q", *config, folder], check=True)


def make(target: Path) -> None:
    """Writes every generated module into a folder."""
    modules = read()
    rooms = colour(modules)
    for one in modules.values():
        if one.rooms:
            (target / f"{one.name}.py").write_text(written(one, rooms), "utf-8")
    _tidied(target)


def differing() -> list[str]:
    """Names of generated modules that are not as they would be written."""
    with TemporaryDirectory() as folder:
        make(Path(folder))
        fresh = {path.name: path.read_bytes() for path in Path(folder).glob("*.py")}
    kept = {path.name: path.read_bytes() for path in TARGET.glob("*.py") if path.name not in BY_HAND}
    return sorted(name for name in fresh.keys() | kept.keys() if fresh.get(name) != kept.get(name))


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        if wrong := differing():
            sys.exit(f"careloom.client.aio: {', '.join(wrong)} differ; run python tools/make_async_client.py")
    else:
        make(TARGET)
