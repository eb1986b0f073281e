"""The hospital's HL7 v2 feed: admissions, results and documents, alone, in a batch and in MLLP frames."""

from datetime import datetime, timedelta

from make_sample_hospital_codes import NOTES, PANELS, PROCEDURES
from make_sample_hospital_notes import note_text
from make_sample_hospital_people import Person, Reading, Visit

AUTHORITY = "SAMPLE"
_ESCAPES = str.maketrans({"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"})
_CLASSES = {"wellness": "O", "ambulatory": "O", "emergency": "E", "inpatient": "I"}
_KINDS = {"medication": "DA", "food": "FA", "environment": "EA"}
_DOCUMENTS = {"ambulatory": "PN", "wellness": "HP", "emergency": "ED", "inpatient": "DS"}


def time(moment: datetime) -> str:
    """HL7 v2 time stamp with offset."""
    return f"{moment:%Y%m%d%H%M%S}+0000"


def escaped(text: str) -> str:
    """Text with the delimiters escaped."""
    return text.translate(_ESCAPES)


class Feed:
    """Messages of one sending system, numbered in the order in which they are made."""

    def __init__(self) -> None:
        self.sent = 0

    def message(self, kind: str, structure: str, when: datetime, segments: list[str]) -> bytes:
        """One message in UTF-8 with carriage returns."""
        self.sent += 1
        sender = f"EHR|{AUTHORITY}|CARELOOM|RESEARCH|{time(when)}"
        header = f"MSH|^~\\&|{sender}||{kind}^{structure}|S{self.sent:07d}|P|2.5.1|||||USA|UNICODE UTF-8"
        return "\r".join([header, *segments, ""]).encode()

    def admission(self, person: Person, visit: Visit, event: str) -> bytes:
        """ADT A01, A03, A04 or A08 about a visit."""
        when = visit.stop if event in ("A03", "A08") else visit.start
        structure = {"A03": "ADT_A03"}.get(event, "ADT_A01")
        segments = [f"EVN|{event}|{time(when)}", pid(person), pv1(visit, closed=event in ("A03", "A08"))]
        segments += [
            f"AL1|{n}|{_KINDS[entry[2]]}|{entry[0]}^{entry[1]}^SCT|MI|{entry[4]}|{since:%Y%m%d}"
            for n, (_, entry, since) in enumerate(person.allergies, 1)
        ]
        if visit.problem:
            kind = "F" if event in ("A03", "A08") else "W"
            problem = visit.problem
            segments.append(f"DG1|1||{problem.icd10}^{escaped(problem.text)}^I10C||{time(visit.start)}|{kind}")
        if event in ("A03", "A08"):
            segments += [
                f"PR1|{n}||{PROCEDURES[given.key][0]}^{escaped(PROCEDURES[given.key][1])}^SCT||{time(visit.start)}"
                for n, given in enumerate(visit.procedures, 1)
            ]
        return self.message(f"ADT^{event}", structure, when, segments)

    def merge(self, person: Person, old_mrn: str, when: datetime) -> bytes:
        """ADT A40: the old number was the same person."""
        segments = [f"EVN|A40|{time(when)}", pid(person), f"MRG|{old_mrn}^^^{AUTHORITY}^MR"]
        return self.message("ADT^A40", "ADT_A39", when, segments)

    def results(self, person: Person, visit: Visit) -> list[bytes]:
        """ORU R01: the vital signs of a visit, and each laboratory panel."""
        vitals = self._result(person, visit, ("85353-1", "Vital signs", "VS"), visit.vitals)
        return [
            vitals,
            *(self._result(person, visit, (*PANELS[panel], "LAB"), readings) for panel, readings in visit.labs.items()),
        ]

    def _result(self, person: Person, visit: Visit, panel: tuple[str, str, str], readings: list[Reading]) -> bytes:
        code, text, section = panel
        done = visit.start + timedelta(minutes=10)
        order = f"{visit.number}-{code}"
        segments = [
            pid(person),
            pv1(visit, closed=False),
            f"ORC|RE|{order}^EHR|{order}^{section}",
            f"OBR|1|{order}^EHR|{order}^{section}|{code}^{text}^LN|||{time(visit.start)}|||||||||"
            f"{doctor(visit)}||||||{time(done)}||{section}|F",
        ]
        segments += [obx(n, reading, done) for n, reading in enumerate(readings, 1)]
        return self.message("ORU^R01", "ORU_R01", done, segments)

    def document(self, person: Person, visit: Visit) -> bytes:
        """MDM T02: the note of a visit, a line of text an OBX."""
        code, text = NOTES[visit.kind]
        segments = [
            f"EVN|T02|{time(visit.stop)}",
            pid(person),
            pv1(visit, closed=True),
            f"TXA|1|{_DOCUMENTS[visit.kind]}^{text}|TX|{time(visit.stop)}|{doctor(visit)}|{time(visit.stop)}|||"
            f"{doctor(visit)}|||{visit.note_id}^EHR|||||AU||AV",
        ]
        lines = note_text(person, visit).rstrip("\n").split("\n")
        segments += [f"OBX|{n}|TX|{code}^{text}^LN||{escaped(line)}||||||F" for n, line in enumerate(lines, 1)]
        return self.message("MDM^T02", "MDM_T02", visit.stop, segments)


def pid(person: Person) -> str:
    """The patient."""
    street, (town, state, zip_code, *_) = escaped(person.street), person.town
    died = f"{time(person.death)}|Y" if person.death else "|"
    ethnic = "2135-2^Hispanic or Latino^CDCREC" if person.hispanic else "2186-5^Not Hispanic or Latino^CDCREC"
    return (
        f"PID|1||{person.mrn}^^^{AUTHORITY}^MR~{person.ssn}^^^SSA^SS||"
        f"{escaped(person.last)}^{person.first}^{person.middle}^^^^L||"
        f"{person.birth:%Y%m%d}|{person.sex}||{person.race[1]}^{person.race[2]}^CDCREC|"
        f"{street}^^{town}^{state}^{zip_code}^USA^H||"
        f"^PRN^PH^^^{person.phone[:3]}^{person.phone[4:].replace('-', '')}|||"
        f"{person.married}^^HL70002||||||{ethnic}|||||||{died}"
    )


def doctor(visit: Visit) -> str:
    """The clinician."""
    who = visit.clinician
    return f"{who.npi}^{escaped(who.last)}^{who.first}^^^Dr.^^^NPI^L^^^NPI"


def pv1(visit: Visit, *, closed: bool) -> str:
    """The visit."""
    fields = [""] * 46
    fields[0], fields[1], fields[2] = "PV1", "1", _CLASSES[visit.kind]
    fields[3] = {"inpatient": "W2^204^1^SAMPLE", "emergency": "ED^3^^SAMPLE"}.get(visit.kind, "CLINIC^^^SAMPLE")
    fields[7] = doctor(visit)
    fields[19] = f"{visit.number}^^^{AUTHORITY}^VN"
    fields[44] = time(visit.start)
    if closed:
        fields[36] = "01"
        fields[45] = time(visit.stop)
    return "|".join(fields).rstrip("|")


def obx(number: int, reading: Reading, when: datetime) -> str:
    """One numeric result."""
    measure = reading.measure
    low, high = measure.low, measure.high
    bounds = (
        ""
        if low is None and high is None
        else f"<{high:g}"
        if low is None
        else f">{low:g}"
        if high is None
        else f"{low:g}-{high:g}"
    )
    flag = (
        ""
        if not bounds
        else "L"
        if low is not None and reading.value < low
        else "H"
        if high is not None and reading.value > high
        else "N"
    )
    value = f"{reading.value:.{measure.decimals}f}"
    unit = escaped(measure.unit)
    units = f"{unit}^{unit}^UCUM"
    return f"OBX|{number}|NM|{measure.loinc}^{measure.text}^LN||{value}|{units}|{bounds}|{flag}|||F|||{time(when)}"


def batch(messages: list[bytes], when: datetime) -> bytes:
    """A batch file."""
    sender = f"|^~\\&|EHR|{AUTHORITY}|CARELOOM|RESEARCH|{time(when)}\r"
    head = f"FHS{sender}BHS{sender}"
    return head.encode() + b"".join(messages) + f"BTS|{len(messages)}\rFTS|1\r".encode()


def framed(messages: list[bytes]) -> bytes:
    """The bytes of a recorded MLLP connection."""
    return b"".join(b"\x0b" + message + b"\x1c\r" for message in messages)
