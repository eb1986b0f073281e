"""What an installation holds of model cards beside versions, in the folder of the setting ``models.cards``.

``any.toml`` and ``NAME.toml``: what it declares of all models and of one. ``NAME@3.external.json``,
``NAME@3.local.json``: what one version did on data of another source, or here, as somebody measured it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from careloom.errors import FormatError, NotFound, SetupError
from careloom.mlops.card_declared import EVERY, Declarations, declarations, shipped
from careloom.mlops.card_evaluation import KINDS, Kind, evaluation
from careloom.mlops.card_facts import Judged
from careloom.risk.tasks import Task, ready_tasks, shipped_task

HANDED_IN = "Handed in as a file, not measured by Careloom:"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found in a file.

    what    texts, external or local
    holds   ids of the texts, or names of the measures; empty where it cannot be read
    where   the place that is wrong; empty where nothing is
    remedy  what to do there
    """

    file: str
    what: str
    holds: tuple[str, ...] = ()
    where: str = ""
    remedy: str = ""

    def as_json(self) -> Json:
        """It as plain data."""
        return {name: getattr(self, name) for name in self.__slots__} | {"holds": list(self.holds)}


def said_here(folder: Path | None, model: str) -> Declarations:
    """What this installation declares: of all models, over it of this one. raises FormatError; SetupError"""
    found = Declarations()
    for name in (EVERY, model):
        content = _content(folder, f"{name}.toml")
        found = found if content is None else found.over(declarations(content, f"{name}.toml"))
    return found


def said_now(folder: Path | None, model: str) -> Declarations:
    """What is declared of a model that is trained now: what ships with its task, over it what is said here."""
    return shipped(model).over(said_here(folder, model))


def said_of(folder: Path | None, task: Task, *, is_as_shipped: bool) -> Declarations:
    """What is declared of a version of a task; without what ships where the task, its cohort or features are another.

    is_as_shipped  cohort and features are those that the task names
    """
    is_shipped = is_as_shipped and task.name in ready_tasks() and task.digest == shipped_task(task.name).digest
    return said_now(folder, task.name) if is_shipped else said_here(folder, task.name)


def registered_with(files: Mapping[str, bytes], name: str) -> Declarations:
    """What was declared when a version was registered, of its files. raises FormatError"""
    return declarations(files[name], name) if name in files else Declarations()


def evaluation_here(folder: Path | None, version: str, kind: Kind, of: str, now: datetime) -> Judged | None:
    """What a version did on other data, where the installation holds that; of: its digest. raises FormatError"""
    name = f"{version}.{kind}.json"
    content = _content(folder, name)
    if content is None:
        return None
    found = evaluation(content, name, kind, of, now)
    return replace(found, data=f"{HANDED_IN} {found.data}")


def checked(path: Path, digests: Mapping[str, str], now: datetime) -> Checked:
    """What is in a file of the folder, and the first thing that is wrong with it.

    digests  version -> its digest, of those that are registered
    raises   NotFound where the file cannot be read
    """
    content = _content(path.parent, path.name)
    if content is None:
        raise NotFound(f"there is no file {path.name}", "Write one: careloom models card-texts NAME --out FILE.")
    version, kind = _told_by(path.name)
    what = kind or "texts"
    try:
        if path.suffix == ".toml":
            return Checked(path.name, what, tuple(declarations(content, path.name).texts))
        if kind is None:
            remedy = f"Call it NAME.toml, or NAME@3.{KINDS[0]}.json or NAME@3.{KINDS[1]}.json after a version."
            return Checked(path.name, "", (), path.name, remedy)
        if version not in digests:
            return Checked(path.name, what, (), path.name, "No version is called so: careloom models list.")
        found = evaluation(content, path.name, kind, digests[version], now)
        return Checked(path.name, what, tuple(found.measures))
    except FormatError as error:
        return Checked(path.name, what, (), error.where, error.remedy)


def files_in(folder: Path | None) -> list[Path]:
    """The files of the folder, by name. raises SetupError where there is no folder"""
    if folder is None or not folder.is_dir():
        raise SetupError("models.cards names no folder", "Name the files, or set it in careloom.toml.")
    return sorted(one for one in folder.iterdir() if one.suffix in (".toml", ".json"))


def _told_by(name: str) -> tuple[str, Kind | None]:
    for kind in KINDS:
        if name.endswith(f".{kind}.json"):
            return name.removesuffix(f".{kind}.json"), kind
    return "", None


def _content(folder: Path | None, name: str) -> bytes | None:
    if folder is None:
        return None
    path = Path(folder) / name
    try:
        return path.read_bytes() if path.is_file() else None
    except OSError as error:
        raise SetupError(f"{name} cannot be read: {error.strerror}", "Look at models.cards in the settings.") from None
