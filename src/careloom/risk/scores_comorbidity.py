"""Comorbidities by their ICD-10 or ICD-9-CM codes, and the Charlson and Elixhauser scores of them."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import polars as pl

from careloom.errors import InputError
from careloom.runtime import packaged
from careloom.tables.schema import SchemaMismatch

NAMES = ("charlson", "elixhauser")
Coding = Literal["icd10", "icd9cm"]


@dataclass(frozen=True, slots=True)
class Category:
    """A condition of an index.

    prefixes  of ICD-10 codes, without dots: those of ICD-10-CM and those that only the WHO's ICD-10 has
    icd9cm    prefixes of ICD-9-CM codes, without dots; none where the index does not say
    replaces  the milder condition that does not count beside it; empty for none
    weights   set of weights -> points
    """

    name: str
    title: str
    prefixes: tuple[str, ...]
    replaces: str
    weights: Mapping[str, int]
    icd9cm: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Index:
    """An index of comorbidity; `ranges` and `sources` are by set of weights, `citation` is that of the codes."""

    index_id: str
    title: str
    citation: str
    table: str
    checked: tuple[str, ...]
    categories: tuple[Category, ...]
    ranges: Mapping[str, tuple[int, int]]
    sources: Mapping[str, str]
    cases: tuple[Mapping[str, Any], ...]


@cache
def index(name: str) -> Index:
    """The index of that name.

    raises  InputError for a name that is not one of `NAMES`
    """
    if name not in NAMES:
        raise InputError(f"index {name!r}", f"ask for one of: {', '.join(NAMES)}")
    read = tomllib.loads(packaged("risk", f"scores/{name}.toml").decode())
    return Index(
        read["id"],
        read["title"],
        read["source"]["citation"],
        read["source"]["table"],
        tuple(read["checked"]),
        tuple(
            Category(
                key,
                told["title"],
                tuple(code.replace(".", "") for code in (*told.get("icd10cm", ()), *told.get("icd10", ()))),
                told.get("replaces", ""),
                told["weights"],
                tuple(code.replace(".", "") for code in told.get("icd9cm", ())),
            )
            for key, told in read["categories"].items()
        ),
        {key: (told["range"][0], told["range"][1]) for key, told in read["weights"].items()},
        {key: told["source"] for key, told in read["weights"].items()},
        tuple(read["cases"]),
    )


@cache
def _by_prefix(name: str, coding: Coding) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for category in index(name).categories:
        for prefix in category.prefixes if coding == "icd10" else category.icd9cm:
            found[prefix] = (*found.get(prefix, ()), category.name)
    return found


def categories_of(code: str, of: str = "charlson", coding: Coding = "icd10") -> tuple[str, ...]:
    """The conditions that a code stands for, with or without its dot, before any replaces another.

    An ICD-9-CM code with a dot may lack the zeros it begins with, and one of three digits at most, too: ``38`` is 038.
    """
    told = code.strip().upper()
    if coding == "icd9cm" and (whole := told.partition(".")[0]).isdigit() and ("." in told or len(whole) < 3):
        told = told.zfill(len(told) + max(0, 3 - len(whole)))
    plain = told.replace(".", "")
    by_prefix = _by_prefix(of, coding)
    found = {name: None for length in range(3, len(plain) + 1) for name in by_prefix.get(plain[:length], ())}
    return tuple(found)


def comorbidities(
    diagnoses: pl.DataFrame, of: str = "charlson", *, key: str = "patient_id", coding: Coding = "icd10"
) -> pl.DataFrame:
    """Which conditions of an index each patient has.

    diagnoses  [n] `key`, code (text; ICD-10 or ICD-10-CM, or ICD-9-CM by `coding`; null for a patient without any).
               Hand in what was known at the index time only; a patient without a row is not in the result
    returns    [patients] `key` and a boolean a condition, the milder one false beside its severer one where the index
               says so; sorted by key
    raises     SchemaMismatch if a column is missing
    """
    for name in (key, "code"):
        if name not in diagnoses.columns:
            raise SchemaMismatch(f"diagnoses: no column {name}", "add it: one row a diagnosis")
    told = diagnoses.select(key, pl.col("code").cast(pl.String)).unique()
    codes = told["code"].drop_nulls().unique().to_list()
    meaning = {code: list(categories_of(code, of, coding)) for code in codes}
    categories = index(of).categories
    held = told.with_columns(
        pl.col("code").replace_strict(meaning, default=None, return_dtype=pl.List(pl.String)).alias("held")
    )
    found = held.group_by(key).agg(pl.col("held").explode().drop_nulls().unique())
    raw = found.select(key, *(pl.col("held").list.contains(one.name).alias(one.name) for one in categories))
    severer = {one.replaces: one.name for one in categories if one.replaces}
    return raw.with_columns((pl.col(mild) & ~pl.col(severe)).alias(mild) for mild, severe in severer.items()).sort(key)


def comorbidity_points(held: pl.DataFrame, weights: str, of: str = "charlson") -> pl.Series:
    """The points of each row of `comorbidities`.

    weights  charlson: original (1987), updated (2011) or lace; elixhauser: van_walraven
    raises   InputError for a set of weights that the index lacks
    """
    about = index(of)
    if weights not in about.ranges:
        raise InputError(f"{of}: weights {weights!r}", f"ask for one of: {', '.join(about.ranges)}")
    parts = [pl.col(one.name).cast(pl.Int64) * one.weights[weights] for one in about.categories]
    return held.select(pl.sum_horizontal(parts).alias(f"{of}_{weights}")).to_series()
