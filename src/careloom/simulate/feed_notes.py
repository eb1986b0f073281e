"""The notes of a chart as text files with the header that our ingestion reads."""

from careloom.simulate.answers import NoteAnswer
from careloom.simulate.charts import Chart
from careloom.simulate.notes import TYPES


def note_bytes(chart: Chart, note: NoteAnswer) -> bytes:
    """A note: header, a blank line, the text as written."""
    head = [f"Patient-ID: {chart.number}"]
    if note.encounter in chart.encounters:
        head.append(f"Encounter-ID: {chart.identifier('V', note.encounter)}")
    code = TYPES.get(note.kind)
    head += [f"Date: {note.time}", f"Type: {code.code if code is not None else 'Note'}", f"Note-ID: {note.note_id}"]
    return ("\n".join(head) + "\n\n" + note.text).encode()


def note_path(chart: Chart, note: NoteAnswer) -> str:
    """The file of a note, by its number."""
    return f"feeds/{chart.site.site_id}/notes/{note.note_id}.txt"
