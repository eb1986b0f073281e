"""A cohort by windows, as task files of ACES define one: the same words in TOML, with a name, a source and follow-up.

``predicates``, ``patient_demographics``, ``trigger`` and ``windows`` mean what `careloom.risk.cohorts_aces` reads;
beside them stand ``name``, ``title``, ``source`` and ``[censoring] follow_up`` (``data``, ``patient``, or ``none``: the
label stands wherever the record ends, as in ACES). A boundary that is left out is the begin or the end of the record.
The window with ``index_timestamp`` says when the prediction is made, and its start how far back features may look; the
window with ``label`` what is foretold, and its end the horizon.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal, get_args

import orjson

from careloom.errors import FormatError
from careloom.risk.cohorts_aces import KNOWN, Task, Window, task_of
from careloom.risk.cohorts_definition import one_of, only, word
from careloom.risk.cohorts_events import KINDS, MEDS_HEADS
from careloom.risk.cohorts_yaml import read_yaml

FollowUpOf = Literal["data", "patient", "none"]
_OWN = ("name", "title", "source", "censoring")
_YAML = re.compile(r"""^("[^"]*"|'[^']*'|\w+)\s*:(\s|$)""")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_NO_NAME = re.compile(r"[^a-z0-9]+")
_HEAD = re.compile(r"\^([A-Za-z_]+)(?://|$)")
_GENDERS = ("male", "female", "other", "unknown", "UNK")
_HEADS = frozenset(MEDS_HEADS.get(kind, kind.upper()) for kind in KINDS)
_ALONE = ("MEDS_BIRTH", "MEDS_DEATH")
_TITLE = 120
_ONE_PART = ("HOSPITAL_ADMISSION", "HOSPITAL_DISCHARGE", "GENDER")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class WindowCohort:
    """A whole cohort by windows; see the head of this file."""

    name: str
    title: str
    source: str
    task: Task
    follow_up: FollowUpOf = "data"

    @property
    def digest(self) -> str:
        """32 hexadecimal digits of all that decides who is in and what the label is."""
        return sha256(orjson.dumps(self, option=orjson.OPT_SORT_KEYS, default=dict)).hexdigest()[:32]

    @property
    def index_window(self) -> Window:
        """The window whose start or end is the index time."""
        return next(one for one in self.task.windows if one.index_timestamp)

    @property
    def label_window(self) -> Window:
        """The window that is foretold."""
        return next(one for one in self.task.windows if one.label)

    @property
    def has_horizon(self) -> bool:
        """Whether a span of time ends the window that is foretold, and not an event that has been seen."""
        return self._is_timed(f"{self.label_window.name}.end")

    def _is_timed(self, place: str) -> bool:
        if place == "trigger":
            return False
        name, _, side = place.partition(".")
        window = next(one for one in self.task.windows if one.name == name)
        boundary = window.start if side == "start" else window.end
        if boundary.event:
            return False
        beyond = boundary.reference
        return boundary.seconds > 0 or self._is_timed(f"{name}.{beyond}" if beyond in ("start", "end") else beyond)


def is_task_file(text: str) -> bool:
    """Whether a text is a task file of ACES (YAML), not TOML: its first line is ``key:``."""
    lines = (line.strip() for line in text.splitlines())
    return bool(_YAML.match(next((line for line in lines if line and not line.startswith(("#", "---"))), "")))


def is_by_windows(told: Mapping[str, Any]) -> bool:
    """Whether the TOML of a cohort says windows."""
    return "windows" in told or "trigger" in told


def windows_from(told: Json) -> WindowCohort:
    """The cohort that TOML says. raises FormatError, which names the place"""
    only(told, (*_OWN, *KNOWN), "the file")
    censoring = told.get("censoring", {})
    only(censoring, ("follow_up",), "censoring")
    task = task_of({name: value for name, value in told.items() if name in KNOWN})
    _require(task)
    return WindowCohort(
        word(told, "name", "the file"), word(told, "title", "the file"), word(told, "source", "the file"), task,
        one_of(censoring, "follow_up", get_args(FollowUpOf), "censoring", "data"),
    )  # fmt: skip


def imported(text: str, name: str = "", predicates: str = "") -> str:
    """The TOML of a task file of ACES: a cohort that counts, explains and trains.

    name        of the cohort; without one it is made of the file's digest
    predicates  a second file, whose predicates take the place of those of the same name, as ACES takes them
    raises      FormatError, which names the place
    """
    told = read_yaml(text)
    more = read_yaml(predicates) if predicates else {}
    only(more, ("predicates", "patient_demographics", "metadata", "description"), "the file of predicates")
    for part in ("predicates", "patient_demographics"):
        if isinstance(more.get(part), dict) and isinstance(told.get(part, {}), dict):
            told[part] = {**told.get(part, {}), **more[part]}
    named = _NO_NAME.sub("_", name.lower()).strip("_")[:50]
    if not named or named[0].isdigit():
        named = f"aces_{named or sha256(text.encode()).hexdigest()[:12]}"
    about = told.get("metadata")
    said = told.get("description") or (about.get("description") if isinstance(about, dict) else "")
    title = " ".join(said.split())[:_TITLE] if isinstance(said, str) else ""
    head = {
        "name": named,
        "title": title or f"ACES task {name or named}",
        "source": "Task file of ACES (arXiv:2406.19653), imported",
    }
    made = written({**head, **told})
    windows_from(tomllib.loads(made))
    return made


def written(told: Json) -> str:
    """A cohort by windows as TOML: one block a predicate and window, nothing added and nothing left out."""
    plain = {name: value for name, value in told.items() if value is not None and not isinstance(value, dict)}
    lines = [f"{_key(name)} = {_value(value)}" for name, value in plain.items()]
    for name, block in told.items():
        if not isinstance(block, dict):
            continue
        own = {part: one for part, one in block.items() if one is not None and not isinstance(one, dict)}
        if own:
            lines += ["", f"[{_key(name)}]", *(f"{_key(part)} = {_value(one)}" for part, one in own.items())]
        for part, one in block.items():
            if isinstance(one, dict):
                lines += ["", f"[{_key(name)}.{_key(part)}]"]
                lines += [f"{_key(key)} = {_value(value)}" for key, value in one.items() if value is not None]
    return "\n".join([*lines, ""])


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)


def _value(found: Any) -> str:
    if isinstance(found, str):
        return json.dumps(found, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(found, dict):
        inside = ", ".join(f"{_key(name)} = {_value(one)}" for name, one in found.items() if one is not None)
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(found, list):
        return f"[{', '.join(_value(one) for one in found if one is not None)}]"
    return str(found).lower() if isinstance(found, bool) else repr(found)


def _require(task: Task) -> None:
    """Returns where a task can be a cohort of facts. raises FormatError, which names the place"""
    index = next((one for one in task.windows if one.index_timestamp), None)
    label = next((one for one in task.windows if one.label), None)
    if index is None:
        remedy = "Say index_timestamp: end in the window that a prediction may look at."
        raise FormatError("task file: windows: none has index_timestamp", remedy)
    if label is None:
        raise FormatError("task file: windows: none has label", "Say label: PREDICATE in the window that is foretold.")
    if label.name == index.name and index.index_timestamp == "end":
        raise FormatError(
            f"task file: windows.{label.name}: its label is known when the prediction is made",
            "Foretell a window that begins at the index time or after it.",
        )
    for one in (*task.predicates, *task.demographics):
        for code in one.codes:
            _require_code(f"predicates.{one.name}.code", code)
        if (head := _HEAD.match(one.pattern)) and head[1] not in _HEADS:
            raise _never(f"predicates.{one.name}.code.regex", head[1])


def _require_code(place: str, code: str) -> None:
    """Returns where facts of a zone can have a code. raises FormatError for one that none can ever have"""
    head, *parts = code.split("//")
    if head not in _HEADS:
        raise _never(place, head)
    if head in _ALONE:
        if parts:
            raise FormatError(f"task file: {place}: no fact has this code", f"Write {head}.")
        return
    if head in _ONE_PART:
        if head == "GENDER" and parts not in [[one] for one in _GENDERS]:
            raise FormatError(f"task file: {place}: no patient has this code", "Write GENDER//female or GENDER//male.")
        if not parts:
            raise FormatError(f"task file: {place}: no fact has this code", f'Write {{regex: "^{head}//"}} for all.')
        return
    if len(parts) < 2 or (":" not in parts[0] and parts[0] != "UNK"):
        raise FormatError(
            f"task file: {place}: codes of {head} name their system by URI",
            f"Write {head}//<URI of the system>//<code>, as {head}//http://loinc.org//2951-2.",
        )


def _never(place: str, head: str) -> FormatError:
    known = ", ".join(sorted(_HEADS))
    return FormatError(f"task file: {place}: no fact of a zone has a code that begins with {head}", f"Known: {known}.")
