"""Which detectors look for identity in texts: those that the settings name, all of them or the run does not begin."""

from collections.abc import Iterable

from careloom.deid.text import TextScrubber
from careloom.deid.text_detectors import RULES, Team
from careloom.errors import SetupError
from careloom.pipeline.registry import REGISTRY, load
from careloom.settings import Deidentify

PREFIX = "detector."
SETTING = "settings: deidentify.detectors"


def teams(settings: Deidentify) -> tuple[Team, ...]:
    """The detectors of ``[deidentify] detectors``, loaded.

    raises  SetupError if one is unknown, is not installed or lacks a setting, or if the rules are left out: they alone
            know the record of the patient
    """
    known = sorted(name.removeprefix(PREFIX) for name in REGISTRY if name.startswith(PREFIX))
    names = list(dict.fromkeys(settings.detectors))
    for name in names:
        if name not in known:
            raise SetupError(f"{SETTING}: there is no detector {name}", f"Known names: {', '.join(known)}.")
    if RULES not in names:
        raise SetupError(f"{SETTING} leaves out {RULES}", f"Add {RULES}: they alone know what the record says.")
    return tuple(load(PREFIX + name)(settings) for name in names)


def scrubber(chosen: Iterable[Team]) -> TextScrubber:
    """Takes identity out of texts by all detectors of some teams."""
    return TextScrubber([detector for team in chosen for detector in team.detectors])
