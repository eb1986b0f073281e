"""The port of cohorts: by rules or by windows, whoever counts, explains or trains asks here."""

import tomllib
from typing import Any

import polars as pl

from careloom.risk.cohorts import Cohort, extract, why
from careloom.risk.cohorts_definition import Definition, Expand, from_toml
from careloom.risk.cohorts_windows import WindowCohort, is_by_windows, windows_from
from careloom.risk.cohorts_windows_extract import extract_windows, why_windows

AnyCohort = Definition | WindowCohort


def any_from_toml(text: str, expand: Expand | None = None) -> AnyCohort:
    """The cohort that a text says, by rules or by windows. raises FormatError, which names the place"""
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return from_toml(text, expand)  # which says where it is none
    return windows_from(told) if is_by_windows(told) else from_toml(text, expand)


def extract_any(definition: AnyCohort, events: pl.DataFrame, *, shift_days: float = 0.0) -> Cohort:
    """As `careloom.risk.cohorts.extract`, `careloom.risk.cohorts_windows_extract.extract_windows`."""
    if isinstance(definition, WindowCohort):
        return extract_windows(definition, events, shift_days=shift_days)
    return extract(definition, events, shift_days=shift_days)


def why_any(
    definition: AnyCohort, events: pl.DataFrame, patient_id: str, *, shift_days: float = 0.0
) -> list[dict[str, Any]]:
    """As `careloom.risk.cohorts.why`."""
    if isinstance(definition, WindowCohort):
        return why_windows(definition, events, patient_id, shift_days=shift_days)
    return why(definition, events, patient_id, shift_days=shift_days)
