"""Pages of the site, from the documentation, the notebooks as they were run, and the files that they link to.

Markdown is written for readers on the forge; here it becomes what Python-Markdown reads the same way. A link to a file
outside of the documentation leads to a page that shows the file.
"""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
DOCS, NOTEBOOKS = "docs", "notebooks"
LINK = re.compile(r"(!?\[(?:[^\[\]]|\[[^\]]*\])*\])\(([^)\s]+)\)")
FENCE = re.compile(r"^\s*(```+|~~~+)")
ITEM = re.compile(r"^(\d+\.|[-*]) +(?=\S)")
LANGUAGES = {".toml": "toml", ".json": "json", ".py": "python", ".mjs": "js", ".yml": "yaml", ".sh": "sh"}
SHOWN_BYTES = 200_000


@dataclass
class Site:
    """What is written below `out`: by place, and what is still to be shown because a page links to it."""

    out: Path
    titles: dict[str, str] = field(default_factory=dict)
    wanted: list[str] = field(default_factory=list)
    done: set[str] = field(default_factory=set)

    def write(self, place: str, text: str) -> None:
        """One page, and its title."""
        file = self.out / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        found = re.search(r"(?m)^# (.+)$", text)
        self.titles[place] = found[1].replace("`", "") if found else place

    def page(self, origin: str, place: str, text: str) -> None:
        """A page of Markdown that stands at `origin` in the repository."""
        self.write(place, readable(self._linked(origin, place, text)))

    def _linked(self, origin: str, place: str, text: str) -> str:
        def moved(match: re.Match[str]) -> str:
            target, _, anchor = match[2].partition("#")
            is_own_figure = (self.out / posixpath.dirname(place) / target).is_file() and target.endswith(".svg")
            if not target or is_own_figure or re.match(r"[a-z]+:", target):
                return match[0]
            led = self.place_of(posixpath.normpath(posixpath.join(posixpath.dirname(origin), unescape(target))))
            way = posixpath.relpath(led, posixpath.dirname(place) or ".")
            return f"{match[1]}({way}{'#' + anchor if anchor and not led.startswith('files/') else ''})"

        return "".join(part if is_code else LINK.sub(moved, part) for part, is_code in parts(text))

    def place_of(self, path: str) -> str:
        """Where a file or a folder of the repository is on the site."""
        if path == f"{NOTEBOOKS}/README.md":
            return "tutorials/index.md"
        if path.startswith(f"{NOTEBOOKS}/") and path.endswith((".ipynb", ".py")) and path[10:12].isdigit():
            return f"tutorials/{Path(path).stem}.md"
        if path.startswith(f"{DOCS}/"):
            inside = path.removeprefix(f"{DOCS}/")
            return f"{inside}/index.md" if (ROOT / path).is_dir() else inside
        if path not in self.done:
            self.done.add(path)
            self.wanted.append(path)
        return shown_at(path)


def parts(text: str) -> Iterator[tuple[str, bool]]:
    """The text in pieces, and whether each is a block of code."""
    held: list[str] = []
    closing = ""
    for line in text.splitlines(keepends=True):
        fence = FENCE.match(line)
        if fence and not closing:
            yield "".join(held), False
            held, closing = [line], fence[1]
        elif fence and fence[1].startswith(closing):
            yield "".join([*held, line]), True
            held, closing = [], ""
        else:
            held.append(line)
    yield "".join(held), bool(closing)


def readable(text: str) -> str:
    """What Python-Markdown reads as the forge does: lists begin after a blank line, and what is in them stands at 4."""
    made: list[str] = []
    deep, in_code, is_loose = 0, False, False
    for line in text.splitlines():
        is_fence = bool(FENCE.match(line))
        item = None if in_code else ITEM.match(line)
        if item:
            if made and made[-1].strip() and (not deep or is_loose):
                made.append("")
            deep, is_loose = len(item[0]), False
        elif deep and line.strip() and len(line) - len(line.lstrip()) < min(deep, 2):
            deep = 0
        inside = deep and not item and line.startswith("  ")
        is_loose = is_loose or (bool(deep) and not line.strip())
        made.append(" " * (4 - min(deep, 4)) + line if inside else line)
        in_code ^= is_fence
    return "\n".join(made) + "\n"


def shown_at(path: str) -> str:
    """Where a file or folder outside of the documentation is shown; a name that begins with a dot would be left out."""
    shown = f"files/{path}".replace("/.", "/")
    return f"{shown}/index.md" if (ROOT / path).is_dir() else f"{shown.removesuffix('.md')}.md"


def shown_file(site: Site, path: str) -> None:
    """A page that shows a file, or what a folder holds."""
    file = ROOT / path
    if file.is_dir():
        names = sorted(
            each.name + ("/" if each.is_dir() else "") for each in file.iterdir() if each.name[0] not in "_."
        )
        site.write(shown_at(path), f"# {path}/\n\n" + "".join(f"- `{name}`\n" for name in names))
    elif file.suffix == ".md":
        site.page(path, shown_at(path), file.read_text("utf-8"))
    else:
        text = file.read_text("utf-8")[:SHOWN_BYTES]
        site.write(shown_at(path), f"# {path}\n\n~~~~{LANGUAGES.get(file.suffix, 'text')}\n{text.rstrip()}\n~~~~\n")


def notebook_page(site: Site, file: Path) -> None:
    """A notebook as it was run: its words, its code, and what it showed; each figure is a file beside it."""
    made: list[str] = []
    place = f"tutorials/{file.stem}.md"
    figures = 0
    for cell in nbformat.read(file, 4).cells:
        if cell.cell_type == "markdown":
            made.append(cell.source)
            continue
        made.append(f"```python\n{cell.source}\n```")
        for output in cell.outputs:
            data = output.get("data", {})
            if "image/svg+xml" in data:
                drawn = data["image/svg+xml"]
                figures += 1
                (site.out / "tutorials").mkdir(parents=True, exist_ok=True)
                (site.out / f"tutorials/{file.stem}-{figures}.svg").write_text(drawn, "utf-8")
                says = re.search(r"<title>(.*?)</title>", drawn, re.DOTALL)
                alt = unescape(says[1]).replace("[", "(").replace("]", ")") if says else "figure"
                made.append(f"![{alt}]({file.stem}-{figures}.svg)")
            elif "text/markdown" in data:
                made.append(data["text/markdown"])
            elif "text/html" in data:
                made.append(f'<div class="shown">{data["text/html"]}</div>'.replace("\n\n", "\n&nbsp;\n"))
            else:
                text = output.get("text") or data.get("text/plain", "")
                made.append(f"```text\n{text.rstrip()}\n```")
    site.page(f"{NOTEBOOKS}/{file.name}", place, "\n\n".join(made) + "\n")
