"""What was written at a visit: plain notes in the style of a busy clinic."""

from make_sample_hospital_codes import MEDICINES, NOTES, PROCEDURES
from make_sample_hospital_people import Person, Visit


def note_text(person: Person, visit: Visit) -> str:
    """The note of one visit, without header."""
    age = (visit.start.date() - person.birth).days // 365
    who = f"{age}-year-old {'man' if person.sex == 'M' else 'woman'}" if age >= 18 else f"{age}-year-old child"
    problem = visit.problem
    vitals = {reading.measure.key: reading.value for reading in visit.vitals}
    known = ", ".join(sorted({i.problem.text.lower() for i in person.illnesses if i.problem.chronic})) or "none"
    allergies = "; ".join(entry[1] for _, entry, _ in person.allergies) or "No known allergies"
    medicines = [MEDICINES[given.key][1] for given in visit.medicines]
    lines = [
        NOTES[visit.kind][1].upper(),
        "",
        "CHIEF COMPLAINT:",
        problem.complaint if problem else "Here for a check-up. Feels well.",
        "",
        "HISTORY OF PRESENT ILLNESS:",
        f"{person.first} {person.last} is a {who} seen on {visit.start:%B %d, %Y} by Dr. {visit.clinician.last}. "
        f"{problem.complaint if problem else 'No complaints today.'} Denies weight loss.",
        "",
        f"PAST MEDICAL HISTORY: {known}.",
        f"ALLERGIES: {allergies}.",
        f"SOCIAL HISTORY: {_smoking(person)}",
        "",
        "VITAL SIGNS: "
        f"BP {vitals['systolic']:.0f}/{vitals['diastolic']:.0f}, HR {vitals['pulse']:.0f}, RR {vitals['breaths']:.0f}, "
        f"T {vitals['temperature']:.1f} C, SpO2 {vitals['oxygen']:.0f}%, weight {vitals['weight']:.1f} kg",
    ]
    lines += [
        "LABS: " + ", ".join(f"{r.measure.text} {r.value:g} {r.measure.unit}" for r in panel)
        for panel in visit.labs.values()
    ]
    lines += [f"DONE: {PROCEDURES[given.key][1]}." for given in visit.procedures]
    lines += ["", "ASSESSMENT:", f"{problem.text} ({problem.icd10})." if problem else "Healthy visit.", "", "PLAN:"]
    lines += [problem.plan if problem else "See again in one year."]
    lines += [f"- {name}" for name in medicines]
    lines += ["", f"Questions: call {person.phone}.", f"Signed: Dr. {visit.clinician.first} {visit.clinician.last}"]
    return "\n".join(lines) + "\n"


def note_file(person: Person, visit: Visit) -> bytes:
    """The note with the header block that the notes reader knows."""
    header = (
        f"Patient-ID: {person.mrn}\nEncounter-ID: {visit.number}\nDate: {visit.stop:%Y-%m-%dT%H:%M:%SZ}\n"
        f"Type: {NOTES[visit.kind][1]}\nNote-ID: {visit.note_id}\n\n"
    )
    return (header + note_text(person, visit)).encode()


def _smoking(person: Person) -> str:
    return {"never": "Never smoked.", "former": "Stopped smoking years ago.", "daily": "Smokes daily."}[person.smoking]
