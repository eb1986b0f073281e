"""Builds the documentation as a site in ``out/site``: strictly, so that a broken link, page or anchor fails.

Usage: python tools/make_site.py
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from tools.site_pages import DOCS, NOTEBOOKS, ROOT, Site, notebook_page, shown_file

OUT = ROOT / "out"
ROOMS = {
    "tutorials": "Tutorials",
    "how-to": "How-to",
    "reference": "Reference",
    "explanation": "Explanation",
    "datasheets": "Datasheets",
    "adr": "Decisions",
    "security": "Security",
}
BESIDE = {"explanation": ("architecture.md", "risks.md"), "datasheets": ("benchmarks.md",)}
"""Pages at the top that belong to a room."""
STYLE = """.md-grid { max-width: 76rem; }
.shown { overflow-x: auto; }
.md-typeset table:not([class]) thead:not(:has(th:not(:empty))) { display: none; }
.md-typeset .shown mark { color: #111; }
.md-typeset img[src$=".svg"] { background: #fff; border-radius: 4px; padding: 6px; }
"""
ELSEWHERE = re.compile(rb"""<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)=["']?(?:https?:)?//""")


def pages(out: Path) -> Site:
    """Writes every page below `out`."""
    site = Site(out)
    for file in sorted((ROOT / DOCS).rglob("*")):
        place = file.relative_to(ROOT / DOCS).as_posix()
        if file.suffix == ".md":
            site.page(f"{DOCS}/{place}", place, file.read_text("utf-8"))
        elif file.is_file():
            (out / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, out / place)
    site.page(f"{NOTEBOOKS}/README.md", "tutorials/index.md", (ROOT / NOTEBOOKS / "README.md").read_text("utf-8"))
    for file in sorted((ROOT / NOTEBOOKS).glob("*.ipynb")):
        notebook_page(site, file)
    while site.wanted:
        shown_file(site, site.wanted.pop())
    for room, title in ROOMS.items():
        if f"{room}/index.md" not in site.titles:
            listed = "".join(f"- [{site.titles[each]}]({Path(each).name})\n" for each in of_room(site, room))
            site.write(f"{room}/index.md", f"# {title}\n\n{listed}")
    (out / "site.css").write_text(STYLE, "utf-8")
    return site


def of_room(site: Site, room: str) -> list[str]:
    """The pages of a room by title; of tutorials and decisions by number."""
    found = [place for place in site.titles if place.startswith(f"{room}/") and not place.endswith("/index.md")]
    return sorted(found, key=lambda place: place if room in ("tutorials", "adr") else site.titles[place].lower())


def navigation(site: Site) -> list[object]:
    """After Diataxis: to learn, to do, to look up, to understand."""
    made: list[object] = [{"Careloom": "index.md"}]
    for room, title in ROOMS.items():
        listed = [f"{room}/index.md", *BESIDE.get(room, ()), *of_room(site, room)]
        made.append({title: [place if place.endswith("index.md") else {site.titles[place]: place} for place in listed]})
    return made


def loaded_from_elsewhere(built: Path) -> list[str]:
    """Pages that would have a browser ask another server."""
    return [str(file.relative_to(built)) for file in built.rglob("*.html") if ELSEWHERE.search(file.read_bytes())]


def main() -> int:
    """Builds; 1 where it is not whole."""
    staged, built = OUT / "site-pages", OUT / "site"
    shutil.rmtree(staged, ignore_errors=True)
    site = pages(staged)
    config = {
        "INHERIT": "../mkdocs.yml",
        "docs_dir": "site-pages",
        "site_dir": "site",
        "nav": navigation(site),
    }
    (OUT / "mkdocs.yml").write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), "utf-8")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", str(OUT / "mkdocs.yml")]
    status = subprocess.run(command, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, check=False).returncode
    if status:
        return 1
    if elsewhere := loaded_from_elsewhere(built):
        print("these pages load something from elsewhere:", *elsewhere, sep="\n  ", file=sys.stderr)
        return 1
    print(f"site: {len(site.titles)} pages in {built}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
