"""Runs every block of code of the documentation, page by page, each page in a copy of one installation.

The installation holds a simulated hospital, de-identified. In Python a page may take as given: `api` (the SDK with
every right; every address of a platform leads to it), `platform` and `who` (the same installation, and its operator),
`secret`, and names that earlier blocks of the page made. Lines of ``careloom`` run in a folder with ``export/``, the
feeds of the hospital. A block that fails and has no reason above it (tools/doc_blocks.py) makes the run fail.

Usage: python -m tools.run_docs [--list] [WORD...]      only pages with one of the words in their path
"""

import argparse
import doctest
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

from tools.doc_blocks import Block, blocks, commands

ROOT = Path(__file__).resolve().parent.parent
PATIENTS = 12
SECONDS_A_COMMAND = 60
SECONDS_A_PAGE = 200


def prepare(folder: Path) -> None:
    """The installation that every page gets a copy of."""
    sys.path.insert(0, str(ROOT / "notebooks"))
    from workbench import Workbench  # noqa: PLC0415 - imports half of Careloom

    from careloom.services.clients import ClientAsk, register_client  # noqa: PLC0415

    bench = Workbench(seed=1)
    api = bench.client("docs")
    bench.ingest(api, bench.feeds(PATIENTS))
    run = api.deidentifications.start()
    bench.work()
    api.deidentifications.wait(run.id)
    api.synthetic.set_budget("research", 3.0, delta=1e-6, reason="documentation")
    roles = ("data-engineer", "data-scientist", "clinician", "privacy-officer")
    ask = ClientAsk("warehouse", roles, ("identified", "research", "synthetic", "landing"))
    (folder / "secret").write_text(register_client(bench.platform, bench.operator, ask).secret)
    bench.platform.close()
    shutil.copytree(bench.folder / "data", folder / "data")
    shutil.copytree(bench.folder / "feeds", folder / "export")


def run_python(block: Block, names: dict[str, Any]) -> str:
    """Empty, or what went wrong; what it prints is left out. A session with prompts has to show what it says here."""
    if block.text.startswith(">>> "):
        asked = doctest.DocTestParser().get_doctest(block.text, names, block.page, block.page, block.line)
        said = StringIO()
        failed = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS).run(asked, out=said.write).failed
        return said.getvalue() if failed else ""
    try:
        with redirect_stdout(StringIO()):
            exec(compile(block.text, f"{block.page}:{block.line}", "exec"), names)
    except BaseException as error:  # noqa: BLE001 - whatever a block of the documentation does is told
        return "".join(traceback.format_exception_only(error)).strip()
    return ""


def run_shell(block: Block) -> str:
    """Empty, or the first command that failed, and what it said."""
    for command in commands(block.text):
        try:
            done = subprocess.run(
                ["bash", "-c", command], capture_output=True, text=True, timeout=SECONDS_A_COMMAND, check=False
            )
        except subprocess.TimeoutExpired:
            return f"{command}: it did not end in {SECONDS_A_COMMAND} s"
        if done.returncode:
            return f"{command}: {(done.stderr or done.stdout).strip()[-400:]}"
    return ""


def run_page(page: Path) -> list[dict[str, Any]]:
    """What became of each block of a page; the working directory is the page's own."""
    told: list[dict[str, Any]] = []
    names: dict[str, Any] | None = None
    ended = threading.Event()
    worker = threading.Thread(target=_works, args=(ended,), daemon=True)
    for block in blocks(page, ROOT / "docs"):
        failure = ""
        if not block.reason and block.kind == "python":
            if names is None:
                names = given()
                worker.start()
            failure = run_python(block, names)
        elif not block.reason:
            failure = run_shell(block)
        told.append({"page": block.page, "line": block.line, "reason": block.reason, "failure": failure})
    ended.set()
    if names is not None:
        worker.join()
    return told


def given() -> dict[str, Any]:
    """The names that a page may take as given. Every address of a platform leads to this installation, as `page`."""
    import httpx  # noqa: PLC0415 - only pages with Python pay for it

    from careloom.api.app import create_app  # noqa: PLC0415
    from careloom.client import careloom as sdk  # noqa: PLC0415
    from careloom.client.credentials import ClientSecret  # noqa: PLC0415
    from careloom.services.access import ROLES, ZONES, local_operator  # noqa: PLC0415
    from careloom.services.clients import ClientAsk, register_client  # noqa: PLC0415
    from careloom.services.platform import Platform  # noqa: PLC0415
    from careloom.settings import load  # noqa: PLC0415

    platform, who = Platform(load()), local_operator("docs")
    made = register_client(platform, who, ClientAsk("page", tuple(ROLES), tuple(ZONES))).secret
    server = httpx.WSGITransport(app=create_app(platform))

    class Here(sdk.Careloom):
        """The SDK, led here."""

        def __init__(self, *_: object, **__: object) -> None:
            super().__init__(platform.settings.base_url, ClientSecret("page", made), transport=server)

    sdk.Careloom = Here  # type: ignore[misc]
    names = {"Careloom": Here, "ClientSecret": ClientSecret, "api": Here(), "platform": platform, "who": who}
    return names | {"secret": Path("secret").read_text("utf-8"), "json": json}


def _works(ended: threading.Event) -> None:
    """A worker beside the page."""
    from careloom.services.jobs import work  # noqa: PLC0415
    from careloom.services.platform import Platform  # noqa: PLC0415
    from careloom.settings import load  # noqa: PLC0415

    with Platform(load()) as platform:
        while not ended.wait(0.2):
            work(platform, once=True)


def page_apart(page: Path, prepared: Path) -> tuple[list[dict[str, Any]], float]:
    """A page in a folder of its own; the process is one that nothing else will use."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="docs-") as folder:
        shutil.copytree(prepared, folder, dirs_exist_ok=True)
        for name in [name for name in os.environ if name.startswith("CARELOOM_")]:
            del os.environ[name]
        os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        os.environ["CARELOOM__DATA__DIRECTORY"] = str(Path(folder) / "data")
        os.chdir(folder)
        signal.signal(signal.SIGALRM, _too_long)
        signal.alarm(SECONDS_A_PAGE)
        try:
            return run_page(page), time.perf_counter() - start
        except TimeoutError:
            failure = f"the page did not end in {SECONDS_A_PAGE} s"
            return [{"page": page.name, "line": 0, "reason": "", "failure": failure}], float(SECONDS_A_PAGE)
        finally:
            signal.alarm(0)
            os.chdir(ROOT)


def _too_long(_number: int, _frame: object) -> None:
    raise TimeoutError


def main(arguments: list[str] | None = None) -> int:
    """Runs the pages and returns 1 if a block failed."""
    parser = argparse.ArgumentParser(description="Runs every block of code of the documentation.")
    parser.add_argument("words", nargs="*", help="only pages with one of these words in their path")
    parser.add_argument("--prepare", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--list", action="store_true", help="list blocks that nobody runs, with the reason")
    options = parser.parse_args(arguments)
    if options.prepare:
        prepare(options.prepare)
        return 0
    found = {page: list(blocks(page, ROOT / "docs")) for page in sorted((ROOT / "docs").rglob("*.md"))}
    pages = [page for page, held in found.items() if held]
    pages = [page for page in pages if not options.words or any(word in str(page) for word in options.words)]
    if options.list:
        for block in (each for page in pages for each in found[page] if each.reason):
            print(f"{block.page}:{block.line}: {block.reason}")
        return 0
    to_run = [page for page in pages if any(not block.reason for block in found[page])]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="docs-") as folder:
        subprocess.run([sys.executable, "-m", "tools.run_docs", "--prepare", folder], check=True, cwd=ROOT)
        import careloom.api.app  # noqa: F401, PLC0415 - once, for all pages

        with multiprocessing.get_context("fork").Pool(os.cpu_count(), maxtasksperchild=1) as pool:
            made = pool.imap(partial(page_apart, prepared=Path(folder)), to_run, chunksize=1)
            for page, (told, seconds) in zip(to_run, made, strict=True):
                broken = [one for one in told if one["failure"]]
                failed += len(broken)
                ran = sum(not one["reason"] for one in told)
                print(f"{page.relative_to(ROOT)}: {ran - len(broken)} of {ran} ran ({seconds:.0f} s)", flush=True)
                for one in broken:
                    print(f"{one['page']}:{one['line']}: {one['failure']}", file=sys.stderr, flush=True)
    every = [block for page in pages for block in found[page]]
    left = sum(bool(block.reason) for block in every)
    print(f"documentation: {len(every) - left - failed} blocks ran, {failed} failed, {left} are told not to be run")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
