"""What is killed in tests of synthetic tables: acts of a process of its own, in an installation that a test made."""

from pathlib import Path

from careloom.services.access import Principal
from careloom.services.platform import Platform
from careloom.services.synthesize import FitAsk, fit
from careloom.services.synthesize_release import ReleaseAsk, release
from careloom.services.synthesize_rows import SampleAsk, sample
from careloom.services.synthesize_search import SearchAsk, search
from careloom.services.synthesize_source import SourceAsk
from careloom.settings import Data, Settings
from tests.synthesis_kit import LENIENT, METADATA, OFFICER, SCIENTIST

BOTH = Principal("olga", frozenset({"privacy-officer", "data-scientist"}), OFFICER.zones)
LOOSE = LENIENT.replace("at_most = 0.2", "at_most = 1.0")
SMALL = {"bins": 4, "steps": 5}


def opened(folder: Path) -> Platform:
    return Platform(Settings(data=Data(directory=folder / "data")))


def fit_small(folder: Path, run: str = "") -> None:
    source = SourceAsk(file=folder / "stays.csv", metadata=METADATA)
    with opened(folder) as platform:
        fit(platform, SCIENTIST, FitAsk(source, epsilon=0.2, target="sex", options=SMALL, run=run))


def draw(folder: Path, model: str, run: str) -> None:
    with opened(folder) as platform:
        sample(platform, SCIENTIST, SampleAsk(model, 100, run=run))


def let_out(folder: Path, name: str, table: str, own: str = LOOSE) -> None:
    with opened(folder) as platform:
        release(platform, BOTH, ReleaseAsk(name, table, own=own))


def search_small(folder: Path) -> None:
    source = SourceAsk(file=folder / "stays.csv", metadata=METADATA)
    with opened(folder) as platform:
        fit_ask = FitAsk(source, epsilon=0.5, target="sex", options={"steps": 5})
        search(platform, SCIENTIST, SearchAsk(fit_ask, 3, space="[marginals]\nbins = [3, 8]\n"))
