"""Notes, reports and bills around the visits of people who do not exist."""

import base64
from collections.abc import Iterator
from random import Random

from make_sample_hospital_codes import LABS, MEDICINES, NOTES, VISITS
from make_sample_hospital_notes import note_text
from make_sample_hospital_people import uuid
from train_dictionaries_shapes import BLUE, LOINC, SCT, Context, Json, coded, term, usd, word


def document_shapes(c: Context) -> Iterator[Json]:
    style = c.style
    code, text = NOTES[c.visit.kind]
    kinds = [{"system": LOINC, "code": "34117-2", "display": "History and physical note"}]
    kinds += [{"system": LOINC, "code": "51847-2", "display": "Evaluation+Plan note"}]
    kind = {"coding": kinds} if c.chance.random() < 0.7 else coded(LOINC, code, text)
    attachment = {
        "contentType": c.chance.choice(("text/plain; charset=utf-8", "text/plain")),
        "data": base64.b64encode(_synthetic_note(c).encode()).decode(),
    }
    yield style.begin("DiagnosticReport", "diagnosticreport-note") | {
        "status": "final",
        "category": [kind],
        "code": kind,
        **c.links(),
        "effectiveDateTime": style.time(c.visit.start),
        "issued": style.time(c.visit.start, exact=True),
        "performer": [c.doctor],
        "presentedForm": [attachment],
    }
    yield style.begin("DocumentReference", "documentreference") | {
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{uuid(c.chance)}"}],
        "status": c.chance.choice(("superseded", "current")),
        "type": kind,
        "category": [
            {
                "coding": [
                    {
                        "system": "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category",
                        "code": "clinical-note",
                        "display": "Clinical Note",
                    }
                ]
            }
        ],
        "subject": c.who,
        "date": style.time(c.visit.start, exact=True),
        "author": [c.doctor],
        "custodian": c.firm,
        "content": [
            {
                "attachment": attachment,
                "format": {
                    "system": "http://ihe.net/fhir/ValueSet/IHE.FormatCode.codesystem",
                    "code": "urn:ihe:iti:xds:2017:mimeTypeSufficient",
                    "display": "mimeType Sufficient",
                },
            }
        ],
        "context": {"encounter": [c.at], "period": c.period},
    }
    yield style.begin("DiagnosticReport", "diagnosticreport-lab") | {
        "status": "final",
        "category": [term("v2-0074", "LAB", "Laboratory")],
        "code": coded(LOINC, "51990-0", "Basic metabolic panel - Blood"),
        **c.links(),
        "effectiveDateTime": style.time(c.visit.start),
        "issued": style.time(c.visit.start, exact=True),
        "performer": [c.firm],
        "result": [style.to("Observation", style.key(), m.text) for m in LABS[c.chance.choice(sorted(LABS))]],
    }


def _synthetic_note(c: Context) -> str:
    """A note with headings as simulators write them, or as our own clinic does."""
    chance = c.chance
    if chance.random() < 0.25:
        return note_text(c.person, c.visit)
    age = (c.visit.start.date() - c.person.birth).days // 365
    problem = c.problem.text.lower() if c.problem else word(chance).lower()
    medicines = "\n".join(MEDICINES[given.key][1] for given in c.visit.medicines) or "No Active Medications."
    ethnic = "hispanic" if c.person.hispanic else "non-hispanic"
    who = f"{ethnic} {c.person.race[0]} {'male' if c.person.sex == 'M' else 'female'}"
    old = chance.choice((f"{age} year-old", f"{age} month-old", f"{age} year-old", "newborn"))
    smoking = chance.choice(("has never smoked", "quit smoking at age 31", "is an active smoker"))
    class_ = chance.choice(("low", "middle", "high"))
    learnt = chance.choice(
        ("\n\n", " Patient has completed some college courses. ", " Patient is a college graduate. ")
    )
    given = chance.choice(("", f"Patient was given the following immunizations: {word(chance).lower()}. \n"))
    ordered = chance.choice(
        (
            "",
            f"\nThe patient was prescribed the following medications:\n- {medicines.lower()}\n",
            f"\nThe patient was placed on a careplan:\n- {word(chance).lower()} {word(chance).lower()}\n",
        )
    )
    presents = chance.choice(("", "", f"Patient is presenting with {problem}. "))
    history = chance.choice(("", f" Patient has a history of {problem}, {word(chance).lower()}."))
    single = chance.choice((" ", " Patient is married. ", " Patient is single. "))
    return (
        f"\n{c.visit.start:%Y-%m-%d}\n\n# Chief Complaint\n{chance.choice(('No complaints.', '- ' + problem))}\n\n"
        f"# History of Present Illness\n{word(chance)}{chance.randrange(999)}\n is a {old} {who}.{history}\n\n"
        f"# Social History\n{single}Patient {smoking}.\n Patient identifies as heterosexual.\n\n"
        f"Patient comes from a {class_} socioeconomic background.{learnt}Patient currently has {c.style.payer}.\n\n"
        f"# Allergies\nNo Known Allergies.\n\n# Medications\n{medicines}\n\n# Assessment and Plan\n{presents}\n\n"
        f"## Plan\n{given}{ordered}\n"
    )


def billing_shapes(c: Context) -> Iterator[Json]:
    style, chance = c.style, c.chance
    claim, code, text = style.key(), *VISITS[c.visit.kind][:2]
    provider = style.shared("Practitioner", c.visit.clinician.id)
    is_drug = chance.random() < 0.15
    kind = term(
        "claim-type", "pharmacy" if is_drug else chance.choice(("institutional", "institutional", "professional"))
    )
    extra: Json = {"facility": c.where}
    if is_drug:
        extra = {"prescription": style.to("MedicationRequest", style.key())}
    elif chance.random() < 0.4:
        extra["diagnosis"] = [{"sequence": 1, "diagnosisReference": style.to("Condition", style.key())}]
    elif chance.random() < 0.7:
        info = term("claiminformationcategory", "info")
        extra["supportingInfo"] = [
            {"sequence": n, "category": info, "valueReference": style.to("Immunization", style.key())} for n in (1, 2)
        ]
    yield style.begin("Claim") | {
        "status": "active",
        "type": kind,
        "use": "claim",
        "patient": c.named,
        "billablePeriod": c.period,
        "created": c.period["end"],
        "provider": c.firm,
        "priority": term("processpriority", "normal"),
        **extra,
        "insurance": [{"sequence": 1, "focal": True, "coverage": {"display": style.payer}}],
        "item": [
            {"sequence": 1, "productOrService": coded(SCT, code, text), "encounter": [c.at]},
            *(
                {"sequence": n, **_because(chance, n), "productOrService": c.reason(), "net": usd(chance)}
                for n in range(2, chance.randint(2, 5))
            ),
        ],
        "total": usd(chance),
    }
    order = {"status": "completed", "intent": "order", "subject": c.who, "requester": provider, "performer": [provider]}
    cover = {
        "status": "active",
        "type": {"text": style.payer},
        "beneficiary": c.who,
        "payor": [{"display": style.payer}],
    }
    yield style.begin("ExplanationOfBenefit") | {
        "contained": [
            {"resourceType": "ServiceRequest", "id": "referral", **order},
            {"resourceType": "Coverage", "id": "coverage", **cover},
        ],
        "identifier": [
            {"system": BLUE + "variables/clm_id", "value": claim},
            {"system": BLUE + "identifier/claim-group", "value": "99999999999"},
        ],
        "status": "active",
        "type": kind,
        "use": "claim",
        "patient": c.who,
        "billablePeriod": c.period,
        "created": c.period["end"],
        "insurer": {"display": style.payer},
        "provider": provider,
        "referral": {"reference": "#referral"},
        "facility": c.where,
        "claim": style.to("Claim", claim),
        "outcome": "complete",
        "careTeam": [
            {
                "sequence": 1,
                "provider": provider,
                "role": term("claimcareteamrole", "primary", "Primary Care Practitioner"),
            }
        ],
        "diagnosis": [
            {
                "sequence": 1,
                "diagnosisReference": style.to("Condition", style.key()),
                "type": [term("ex-diagnosistype", "principal")],
            }
        ],
        "insurance": [{"focal": True, "coverage": {"reference": "#coverage", "display": style.payer}}],
        "item": [_benefit_item(c, number, adjudicated=number > 1) for number in range(1, chance.randint(2, 5))],
        "total": [
            {
                "category": term("adjudication", "submitted", "Submitted Amount") | {"text": "Submitted Amount"},
                "amount": usd(chance),
            }
        ],
        "payment": {"amount": usd(chance)},
    }


_ADJUDICATION = (
    ("line_coinsrnc_amt", "Line Beneficiary Coinsurance Amount"),
    ("line_prvdr_pmt_amt", "Line Provider Payment Amount"),
    ("line_sbmtd_chrg_amt", "Line Submitted Charge Amount"),
    ("line_alowd_chrg_amt", "Line Allowed Charge Amount"),
    ("line_bene_ptb_ddctbl_amt", "Line Beneficiary Part B Deductible Amount"),
    ("line_prcsg_ind_cd", "Line Processing Indicator Code"),
)


def _because(chance: Random, number: int) -> Json:
    """What an item of a bill points to."""
    return {chance.choice(("diagnosisSequence", "informationSequence", "procedureSequence")): [number - 1]}


def _benefit_item(c: Context, number: int, *, adjudicated: bool) -> Json:
    system = BLUE + "variables/line_cms_type_srvc_cd"
    found: Json = {"sequence": number}
    if adjudicated:
        found |= _because(c.chance, number)
    found |= {
        "category": {"coding": [{"system": system, "code": "1", "display": "Medical care"}]},
        "productOrService": c.reason(),
        "servicedPeriod": c.period,
        "locationCodeableConcept": term("ex-serviceplace", "19", "Off Campus-Outpatient Hospital"),
    }
    if not adjudicated:
        return found | {"encounter": [c.at]}
    found["net"] = usd(c.chance)
    found["adjudication"] = []
    for code, display in _ADJUDICATION:
        category = {"system": BLUE + "codesystem/adjudication", "code": BLUE + f"variables/{code}", "display": display}
        line: Json = {"category": {"coding": [category]}}
        if code != "line_prcsg_ind_cd":
            line["amount"] = {"value": 0, "currency": "USD"} if "ddctbl" in code else usd(c.chance)
        found["adjudication"].append(line)
    return found
