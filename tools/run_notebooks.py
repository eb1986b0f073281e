"""Runs every notebook from top to bottom and keeps what it showed.

A notebook is a Python file in jupytext's percent format (``# %%`` opens a cell), reviewed as code; what it showed is
kept beside it as ``.ipynb`` with the same cells. Each runs in a fresh kernel in the folder of the notebooks, as many
at a time as there are processors, with one thread. Executed ones go to ``out/notebooks/<name>.ipynb``, also when a cell
failed; with ``--keep`` they take the place of those beside the sources. One failing cell makes the run fail.

Usage: python tools/run_notebooks.py [--keep] [WORD...]      only notebooks with one of the words in their name
"""

import argparse
import asyncio
import os
import re
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from traitlets.config import Config

ROOT = Path(__file__).resolve().parent.parent
CELL_LIMIT_SECONDS = 300
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
NUMBERED = re.compile(r"\d\d_\w+")
FORMATS = "ipynb,py:percent"
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS"), "1")


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of one notebook.

    failure  empty when every cell ran
    lacks    the library that it needs and that is not installed here: it was not run; empty: it was
    """

    name: str
    seconds: float
    failure: str = ""
    lacks: str = ""

    @property
    def word(self) -> str:
        """``ran``, ``failed`` or ``skipped``."""
        return "skipped" if self.lacks else "failed" if self.failure else "ran"


def read_source(source: Path) -> Any:
    """The notebook of a source, without outputs: the same cells with the same ids each time."""
    notebook = jupytext.read(source)
    needs = notebook.metadata.get("careloom", {}).get("needs", [])
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
        cell["metadata"] = nbformat.NotebookNode()
    told = {"jupytext": {"formats": FORMATS}, "kernelspec": KERNEL, "language_info": {"name": "python"}}
    notebook["metadata"] = nbformat.from_dict(told | ({"careloom": {"needs": needs}} if needs else {}))
    notebook["nbformat"], notebook["nbformat_minor"] = 4, 5
    return notebook


def run_notebook(source: Path, results: Path) -> Ran:
    """Executes one notebook and writes it with its outputs to `results`."""
    start = time.perf_counter()
    notebook = read_source(source)
    for needed in notebook.metadata.get("careloom", {}).get("needs", []):
        if find_spec(needed) is None:
            return Ran(source.stem, 0.0, lacks=needed)
    failure = ""
    with tempfile.TemporaryDirectory(prefix="notebook-") as sockets:  # the kernel is reached there, and not over TCP
        client = NotebookClient(
            notebook,
            timeout=CELL_LIMIT_SECONDS,
            kernel_name="python3",
            record_timing=False,
            config=Config({"KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"}}),
            resources={"metadata": {"path": str(source.parent)}},
        )
        try:
            asyncio.run(client.async_execute())
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            failure = COLOUR.sub("", str(error)).strip()
    notebook.metadata["language_info"] = nbformat.from_dict({"name": "python"})
    for cell in notebook.cells:  # what libraries log has times, places and numbers of processes in it
        if cell.cell_type == "code":
            cell["outputs"] = [one for one in cell.outputs if one.get("name") != "stderr"]
    results.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, results / f"{source.stem}.ipynb")
    return Ran(source.stem, time.perf_counter() - start, failure)


def main(arguments: list[str] | None = None) -> int:
    """Runs the notebooks and returns 1 if one failed."""
    parser = argparse.ArgumentParser(description="Runs every notebook from top to bottom.")
    parser.add_argument("words", nargs="*", help="only notebooks with one of these words in their name")
    parser.add_argument("--notebooks", type=Path, default=ROOT / "notebooks", help="where the notebooks lie")
    parser.add_argument("--results", type=Path, default=ROOT / "out" / "notebooks", help="where the executed ones go")
    parser.add_argument("--keep", action="store_true", help="also put those that ran beside their sources")
    options = parser.parse_args(arguments)
    os.environ |= ONE_THREAD
    sources = [
        source
        for source in sorted(options.notebooks.glob("*.py"))
        if NUMBERED.fullmatch(source.stem) and (not options.words or any(word in source.stem for word in options.words))
    ]
    counts = {"ran": 0, "failed": 0, "skipped": 0}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for ran in pool.map(lambda source: run_notebook(source, options.results), sources):
            counts[ran.word] += 1
            told = f"needs {ran.lacks}, which is not installed" if ran.lacks else f"{ran.seconds:.1f} s"
            print(f"{ran.word:7} {ran.name} ({told})", flush=True)
            if ran.failure:
                print(ran.failure, file=sys.stderr)
            elif options.keep and not ran.lacks:
                shutil.copyfile(options.results / f"{ran.name}.ipynb", options.notebooks / f"{ran.name}.ipynb")
    print(f"notebooks: {', '.join(f'{count} {word}' for word, count in counts.items())}; results in {options.results}")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
