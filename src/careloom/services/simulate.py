"""A hospital that does not exist, as files: every feed it would send, and the answers that the feeds hide.

Nothing of the installation is opened, asked or changed: it needs no settings and no keys, and nobody's rights.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, get_args

import orjson

from careloom import __version__
from careloom.errors import QueryError, SetupError
from careloom.services.simulate_shards import Recipe, Shard, Workshop, shards
from careloom.simulate.dirt import rates_of
from careloom.simulate.feed_fhir import bulk_manifest
from careloom.simulate.feeds import opening_files
from careloom.simulate.patients import PRESENT, YEARS_SEEN
from careloom.simulate.pieces import FEEDS, DirtLevel, Feed, FeedOptions
from careloom.store.ordered_files import OrderedFiles, Written, empty_folder, free_bytes

Watch = Callable[[int, int], None]
_SITES_AT_MOST = 99
_SEED_BELOW = 10**18
"""What JSON readers and 64 bits hold: the manifest names the seed."""
_SPARE = 1.15
"""Room asked of the disk over what the first patients foretell: files out of order are written twice, one at a time."""
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class SimulateAsk:
    """What is to be made.

    feeds       formats; empty for all
    dirt        none, some, much, or the share of the records
    processes   0 for as many as there are cores
    site_feeds  (site, formats) that the site sends in the place of `feeds`
    """

    out: Path
    patients: int
    seed: int
    feeds: tuple[str, ...] = ()
    with_notes: bool = True
    dirt: str = "none"
    sites: int = 3
    present: date = PRESENT
    processes: int = 0
    site_feeds: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class SimulateReport:
    """What was made."""

    out: str
    patients: int
    seed: int
    files: int
    size_bytes: int
    counts: dict[str, int]
    seconds: float
    patients_per_second: float

    def as_json(self) -> dict[str, Any]:
        """The report for machines."""
        return asdict(self)


def simulate(ask: SimulateAsk, watch: Watch | None = None) -> SimulateReport:
    """Makes the files below `ask.out`; the same ask gives the same bytes, whatever the number of processes.

    watch   (patients done, patients in all), called now and then
    raises  QueryError for what cannot be simulated, StateError if the folder is not empty, SetupError if the disk is
            too small
    """
    recipe = _recipe(ask)
    began = time.perf_counter()
    root = empty_folder(ask.out)
    counts: Counter[str] = Counter()
    workshop = Workshop(recipe)
    with OrderedFiles(root) as files:
        for piece in opening_files(workshop.place, recipe.options):
            files.add(piece.path, piece.order, piece.data)
        done = 0
        for shard in shards(recipe, ask.patients, ask.processes or os.cpu_count() or 1):
            _keep(files, shard, counts)
            done += shard.patients
            _check_room(root, files.size_bytes, done, ask.patients)
            if watch is not None:
                watch(done, ask.patients)
        written = _close(files, workshop, recipe, ask)
        _write_manifest(root, ask, recipe.options, counts, written)
    seconds = time.perf_counter() - began
    size = sum(one.size_bytes for one in written)
    return SimulateReport(
        str(root), ask.patients, ask.seed, len(written), size, dict(sorted(counts.items())), round(seconds, 2),
        round(ask.patients / seconds, 1),
    )  # fmt: skip


def _recipe(ask: SimulateAsk) -> Recipe:
    """The recipe of an ask. raises QueryError."""
    if ask.patients < 1:
        raise QueryError("simulate: --patients", "ask for at least one patient")
    if not 1 <= ask.sites <= _SITES_AT_MOST:
        raise QueryError("simulate: --sites", f"ask for 1 to {_SITES_AT_MOST} sites")
    if not 1900 <= ask.present.year <= 2100:
        raise QueryError("simulate: --present", "name a date between 1900 and 2100")
    if not -_SEED_BELOW <= ask.seed < _SEED_BELOW:
        raise QueryError("simulate: --seed", "name a whole number of at most 18 digits")
    options = FeedOptions(ask.seed, _feeds("--feeds", ask.feeds or FEEDS), _dirt(ask.dirt), _site_feeds(ask))
    return Recipe(ask.seed, ask.sites, ask.present, options, ask.with_notes)


def _feeds(option: str, names: Iterable[str]) -> tuple[Feed, ...]:
    """The formats with these names, in their own order. raises QueryError."""
    asked = tuple(names)
    if unknown := [name for name in asked if name not in FEEDS]:
        raise QueryError(f"simulate: {option} has no {unknown[0]!r}", f"choose from {', '.join(FEEDS)}")
    return tuple(feed for feed in FEEDS if feed in asked)


def _site_feeds(ask: SimulateAsk) -> dict[str, tuple[Feed, ...]]:
    """The formats of each site that has some of its own. raises QueryError."""
    sites = [f"site-{number}" for number in range(1, ask.sites + 1)]
    found: dict[str, tuple[Feed, ...]] = {}
    for site, names in ask.site_feeds:
        if site not in sites:
            known = f"{sites[0]} to {sites[-1]}" if len(sites) > 1 else sites[0]
            raise QueryError(f"simulate: --site-feeds: there is no {site!r}", f"this hospital has {known} (--sites)")
        if site in found:
            raise QueryError(f"simulate: --site-feeds names {site} twice", "put all its formats into one, with commas")
        found[site] = _feeds(f"--site-feeds {site}", names)
        if not found[site]:
            raise QueryError(f"simulate: --site-feeds {site} names no format", f"choose from {', '.join(FEEDS)}")
    return found


def _dirt(asked: str) -> DirtLevel | float:
    """A level, or the share of the records. raises QueryError."""
    levels = get_args(DirtLevel)
    level: DirtLevel | None = next((one for one in levels if one == asked), None)
    if level is not None:
        return level
    try:
        share = float(asked)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        hint = f"choose from {', '.join(levels)}, or give the share of the records: 0.02"
        raise QueryError(f"simulate: --dirt has no {asked!r}", hint)
    return share


def _keep(files: OrderedFiles, shard: Shard, counts: Counter[str]) -> None:
    for path, order, data in shard.pieces:
        files.add(path, order, data)
    counts.update(shard.counts)


def _check_room(root: Path, written: int, done: int, patients: int) -> None:
    """Stops before the disk is full. raises SetupError."""
    wanted = written / done * (patients - done) * _SPARE
    if wanted > free_bytes(root):
        raise SetupError(
            f"{root}: {patients:,} patients need about {wanted / 1e9:.1f} GB more than is written; the disk has less",
            "ask for fewer patients or feeds, or name a folder on a larger disk",
        )


def _close(files: OrderedFiles, workshop: Workshop, recipe: Recipe, ask: SimulateAsk) -> list[Written]:
    written = files.finish()
    at = datetime(ask.present.year, ask.present.month, ask.present.day, tzinfo=UTC).isoformat()
    for site in workshop.hospital.sites:
        if "bulk" not in recipe.options.feeds_of(site.site_id):
            continue
        begin = f"feeds/{site.site_id}/bulk/"
        lines = {Path(one.path).stem: one.lines for one in written if one.path.startswith(begin)}
        piece = bulk_manifest(site, lines, at)
        files.add(piece.path, piece.order, piece.data)
    return files.finish()


def _write_manifest(
    root: Path, ask: SimulateAsk, options: FeedOptions, counts: Counter[str], written: Iterable[Written]
) -> None:
    """The manifest comes last: a folder without one is not whole."""
    manifest = {
        "careloom": __version__,
        "seed": ask.seed,
        "patients": ask.patients,
        "sites": ask.sites,
        "present": ask.present.isoformat(),
        "years_seen": YEARS_SEEN,
        "feeds": options.feeds,
        "site_feeds": dict(sorted(options.of_site.items())),
        "notes": ask.with_notes,
        "dirt": options.dirt,
        "dirt_rates": dict(rates_of(options.dirt)),
        "counts": dict(sorted(counts.items())),
        "files": [asdict(one) for one in written],
    }
    (root / MANIFEST).write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
