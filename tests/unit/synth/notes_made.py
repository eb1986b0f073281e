"""Made-up notes of a few short sections."""

from datetime import date

from careloom.synth.notes_facts import Mention, NoteRecord, SourceNote, medication, problem

DRUGS = ("aspirin", "metformin", "lisinopril")
STYLE = "made.short"


def note(number: int, drug: str = "aspirin", sickness: str = "asthma", ends: str = "today") -> SourceNote:
    """A note of three sections, of a patient of its own."""
    said = [
        ("MEDICATIONS\n", "", -1), (drug, "MEDICATION", -1), (" ", "", -1), (f"{10 + number} mg", "DOSAGE", 0),
        (" daily.\n\nASSESSMENT\nThe patient has ", "", -1), (sickness, "PROBLEM", -1),
        (f" and feels well {ends}.", "", -1),
        ("\n\nSIGNED\n", "", -1), ("Ann Lee", "NAME", -1), (" on ", "", -1), ("May 3, 2021", "DATE_TIME", -1),
    ]  # fmt: skip
    text, mentions, starts = "", [], []
    for words, label, head in said:
        if words.startswith(("MEDICATIONS", " daily", "\n\nSIGNED")):
            starts.append(len(text) + (len(" daily.\n\n") if words.startswith(" daily") else 0))
        if label:
            status = "present" if label in ("MEDICATION", "PROBLEM") else ""
            mentions.append(Mention(len(text), len(text) + len(words), label, status, "", head))
        text += words
    bounds = [*starts, len(text)]
    kinds = ("medications", "assessment", "signature")
    sections = tuple(zip(kinds, bounds, bounds[1:], strict=False))
    return SourceNote(f"patient-{number}", STYLE, "visit", text, sections, tuple(mentions))


NOTES = [note(number, DRUGS[number % 3], ("asthma", "gout")[number % 2]) for number in range(12)]
RECORD = NoteRecord((medication("warfarin", "5 mg"), problem("anemia")), 70, "female", date(2024, 2, 9))
