"""MEDDOCAN: Spanish clinical cases with identifiers that people marked, their labels beside ours, and scores by either.

    rows(suites, "train")           [(text, [(start, end, label), ...]), ...] by the labels of MEDDOCAN
    ours(rows(suites, "dev"))       the same by the labels of `careloom.deid.text_spans`
    typed(rows, tag)                strict F1 of a function tag(text) -> [(start, end, label), ...]

Places are code points, half-open; in train and dev none overlaps another and none begins or ends with white space.

source  PlanTL-GOB-ES/SPACCC_MEDDOCAN at 783a6df, CC BY 4.0: 500 train, 250 dev (the 250 of test are not used here).
        Marimon et al., Automatic De-identification of Medical Texts in Spanish: the MEDDOCAN Track, IberLEF 2019
"""

import gzip
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from careloom.deid import text_spans as ours_are
from careloom.text.note import Span
from tools.text_deid_scores import Scores, score

Tagged = tuple[int, int, str]
"""Start, end, label."""
Row = tuple[str, list[Tagged]]
Tag = Callable[[str], Iterable[Tagged]]

OURS: Mapping[str, str] = MappingProxyType(
    {
        # the patient, clinicians
        "NOMBRE_SUJETO_ASISTENCIA": ours_are.NAME,
        "NOMBRE_PERSONAL_SANITARIO": ours_are.NAME,
        # places; a hospital, a health centre, another institution are beyond the 18 identifiers of HIPAA, as at ours
        "CALLE": ours_are.LOCATION,
        "TERRITORIO": ours_are.LOCATION,
        "PAIS": ours_are.LOCATION,
        "HOSPITAL": ours_are.ORGANIZATION,
        "CENTRO_SALUD": ours_are.ORGANIZATION,
        "INSTITUCION": ours_are.ORGANIZATION,
        "FECHAS": ours_are.DATE,
        # numbers: NHC (número de historia clínica); NASS (afiliación a la Seguridad Social) and other insurance, which
        # entitle to care as a health plan's number does; the episode; the registration at the college of physicians
        "ID_SUJETO_ASISTENCIA": ours_are.MRN,
        "ID_ASEGURAMIENTO": ours_are.HEALTH_PLAN,
        "NUMERO_BENEF_PLAN_SALUD": ours_are.HEALTH_PLAN,
        "ID_CONTACTO_ASISTENCIAL": ours_are.OTHER_ID,
        "ID_TITULACION_PERSONAL_SANITARIO": ours_are.LICENSE,
        "ID_EMPLEO_PERSONAL_SANITARIO": ours_are.OTHER_ID,
        "OTRO_NUMERO_IDENTIF": ours_are.OTHER_ID,
        "IDENTIF_VEHICULOS_NRSERIE_PLACAS": ours_are.VEHICLE,
        "IDENTIF_DISPOSITIVOS_NRSERIE": ours_are.DEVICE,
        "IDENTIF_BIOMETRICOS": ours_are.BIOMETRIC,
        # the net
        "NUMERO_TELEFONO": ours_are.PHONE,
        "NUMERO_FAX": ours_are.FAX,
        "CORREO_ELECTRONICO": ours_are.EMAIL,
        "URL_WEB": ours_are.URL,
        "DIREC_PROT_INTERNET": ours_are.IP,
        # what tells of a person but is none of the 18: sex, kin by word (padre, dos hijas), occupation
        "SEXO_SUJETO_ASISTENCIA": "",
        "FAMILIARES_SUJETO_ASISTENCIA": "",
        "PROFESION": "",
        # an age is one of the 18 above 89 only: see `our_label`
        "EDAD_SUJETO_ASISTENCIA": "",
        # a tattoo, an origin, a weapon: any other characteristic that may be unique
        "OTROS_SUJETO_ASISTENCIA": ours_are.OTHER_ID,
    }
)
"""Each of the 29 labels of the guidelines -> ours; "" where the law lets it stay. 22 of them occur in the corpus."""
_OLDEST_THAT_STAYS = 89
_YEARS = re.compile(r"(\d{2,3})(?= ?años?| ?a\b|$)")
_BETWEEN = re.compile(r"[\W_]*")


@dataclass(frozen=True, slots=True)
class Place:
    """A tagged place as `tools.text_deid_scores` takes it; `label` may be one of MEDDOCAN."""

    span: Span
    label: str


def rows(suites: Path, split: str) -> list[Row]:
    """Texts of ``train`` or ``dev`` with what people marked, in order of place."""
    if split not in ("train", "dev"):
        raise ValueError("the split is train or dev")
    with gzip.open(suites / "phi_meddocan_es/notes.jsonl.gz", "rt", encoding="utf-8") as lines:
        notes = [note for note in map(json.loads, lines) if note["split"] == split]
    return [(note["text"], sorted((one["start"], one["end"], one["label"]) for one in note["spans"])) for note in notes]


def our_label(label: str, value: str) -> str:
    """Our label of a place of MEDDOCAN that reads `value`; "" where it may stay."""
    if label == "EDAD_SUJETO_ASISTENCIA":
        is_old = any(int(years) > _OLDEST_THAT_STAYS for years in _YEARS.findall(value))
        return ours_are.AGE_OVER_89 if is_old else ""
    return OURS[label]


def ours(theirs: Iterable[Row]) -> list[Row]:
    """Rows by our labels; places that may stay keep the label ""."""
    return [(text, [(a, b, our_label(label, text[a:b])) for a, b, label in places]) for text, places in theirs]


def in_our_labels(tag: Tag) -> Tag:
    """A tagger of MEDDOCAN's labels that answers in ours, without what may stay."""

    def tagged(text: str) -> list[Tagged]:
        mapped = [(start, end, our_label(label, text[start:end])) for start, end, label in tag(text)]
        return [one for one in mapped if one[2]]

    return tagged


def typed(gold: Iterable[Row], tag: Tag) -> Scores:
    """Strict F1 of spans with their labels, and tokens: `tag` answers in the labels of `gold`.

    What `gold` labels "" is looked at by neither side.
    """
    return score(gold, lambda text: [Place(Span(start, end), label) for start, end, label in tag(text)])


def untyped(gold: Iterable[Row], tag: Tag, *, merged: bool) -> Scores:
    """The same whatever the label; `merged`: neighbours with no letter or digit between them are one place."""

    def plain(text: str, places: Iterable[Tagged]) -> list[Tagged]:
        spans = sorted((start, end) for start, end, _ in places)
        return [(start, end, "PHI") for start, end in (_merged(text, spans) if merged else spans)]

    return typed([(text, plain(text, places)) for text, places in gold], lambda text: plain(text, tag(text)))


def _merged(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    result: list[tuple[int, int]] = []
    for start, end in spans:
        if result and _BETWEEN.fullmatch(text, result[-1][1], max(start, result[-1][1])):
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result
