"""Pairs of patients compared by splink on DuckDB, in memory only: nothing of them is written to any disk.

The database has no file and no temporary directory, so that what does not fit into `memory_bytes` fails instead of
spilling. Sums are counts of patterns, and scores come from a table of rounded values: the same patients and model give
the same bytes, on any number of threads.
"""

import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
from splink import DuckDBAPI, Linker, SettingsCreator
from splink.internals.exceptions import SplinkException

from careloom.errors import SetupError
from careloom.quality.linkage_model import Block, Comparison, Model
from careloom.quality.linkage_training import Patterns
from careloom.quality.linkage_traits import COLUMNS, Traits, columns_of

_LISTS = ("given_full", "others", "lines", "contacts", "ids")
_NUMBERS = ("generation",)
_ROWS_AT_ONCE = 50_000
_TABLE = "patients"
_BITS = 4
"""Digits after the point of a score in bits."""


class Scored(NamedTuple):
    """One compared pair: the numbers of its patients in the order given, and each comparison's level and bits.

    levels   index of the level of each comparison, -1 where unknown
    bits     what each comparison says; frequencies of values are in it
    """

    left: int
    right: int
    weight: float
    levels: tuple[int, ...]
    bits: tuple[float, ...]


class Comparer:
    """Some patients, ready to be compared. Close it when done: `comparing` does."""

    def __init__(self, patients: Sequence[Traits], *, memory_bytes: int = 0, threads: int = 0) -> None:
        logging.getLogger("splink").setLevel(logging.ERROR)  # it tells about columns without training: ours is done
        config: dict[str, Any] = {"temp_directory": "", "max_temp_directory_size": "0KB"}
        config |= {"memory_limit": f"{memory_bytes}B"} if memory_bytes else {}
        config |= {"threads": threads} if threads else {}
        self._database = duckdb.connect(":memory:", config=config)
        self._count = len(patients)
        self.compared = 0
        """Pairs that the last call compared."""
        self._crowded: dict[tuple[str, ...], str] = {}
        self._load(patients)

    def close(self) -> None:
        """Forgets the patients."""
        self._database.close()

    def _load(self, patients: Sequence[Traits]) -> None:
        types = dict.fromkeys(COLUMNS, pa.string()) | dict.fromkeys(_LISTS, pa.list_(pa.string()))
        types |= dict.fromkeys(_NUMBERS, pa.int8())
        schema = pa.schema([(name, types[name]) for name in COLUMNS])
        for start in range(0, max(self._count, 1), _ROWS_AT_ONCE):
            columns = columns_of(patients[start : start + _ROWS_AT_ONCE])
            numbers = range(start, start + len(columns["id"]))
            rows = pa.table(columns, schema=schema).append_column("unique_id", pa.array(numbers, pa.int32()))
            self._database.register("arriving", rows)
            into = f"INSERT INTO {_TABLE}" if start else f"CREATE TABLE {_TABLE} AS"
            self._database.execute(f"{into} SELECT * FROM arriving")  # noqa: S608
            self._database.unregister("arriving")

    def part_crowds(self, model: Model) -> int:
        """Takes keys of blocks apart that more than `Model.most_per_key` patients share; returns how many keys.

        What so many share is a default of some desk, and its pairs would fill the memory: those patients are compared
        where another block brings them together. An identifier that so many share counts for none of them.
        """
        crowds = 0
        for keys in dict.fromkeys(block.left for block in (*model.blocks, *model.training_blocks) if block.left):
            listed, known = ", ".join(keys), " AND ".join(f"{column} IS NOT NULL" for column in keys)
            having = f"GROUP BY {listed} HAVING count(*) > {model.most_per_key}"
            sql = f"SELECT count(*) FROM (SELECT 1 FROM {_TABLE} WHERE {known} {having})"  # noqa: S608
            found = self._database.execute(sql).fetchall()[0][0]
            if found:
                crowds += found
                mark = self._crowded[keys] = f"is_crowd_{len(self._crowded)}"
                self._database.execute(
                    f"CREATE OR REPLACE TABLE {_TABLE} AS SELECT *, count(*) OVER (PARTITION BY {listed}) > "  # noqa: S608
                    f"{model.most_per_key} AS {mark} FROM {_TABLE} ORDER BY unique_id"
                )
        every = f"SELECT unnest(ids) AS id FROM {_TABLE}"  # noqa: S608
        sql = f"SELECT id FROM ({every}) GROUP BY id HAVING count(*) > {model.most_per_key}"  # noqa: S608
        shared = [row[0] for row in self._database.execute(sql).fetchall()]
        if shared:
            kept = "list_filter(ids, lambda id: NOT list_contains(?, id))"
            self._database.execute(f"UPDATE {_TABLE} SET ids = {kept}", [shared])  # noqa: S608
        return crowds + len(shared)

    def _apart(self, block: Block) -> Block:
        mark = self._crowded.get(block.left, "")
        return replace(block, crowd=mark) if mark else block

    def frequencies(self, model: Model) -> None:
        """Adds the frequency of each value of a column that has one, smoothed by the level's own u.

        A pair must not make its own value look frequent, so two of the patients who have it do not count.
        """
        strength = model.training.prior_patients
        for one in model.comparisons:
            for level in (level for level in one.levels if level.tf):
                column = level.tf
                self._database.execute(f"ALTER TABLE {_TABLE} DROP COLUMN IF EXISTS tf_{column}")
                self._database.execute(
                    f"CREATE OR REPLACE TABLE {_TABLE} AS SELECT p.*, round((greatest(count({column}) OVER "  # noqa: S608
                    f"(PARTITION BY {column}) - 2, 0) + {level.u * strength}) / "
                    f"(greatest(count({column}) OVER () - 2, 0) + {strength}), 12) AS tf_{column} "
                    f"FROM {_TABLE} p ORDER BY unique_id"
                )

    def random_patterns(self, model: Model) -> Patterns:
        """Patterns of pairs picked at random: patients fall into buckets by a hash, pairs are made within them."""
        pairs = self._count * (self._count - 1) / 2
        buckets = max(1, math.ceil(pairs / model.training.random_pairs))
        source = f"SELECT *, md5_number_lower(unique_id::VARCHAR) % {buckets} AS bucket FROM {_TABLE}"  # noqa: S608
        return self._patterns(model, source, Block(("bucket",), ("bucket",)))

    def block_patterns(self, model: Model, block: Block) -> Patterns:
        """Patterns of pairs in a block; of a part of its keys, where there are more pairs than training takes."""
        keys = ", ".join(block.left)
        known = " AND ".join(f"{column} IS NOT NULL" for column in block.left)
        sql = f"SELECT sum(n * (n - 1) / 2) FROM (SELECT count(*) AS n FROM {_TABLE} WHERE {known} GROUP BY {keys})"  # noqa: S608
        pairs = self._database.execute(sql).fetchall()[0][0] or 0
        part = max(1, math.ceil(pairs / model.training.block_pairs))
        kept = f"{known} AND md5_number_lower(concat_ws('|', {keys})) % {part} = 0"
        block = self._apart(block)
        return self._patterns(model, f"SELECT * FROM {_TABLE} WHERE {kept}", block)  # noqa: S608

    def _patterns(self, model: Model, source: str, block: Block) -> Patterns:
        self._database.execute(f"CREATE OR REPLACE TEMP TABLE sampled AS {source}")
        listed = ", ".join(f"mw_{one.name}::INT - 1" for one in model.comparisons)
        with self._predicted(_numbered(model), "sampled", (block,)) as found:
            rows = self._database.execute(f"SELECT {listed}, count(*) FROM {found} GROUP BY ALL").fetchall()  # noqa: S608
        return Patterns.of({tuple(levels): count for *levels, count in rows}, block.without)

    def scored(self, model: Model, least_weight: float, fresh: Iterable[int] | None = None) -> Iterator[Scored]:
        """All pairs in a block of the model that weigh at least so much, in order of their patients.

        fresh  numbers of patients: only pairs with one of them; all pairs by default
        """
        blocks = tuple(self._apart(block) for block in model.blocks)
        if fresh is not None:
            self._database.register("fresh", pa.table({"number": pa.array(fresh, pa.int32())}))
            self._database.execute(
                f"CREATE OR REPLACE TABLE {_TABLE} AS SELECT *, unique_id IN (SELECT number FROM fresh) AS is_fresh "  # noqa: S608
                f"FROM {_TABLE} ORDER BY unique_id"
            )
            blocks = tuple(replace(block, is_fresh=True) for block in blocks)
        parts = []
        for one in model.comparisons:
            parts += [f"gamma_{one.name}", f"mw_{one.name}"]
            parts += [f"mw_tf_adj_{one.name}"] if one.tf_columns else ["0.0"]
        columns = ", ".join(parts)
        with self._predicted(model, _TABLE, blocks, least_weight) as found:
            self._database.execute(
                f"SELECT unique_id_l, unique_id_r, {columns} FROM {found} ORDER BY unique_id_l, unique_id_r"  # noqa: S608
            )
            prior = math.log2(model.prior(self._count) / (1 - model.prior(self._count)))
            while rows := self._database.fetchmany(_ROWS_AT_ONCE):
                yield from (_scored(model, prior, row) for row in rows)

    @contextmanager
    def _predicted(
        self, model: Model, table: str, blocks: Iterable[Block], least: float | None = None
    ) -> Iterator[str]:
        """The name of a table of compared pairs, dropped at the end; with levels where a least weight thins it out."""
        api = DuckDBAPI(self._database)
        settings = SettingsCreator(
            link_type="dedupe_only",
            comparisons=[_comparison(one) for one in model.comparisons],
            blocking_rules_to_generate_predictions=[_rule(block) for block in blocks],
            probability_two_random_records_match=model.prior(self._count),
            retain_matching_columns=least is not None,
            retain_intermediate_calculation_columns=True,
        )
        linker = Linker(api.register(table), settings, log_level=None, validate_settings=False)
        try:
            blocked = linker.inference.compute_blocked_pairs_for_predict().physical_name
            self.compared = int(self._database.execute(f"SELECT count(*) FROM {blocked}").fetchall()[0][0])  # noqa: S608
            found = linker.inference.predict(threshold_match_weight=least, warning_mode="never")
            yield found.physical_name
        finally:
            api.delete_tables_created_by_splink_from_db()  # type: ignore[no-untyped-call]


@contextmanager
def comparing(patients: Sequence[Traits], *, memory_bytes: int = 0, threads: int = 0) -> Iterator[Comparer]:
    """Patients ready to be compared, forgotten at the end. raises SetupError where memory does not suffice."""
    try:
        comparer = Comparer(patients, memory_bytes=memory_bytes, threads=threads)
        try:
            yield comparer
        finally:
            comparer.close()
    except (SplinkException, duckdb.OutOfMemoryException) as error:
        if "out of memory" not in str(error).lower():
            raise
        raise SetupError(
            "linkage: the patients and their pairs do not fit into memory, and nothing of them goes to disk",
            "Give the process more memory, or name blocks with fewer pairs in the model.",
        ) from None


def _rule(block: Block) -> Any:
    if not block.any_of:
        return block.sql
    return {"blocking_rule": block.sql, "arrays_to_explode": [block.any_of], "sql_dialect": "duckdb"}


def _comparison(one: Comparison) -> dict[str, Any]:
    levels: list[dict[str, Any]] = [
        {"sql_condition": one.unknown, "label_for_charts": "unknown", "is_null_level": True}
    ]
    for level in one.levels:
        made: dict[str, Any] = {
            "sql_condition": level.sql or "ELSE",
            "label_for_charts": level.name,
            "m_probability": level.m,
            "u_probability": level.u,
        }
        if level.tf:
            made |= {
                "tf_adjustment_column": level.tf,
                "tf_minimum_u_value": level.m / 2**one.most_bits,
                "disable_tf_exact_match_detection": True,
            }
        levels.append(made)
    return {"output_column_name": one.name, "comparison_levels": levels}


def _numbered(model: Model) -> Model:
    """The same conditions, but each level weighs its number, counted from 1: unknown weighs 0.

    Splink gives the level of a pair only beside all values that led to it, which is too much to keep for many pairs.
    """
    comparisons = tuple(
        replace(one, levels=tuple(replace(level, m=1.0, u=0.5**n, tf="") for n, level in enumerate(one.levels, 1)))
        for one in model.comparisons
    )
    return replace(model, comparisons=comparisons)


def _levels(model: Model, gammas: Sequence[int]) -> tuple[int, ...]:
    """Splink counts levels from the last one up; ours are in the order of the model, -1 for unknown in both."""
    return tuple(
        -1 if gamma < 0 else len(one.levels) - 1 - gamma for one, gamma in zip(model.comparisons, gammas, strict=True)
    )


def _scored(model: Model, prior: float, row: Sequence[Any]) -> Scored:
    left, right, *parts = row
    bits = tuple(round(parts[at + 1] + (parts[at + 2] or 0.0), _BITS) for at in range(0, len(parts), 3))
    levels = _levels(model, parts[0::3])
    return Scored(left, right, round(prior + sum(bits), _BITS), levels, bits)
