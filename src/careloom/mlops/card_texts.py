"""A file of what a person may declare in model cards, to be filled in: every section with what is asked and is said."""

import json
from datetime import date

from careloom.mlops.card_answers import MEASURED, NAMES
from careloom.mlops.card_attributes import Attribute, attributes, further, rule
from careloom.mlops.card_declared import Declarations, Declared

_HEAD = """\
# What model cards of {model} say that a person answers for. Each section below is a comment: take away the # before
# those that you say otherwise, and put your words in. What you leave as it is, stays as it is said now.
#
#   text         the value
#   unavailable  in its place: that there is no such information, and why. Only where the section says that it may
#   by, on       of one section, where another person answers for it or looked at it another day
#
# Save it as {model}.toml in the folder of the setting models.cards, or as any.toml there for all models of your place,
# and look at it anew once a year. Then: careloom models card-check FILE

by = ""  # who answers for the texts below: name and office
on = {on}  # when they were last looked at
"""


def template(model: str, now: Declarations, on: date) -> str:
    """The file as TOML, valid as it stands: it says nothing yet.

    now  what is said without it
    on   the day that stands in it
    """
    parts = [_HEAD.format(model=model, on=on.isoformat()), f"# The source attributes of {rule()}"]
    parts += [_section(one.id, _asked(one), one.may_be_unavailable, now) for one in attributes() if _is_said(one)]
    parts += ["# What else the CHAI applied model card and TRIPOD+AI ask for"]
    parts += [_section(one.id, one.title, True, now) for one in further()]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _is_said(one: Attribute) -> bool:
    return one.rests_on != MEASURED


def _asked(one: Attribute) -> str:
    told = f"{one.number}. {one.title}, {one.paragraph}"
    if not one.is_computable:
        return told
    made = " or ".join(NAMES[name] for name in one.rests_on)
    return f"{told}. Computed where there is {made}; a text is added to that"


def _section(name: str, title: str, may_be_unavailable: bool, now: Declarations) -> str:
    one, may = now.of(name), " It may be unavailable." if may_be_unavailable else ""
    said = "Nothing is said now." if one is None else f"Said now by {one.by}, {one.on.isoformat()}:"
    return "\n".join(f"# {line}" for line in (f"{title}.{may}", said, f"[{name}]", _text(one)))


def _text(one: Declared | None) -> str:
    kind = "text" if one is None or one.is_available else "unavailable"
    return f"{kind} = {json.dumps('' if one is None else one.text, ensure_ascii=False)}"
