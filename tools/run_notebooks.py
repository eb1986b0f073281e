"""Runs every notebook from top to bottom and keeps what it showed.

A notebook is a Python file in jupytext's percent format (``# %%`` opens a cell), reviewed as code and without output.
Each runs in a fresh kernel with the repository as its working directory, as many at a time as there are processors.
What it showed is written to ``out/notebooks/<name>.ipynb``, also when a cell failed. One failing cell makes the run
fail.

Usage: python tools/run_notebooks.py [WORD...]      only notebooks with one of the words in their name
"""

import argparse
import asyncio
import os
import re
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from traitlets.config import Config

ROOT = Path(__file__).resolve().parent.parent
CELL_LIMIT_SECONDS = 300
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of one notebook; `failure` is empty when every cell ran."""

    name: str
    seconds: float
    failure: str


def run_notebook(source: Path, results: Path, working_directory: Path) -> Ran:
    """Executes one notebook and writes it with its outputs to `results`."""
    start = time.perf_counter()
    notebook = jupytext.read(source)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    failure = ""
    with tempfile.TemporaryDirectory(prefix="notebook-") as sockets:  # the kernel is reached there, and not over TCP
        client = NotebookClient(
            notebook,
            timeout=CELL_LIMIT_SECONDS,
            kernel_name="python3",
            config=Config({"KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"}}),
            resources={"metadata": {"path": str(working_directory)}},
        )
        try:
            asyncio.run(client.async_execute())
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            failure = COLOUR.sub("", str(error)).strip()
    results.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, results / f"{source.stem}.ipynb")
    return Ran(source.stem, time.perf_counter() - start, failure)


def main(arguments: list[str] | None = None) -> int:
    """Runs the notebooks and returns 1 if one failed."""
    parser = argparse.ArgumentParser(description="Runs every notebook from top to bottom.")
    parser.add_argument("words", nargs="*", help="only notebooks with one of these words in their name")
    parser.add_argument("--notebooks", type=Path, default=ROOT / "notebooks", help="where the notebooks lie")
    parser.add_argument("--results", type=Path, default=ROOT / "out" / "notebooks", help="where the executed ones go")
    options = parser.parse_args(arguments)
    sources = [
        source
        for source in sorted(options.notebooks.glob("*.py"))
        if not options.words or any(word in source.stem for word in options.words)
    ]
    failed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for ran in pool.map(lambda source: run_notebook(source, options.results, ROOT), sources):
            print(f"{'failed' if ran.failure else 'ran':6} {ran.name} ({ran.seconds:.1f} s)", flush=True)
            if ran.failure:
                failed += 1
                print(ran.failure, file=sys.stderr)
    print(f"notebooks: {len(sources) - failed} ran, {failed} failed; results in {options.results}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
