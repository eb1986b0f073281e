"""What the notebooks share: an installation for the length of a notebook, tables, and one style of figures.

Nobody in it exists. It lies in a folder that goes with the notebook. To run a notebook against a server of yours, leave
`Workbench` out and make `api` yourself: ``Careloom("https://careloom.example.org", ClientSecret(name, secret))``, or
``careloom.client.lab.connect()`` where `careloom lab` started Jupyter.
"""

import re
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import matplotlib as mpl
import numpy as np
from IPython.display import SVG, Markdown, display
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from careloom.api.app import create_app
from careloom.client.careloom import Careloom
from careloom.client.credentials import ClientSecret
from careloom.runtime import Runtime, packaged
from careloom.services.access import ROLES, ZONES, local_operator
from careloom.services.clients import ClientAsk, register_client
from careloom.services.jobs import work
from careloom.services.platform import Platform
from careloom.settings import Data, Settings

BLUE, ORANGE, GREEN, PURPLE, OCHRE, RED, SLATE = (
    "#2d84bd", "#d46a1a", "#189a75", "#b566a0", "#a98419", "#d0574a", "#768896",
)  # fmt: skip
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, OCHRE, RED, SLATE)
"""Told apart by people who see few colours, too; the dashboard has the same."""

STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#80909b",
    "axes.grid": True,
    "axes.labelcolor": "#4c5d6a",
    "axes.labelsize": 9.5,
    "axes.prop_cycle": mpl.cycler(color=COLOURS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "figure.facecolor": "white",
    "figure.figsize": (8.0, 3.6),
    "figure.titlesize": 12,
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "grid.color": "#dfe5e9",
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 2,
    "svg.fonttype": "none",
    "svg.hashsalt": "careloom",
    "xtick.color": "#4c5d6a",
    "ytick.color": "#4c5d6a",
}
plt.rcParams.update(STYLE)
plt.ioff()


class Workbench:
    """An installation of Careloom in this process, with its API; what needs luck draws it from `seed`.

    The keys of an installation that keeps patients are made of the operating system's randomness. Here they come from
    a seed, so that a notebook says the same each time.
    """

    def __init__(self, seed: int = 1) -> None:
        draw = np.random.default_rng(seed)
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        runtime = Runtime(random_bytes=draw.bytes)
        self.platform = Platform(Settings(data=Data(directory=self.folder / "data")), runtime)
        self.operator = local_operator("operator")
        self._server = httpx.WSGITransport(app=create_app(self.platform))

    def client(self, name: str, *roles: str, zones: Sequence[str] = ZONES, scopes: str = "") -> Careloom:
        """The SDK as a registered program would have it; without roles with all of them."""
        ask = ClientAsk(name, roles or ROLES, tuple(zones), scopes=scopes)
        secret = register_client(self.platform, self.operator, ask).secret
        return Careloom(self.platform.settings.base_url, ClientSecret(name, secret), transport=self._server)

    def work(self) -> None:
        """Does what is queued. A server has `careloom worker` beside it for this."""
        work(self.platform, once=True)

    def feeds(self, patients: int | None = None) -> Path:
        """A folder with the export of a simulated hospital: all of it, or the FHIR bundles of so many patients."""
        folder = self.folder / "feeds"
        with zipfile.ZipFile(BytesIO(packaged("sample", "hospital.zip"))) as archive:
            names = archive.namelist()
            bundles = sorted(name for name in names if name.startswith("fhir/bundles/"))
            archive.extractall(folder, names if patients is None else ["fhir/hospital.json", *bundles[:patients]])
        return folder

    def ingest(self, api: Careloom, feeds: Path, source: str = "main-hospital") -> Any:
        """Sends a folder or a file, lets the worker read it, and gives the report of the ingestion."""
        ingestion = api.ingestions.upload(feeds, source=source)
        self.work()
        return api.ingestions.wait(ingestion.id)

    def close(self) -> None:
        """Removes all of it."""
        self.platform.close()
        self._folder.cleanup()


def table(columns: str, rows: Iterable[Sequence[object]], caption: str = "") -> None:
    """Shows rows; `columns` are the heads, parted by commas. Columns of numbers stand to the right."""
    heads, body = columns.split(", "), [[_cell(cell) for cell in row] for row in rows]
    is_number = [bool(body) and all(_is_number(row[at]) for row in body if at < len(row)) for at in range(len(heads))]
    lines = ["| " + " | ".join(heads) + " |", "|" + "|".join("--:" if each else ":--" for each in is_number) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in body]
    display(Markdown("\n".join(([f"*{caption}*", ""] if caption else []) + lines)))


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def _is_number(text: str) -> bool:
    return text == "" or text.replace(",", "").replace(".", "").replace("-", "").replace(" %", "").strip("%+").isdigit()


def panels(columns: int = 1, rows: int = 1, *, width: float = 8.0, height: float = 3.4) -> tuple[Figure, Any]:
    """A figure of so many panels, and its axes as matplotlib has them; `height` is that of a row, in inches."""
    return plt.subplots(rows, columns, figsize=(width, height * rows), layout="constrained")


def label(axes: Axes, title: str, x: str, y: str) -> Axes:
    """Names a panel: what it shows and of how many, and both axes with their units."""
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    return axes


def show(figure: Figure, says: str) -> None:
    """Shows a figure as a drawing. `says` is what it says, for who cannot see it; it stands under the figure, too."""
    out = BytesIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Title": says})
    plt.close(figure)
    drawn = out.getvalue().decode().replace("'DejaVu Sans'", "'DejaVu Sans', Verdana, sans-serif")
    display(SVG(re.sub(r"<!--.*?-->\n?|^\s+", "", drawn, flags=re.DOTALL | re.MULTILINE)))
    display(Markdown(f"*{says}*"))


def bars_with_intervals(
    axes: Axes,
    rows: Sequence[tuple[str, float, float, float]],
    colour: str = BLUE,
    form: Callable[[float], str] = "{:.3f}".format,
) -> None:
    """Points with their intervals, one a line, from the top: name, value, low, high."""
    for place, (_, value, low, high) in enumerate(rows):
        axes.plot([low, high], [place, place], color=colour, alpha=0.5, linewidth=3, solid_capstyle="butt")
        axes.plot(value, place, "o", color=colour, markersize=7)
        axes.annotate(form(value), (value, place), xytext=(0, 7), textcoords="offset points", ha="center", fontsize=8.5)
    axes.set_yticks(range(len(rows)), [name for name, *_ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.7)
    axes.grid(axis="y", visible=False)
