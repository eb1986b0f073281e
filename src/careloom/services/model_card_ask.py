"""What people write for model cards, asked of an installation: files to be filled in, and whether they can be read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from careloom.mlops.card_evaluation import template
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.model_card_files import Checked, checked, files_in
from careloom.services.models_kept import resolve, versions_of
from careloom.services.platform import Platform

TEMPLATE, CHECK = "models-card-evaluation", "models-card-check"


def evaluation_template(platform: Platform, who: Principal, version: str) -> tuple[str, dict[str, Any]]:
    """The name of a version, and the evaluation of it that is to be filled in.

    raises  AccessError; NotFound, QueryError for the version
    """
    admit(platform, who, "monitor", "identified", operation=TEMPLATE)
    one = resolve(platform, version)
    note(platform, who, TEMPLATE, "identified", detail={"version": one.name})
    return one.name, template(one.body["digest"], one.body["manifest"]["report"]["lineage"]["evaluation"]["measures"])


def check_files(platform: Platform, who: Principal, files: Sequence[Path] | None) -> list[Checked]:
    """What is in files of texts and evaluations; of the folder ``models.cards`` where none are named.

    raises  AccessError; NotFound for a file; SetupError where the folder is none
    """
    admit(platform, who, "monitor", "identified", operation=CHECK)
    digests = {one.name: one.body["digest"] for one in versions_of(platform)}
    paths = files_in(platform.settings.models.cards) if files is None else list(files)
    now = platform.runtime.now()
    found = [checked(path, digests, now) for path in paths]
    detail = {"files": len(found), "wrong": sum(bool(one.where) for one in found)}
    note(platform, who, CHECK, "identified", detail=detail)
    return found
