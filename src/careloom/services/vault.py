"""The pseudonym vault: somebody asks who is behind pseudonyms and why, another approves, the asker learns it.

Every step, refused ones too, is an event of the audit chain that names the patients by their keyed pseudonyms. What was
asked lies sealed under the key that the patients share, and goes when one of them is erased.
"""

import re
from dataclasses import dataclass, replace
from typing import Any

from careloom.crypto.pseudonyms import name_of
from careloom.crypto.sealed_values import MOST_LETTERS
from careloom.errors import CareloomError, Conflict, InputError, NotFound
from careloom.services.access import Principal
from careloom.services.admission import admit, event, note
from careloom.services.platform import Platform
from careloom.services.vault_epochs import ZONE, find
from careloom.services.vault_names import Reversal, answer, patients_behind, reverse
from careloom.services.vault_states import Decision, approved, decided, revealed
from careloom.services.vault_steps import as_json, detail_of, found
from careloom.store.audit_log import microseconds
from careloom.store.vault import Asked, Epoch, Request

LONGEST_REASON = 500
MOST_NAMES = 100
PURPOSES = {
    "TREAT": "treatment",
    "ETREAT": "emergency treatment",
    "PATRQT": "the patient asks",
    "PATSFTY": "safety of patients",
    "PUBHLTH": "public health",
    "HRESCH": "research",
    "CLINTRCH": "research within a clinical trial",
    "HLEGAL": "a legal matter",
    "HOPERAT": "operation of the institution",
}
"""Purposes of use, codes of HL7 v3 ActReason (2018-08-12, below PurposeOfUse) -> what they mean here."""
_NAME = re.compile(rf"[A-Z][A-Za-z]{{1,63}}/[a-z2-7]{{26}}|sealed/[a-z2-7]{{77,{MOST_LETTERS}}}", re.ASCII)
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """Who is behind these pseudonyms of a project?

    names    ``Type/name`` as the research zone has them; ``sealed/value`` for what a policy encrypted
    reason   why, in the asker's words
    purpose  one of `PURPOSES`
    project  that of the settings where empty
    epoch    under which they were given; None for the current one
    """

    names: tuple[str, ...]
    reason: str
    purpose: str
    project: str = ""
    epoch: int | None = None


def ask(platform: Platform, who: Principal, question: Question) -> Json:
    """Keeps a question, to be approved by another; by nobody where four eyes are not asked for and `who` may approve.

    returns  the request as `show` does, and how many names were compared in how many seconds
    raises   AccessError; InputError; NotFound if a name stands for nothing; Erased if the epoch is retired
    """
    admit(platform, who, "inquire", ZONE, operation="vault-ask")
    try:
        names, epoch, back = _looked_up(platform, question)
    except CareloomError as error:
        note(platform, who, "vault-ask", ZONE, action="execute", outcome="failed", detail={"code": error.code})
        raise
    store, rules, now = platform.store(ZONE), platform.settings.deidentify, platform.runtime.now()
    patients = patients_behind(store, list(back.found.values()))
    name = name_of(platform.runtime.random_bytes(16))
    made = Request(name, epoch.project, epoch.epoch, who.name, question.purpose, len(names), "asked", now)
    if not rules.four_eyes and who.may("reidentify", ZONE):
        made = approved(made, "", now=now, days=rules.approval_days)
    subjects = [store.pseudonym(patient) for patient in patients]
    person = replace(who, purpose=question.purpose)
    told = event(platform, person, "vault-ask", ZONE, action="create", subjects=subjects, detail=detail_of(made))
    asked = Asked(names, question.reason.strip(), "")
    with store.transaction(told) as step:
        kept = step.vault.add(made, asked.names, asked.reason, patients)
    return as_json(platform, kept, asked) | {"looked": back.looked, "seconds": back.seconds}


def list_requests(platform: Platform, who: Principal, *, limit: int = 20, cursor: str = "") -> Json:
    """``items``, newest first: those of `who`, or everybody's for who may approve; ``next`` is None on the last page.

    raises  AccessError; InputError if the cursor is none of ours
    """
    admit(platform, who, "inquire", ZONE, operation="vault-list")
    actor = "" if who.may("reidentify", ZONE) else who.name
    with platform.store(ZONE).vault() as reader:
        listed = reader.page(actor, limit=limit + 1, before=_place(cursor))
        items = listed[:limit]
        subjects = {subject for one in items for subject in reader.subjects(one)}
    note(platform, who, "vault-list", ZONE, subjects=subjects, detail={"listed": len(items)})
    following = f"{microseconds(items[-1].created)}:{items[-1].request}" if len(listed) > limit else None
    return {"items": [as_json(platform, one) for one in items], "next": following}


def show(platform: Platform, who: Principal, request: str) -> Json:
    """One request with what is sealed of it: the pseudonyms and the reason, empty once a patient was erased.

    raises  AccessError if it is another's and `who` may not approve; NotFound
    """
    admit(platform, who, "inquire", ZONE, operation="vault-show")
    step = found(platform, who, "vault-show", request)
    if step.request.actor != who.name and not who.may("reidentify", ZONE):
        step.refuse("it is another person's request")
    asked = step.asked()
    step.note()
    return as_json(platform, step.request, asked)


def decide(platform: Platform, who: Principal, request: str, decision: Decision, remark: str = "") -> Json:
    """Approves or refuses what somebody else asked.

    remark  what the decider says about it, sealed with the request
    raises  AccessError, also about one's own request; NotFound; InputError; Erased; Conflict if it is decided
    """
    operation = f"vault-{decision}"
    admit(platform, who, "reidentify", ZONE, operation=operation)
    if len(remark) > LONGEST_REASON:
        raise InputError(f"a remark has at most {LONGEST_REASON} characters", "Say it shorter.")
    step = found(platform, who, operation, request)
    if step.request.actor == who.name:
        step.refuse("nobody decides what they asked themselves")
    rules, now = platform.settings.deidentify, platform.runtime.now()
    with step.watched():
        after = decided(step.request, decision, who.name, now=now, days=rules.approval_days, four_eyes=rules.four_eyes)
    step.change(after, remark.strip())
    return as_json(platform, after, step.asked())


def reveal(platform: Platform, who: Principal, request: str) -> Json:
    """Who is behind the pseudonyms of an approved request, for who asked it alone.

    returns  the request with ``answers``, one for each name as `careloom.services.vault_names.answer` makes them, and
             how many names were compared in how many seconds
    raises   AccessError; NotFound; Conflict unless an approval holds; Erased if a patient was, or the epoch is retired
    """
    admit(platform, who, "inquire", ZONE, operation="vault-reveal")
    step = found(platform, who, "vault-reveal", request)
    known = step.request
    if known.actor != who.name:
        step.refuse("only who asked learns the answer")
    with step.watched():
        after = revealed(known, now=platform.runtime.now(), four_eyes=platform.settings.deidentify.four_eyes)
        if not known.decider and not who.may("reidentify", ZONE):
            raise Conflict("nobody approved the request", "Ask anew, and let somebody else approve it.")
        asked = step.asked()
        epoch = find(platform, known.project, known.epoch)
        back = reverse(platform, epoch, asked.names)
        answers = [answer(platform, epoch, name, back.found.get(name)) for name in asked.names]
        step.change(after, action="read")
    return as_json(platform, after, asked) | {"answers": answers, "looked": back.looked, "seconds": back.seconds}


def _looked_up(platform: Platform, question: Question) -> tuple[tuple[str, ...], Epoch, Reversal]:
    """The names of a question, each once, their epoch and what stands behind them. raises as `ask`."""
    names = _checked(question)
    epoch = find(platform, question.project or platform.settings.deidentify.project, question.epoch)
    back = reverse(platform, epoch, names)
    missing = [str(number) for number, name in enumerate(names, 1) if name not in back.found]
    if missing:
        raise NotFound(
            f"nothing stands behind name {', '.join(missing)} of the request",
            "Check project and epoch, and ask without it: what was erased is not found either.",
        )
    return names, epoch, back


def _checked(question: Question) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(question.names))
    if not 1 <= len(names) <= MOST_NAMES:
        raise InputError(f"a request names 1 to {MOST_NAMES} pseudonyms", "Ask for fewer, or for one at least.")
    for number, name in enumerate(names, 1):
        if not _NAME.fullmatch(name):
            raise InputError(
                f"name {number} is no pseudonym",
                "Write Type/name as the research zone has it, or sealed/ and the encrypted value.",
            )
    if not 1 <= len(question.reason.strip()) <= LONGEST_REASON:
        raise InputError(f"a reason has 1 to {LONGEST_REASON} characters", "Say why the identities are needed.")
    if question.purpose not in PURPOSES:
        raise InputError("the purpose is none that is known", f"Name one of: {', '.join(PURPOSES)}.")
    return names


def _place(cursor: str) -> tuple[int, str] | None:
    if not cursor:
        return None
    time, _, request = cursor.partition(":")
    if not (time.isascii() and time.isdecimal() and len(time) < 18):
        raise InputError("the cursor is none that a page gave", "Begin with the first page.")
    return int(time), request
