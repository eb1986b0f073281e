"""Identifiers by the words before them: record, account, plan, licence, device, plate, postal code, and others."""

import re
from collections.abc import Mapping, Sequence

from careloom.deid.text_known import Known
from careloom.deid.text_reading import Reading, Where, digits, found_where, matches, words, words_with
from careloom.deid.text_spans import (
    ACCOUNT,
    BIOMETRIC,
    DEVICE,
    HEALTH_PLAN,
    LICENSE,
    LOCATION,
    MRN,
    OTHER_ID,
    VEHICLE,
    Found,
)  # fmt: skip
from careloom.text.note import Span

# What names an identifier, then what may stand between, then the identifier: it holds a digit. Beside each what it may
# begin with, in lower case, up to the first character that is no letter.
_WORDS: tuple[tuple[str, str, str], ...] = (
    (MRN, r"MRN?\s?#?|M\.R\.N\.?|med(?:ical)?\.?\s?rec(?:ord)?s?\.?|chart|hospital\s(?:number|no\.?|id)"
r"|unit\s(?:number|no\.?)|patient\s?(?:id|identifier|number|no\.?|#)|pt\.?\s?(?:id|#)|record|PID"
r"|NHS|case\s(?:number|no\.?|#)|UR\s?(?:number|no\.?)|EMPI|FIN",
     "mr mrn m med medrec medrecs medrecord medrecords medical medicalrec medicalrecs medicalrecord medicalrecords"
     " chart hospital unit patient patientid patientidentifier patientnumber patientno pt ptid record pid nhs case"
     " ur urnumber urno empi fin"),
    (HEALTH_PLAN, r"health\s?plan(?:\sbeneficiary)?|beneficiary|member(?:ship)?|subscriber|policy"
r"|insurance(?:\spolicy)?|medicare(?:\sbeneficiary)?|medicaid|MBI|HICN?|group|payer|plan\s(?:id"
r"|number|no\.?)|certificate\sof\scoverage|coverage|BCBS|aetna|cigna|humana|tricare",
     "health healthplan beneficiary member membership subscriber policy insurance medicare medicaid mbi hic hicn group"
     " payer plan certificate coverage bcbs aetna cigna humana tricare"),
    (ACCOUNT, r"acc(?:oun)?t\.?|a/c|billing|invoice|bank|routing|IBAN|credit\scard|debit\scard|card|visit\s(?:id"
r"|number|no\.?)|encounter\s(?:id|number|no\.?)|CSN|HAR|guarantor|checking|savings",
     "acct account a billing invoice bank routing iban credit debit card visit encounter csn har guarantor checking"
     " savings"),
    (LICENSE, r"(?:driver'?s?\s)?licen[cs]e|lic\.?|certificate|certification|cert\.?|passport|registration"
r"|state\sid|medical\sboard|permit|visa\s(?:number|no\.?)|NPI|DEA|UPIN|CLIA",
     "driver drivers licence license lic certificate certification cert passport registration state medical permit"
     " visa npi dea upin clia"),
    (VEHICLE, r"(?:license\s|number\s|registration\s)?plates?(?:\sfor\sparking)?|(?:his|her|your|their)\s(?:car"
r"|truck|van|vehicle),?|VIN|vehicle(?:\sid(?:entification)?)?|tag",
     "license number registration plate plates his her your their vin vehicle tag"),
    (DEVICE, r"serial|s/n|\bSN|device(?:\sid(?:entifier)?)?|UDI|implant|model\s(?:number|no\.?)|lot|pacemaker"
r"|(?:ICD\s)?generator|pump\sid|IMEI|MAC",
     "serial s sn device udi implant model lot pacemaker icd generator pump imei mac"),
    (BIOMETRIC, r"fingerprint|finger\sprint|voice\s?print|retina(?:l)?\s(?:scan|id)|iris\s(?:scan|code|id)"
r"|biometric|face\s?print|palm\s?print|genome\sid|DNA\s(?:profile|id)",
     "fingerprint finger voice voiceprint retina retinal iris biometric face faceprint palm palmprint genome dna"),
    (OTHER_ID, r"accession|specimen|document|doc|job|dictation|transcription|order|req(?:uisition)?|reference"
r"|ref\.?\s?(?:#|no\.?|number)|acc|confirmation|study|trial|subject|protocol|ticket|badge|employee"
r"|student|voter|military|claim|authorization|auth|referral|prescription|rx\s?(?:#|number|no\.?)"
r"|sample|barcode|slide|block|file|request|report|message|session|user\s?(?:id|name)|login|D|T",
     "accession specimen document doc job dictation transcription order req requisition reference ref refno refnumber"
     " acc confirmation study trial subject protocol ticket badge employee student voter military claim authorization"
     " auth referral prescription rx rxnumber rxno sample barcode slide block file request report message session user"
     " userid username login d t"),
)  # fmt: skip
# A word that may be written together with the one before it: accountno 4711.
_FILLERS = (
    "", "number", "numbers", "no", "nos", "num", "nums", "nr", "id", "ids", "identifier", "identifiers", "code", "card",
    "value", "is", "was", "ending", "of",
)  # fmt: skip
_BETWEEN = (
    r"(?:\s?(?:numbers?|nos?|nums?|nr|id(?:entifier)?s?|code|card|value|#|is|was|ending\s(?:in|with)"
    r"|of)(?![A-Za-z])\.?){0,4}\s?(?:[:#=]\s{0,3}|\s|-\s?)\(?"
)
_VALUE = (
    r"(?=[A-Za-z0-9/-]{0,12}\d)(?:[A-Za-z]{1,5}[-/ ]?)?\d[A-Za-z0-9]*(?:[-/][A-Za-z0-9]+"
    r"|[-/.](?:\n\s{0,8})?(?=[A-Za-z]{0,3}\d)[A-Za-z0-9]+|(?:\s|\n\s{0,8})\d{2,}[A-Za-z]?(?![\d]*[/:])"
    r"(?![\d.%]*\s?(?:mg|ml|year|yr|day|hour|am\b|pm\b)))*"
)
_PLATE = r"[A-Za-z0-9]{1,4}[- ]?[A-Za-z0-9]{2,4}(?:[- ][A-Za-z0-9]{1,4})?"
_LEAST_DIGITS = {MRN: 4, HEALTH_PLAN: 5, ACCOUNT: 4, LICENSE: 4, VEHICLE: 2, DEVICE: 4, BIOMETRIC: 3, OTHER_ID: 5}
_CONTEXTS = tuple(
    (
        label,
        re.compile(
            rf"(?<![A-Za-z0-9])(?:{names}){_BETWEEN}(?P<value>{_PLATE if label == VEHICLE else _VALUE})"
            rf"(?![A-Za-z0-9])",
            re.IGNORECASE,
        ),
    )
    for label, names, _ in _WORDS
)


def _cues() -> Mapping[str, Sequence[int]]:
    """Each word that a context may begin with: which of _CONTEXTS."""
    cues: dict[str, list[int]] = {}
    for number, (_, _, begins) in enumerate(_WORDS):
        for cue in {begin + filler for begin in begins.split() for filler in _FILLERS}:
            cues.setdefault(cue, []).append(number)
    return cues


_CUES = _cues()


def _starts(text: Reading) -> Sequence[Sequence[int]]:
    """Where each of _CONTEXTS may begin."""
    starts: list[list[int]] = [[] for _ in _CONTEXTS]
    for cue in text.words.keys() & _CUES.keys():
        for number in _CUES[cue]:
            starts[number] += text.words[cue]
    return [sorted(places) for places in starts]


_VIN_WORD = re.compile(
    r"\bVIN\W{0,3}(?:(?:number|no|#|is)\W{0,3}){0,2}(?P<value>[A-HJ-NPR-Z0-9]{11,17})\b", re.IGNORECASE
)
_VIN = words_with("vin")
_NO_VALUE = re.compile(
    r"\d{1,2}/\d{1,2}/\d{2,4}|\d{4}-\d\d-\d\d|\d{1,3}/\d{1,3}$|[A-Za-z]{0,2}\d{1,3}(?:\.\d+)?(?:-[A-Za-z]+)+$"
)

STATES = (
    "AL|AK|AZ|AR|CA|CO|CT|DE|DC|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM"
    "|NY|NC|ND|OH|OK|OR|PA|"
    "PR|RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY|AS|GU|VI|MP|AA|AE|AP"
)
STATE_NAMES = (
    "Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii"
    "|Idaho|Illinois|Indiana|"
    "Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi"
    "|Missouri|Montana|Nebraska|"
    "Nevada|New Hampshire|New Jersey|New Mexico|New York|North Carolina|North Dakota|Ohio|Oklahoma"
    "|Oregon|Pennsylvania|"
    "Rhode Island|South Carolina|South Dakota|Tennessee|Texas|Utah|Vermont|Virginia|Washington"
    "|West Virginia|Wisconsin|Wyoming"
)


def _after_capital(text: Reading) -> Sequence[int]:
    """Where one or two capitals stand before a digit, or GIR before 0AA."""
    starts = []
    for start, _ in text.numbers:
        if text[max(0, start - 4) : start] == "GIR ":
            starts.append(start - 4)
        elif "A" <= text[start - 1 : start] <= "Z":
            starts += [max(0, start - 2), start - 1]
    return starts


def _states(text: Reading) -> Sequence[int]:
    """Where a state may stand before five digits."""
    return text.words_before(text.digits(5), 26)


def _post_codes(text: Reading) -> Sequence[int]:
    """Where a word for a postal code stands, with more letters behind it or without."""
    return sorted({*_POST(text), *_PLZ(text), *_CODE(text)})


_POST, _PLZ, _CODE = words_with("post"), words_with("plz"), words("code")
_ZIPS: tuple[tuple[re.Pattern[str], Where], ...] = (
    (re.compile(r"\b(?:ZIP|Zip|zip)(?:\s?[Cc]ode)?:\s?(?P<value>(?=[A-Z0-9 -]{0,6}\d)"
r"[A-Z0-9]{2,5}(?:[ -][A-Z0-9]{2,4})?)\b"), words("zip zipcode")),
    (re.compile(rf"\b(?:{STATES}|{STATE_NAMES})\.?,?\s{{1,8}}(?P<value>\d{{5}}(?:-?\s?\d{{4}})?)(?!\d)"), _states),
    (re.compile(r"\bzip(?:\s?code)?\W{0,3}(?:is\W)?(?P<value>\d{5}(?:-\d{4})?|\d{3}(?=\*\*))(?!\d)", re.IGNORECASE),
     words_with("zip")),
    (re.compile(r"\b(?:post(?:al)?\s?code|PLZ|code postal|postcode)\W{0,3}(?:is\W)?(?P<value>(?=[A-Z0-9 -]{0,6}\d)"
r"[A-Z0-9]{2,5}(?:[ -]?[A-Z0-9]{2,4})?)\b", re.IGNORECASE),
     _post_codes),
    (re.compile(r"(?<![\d-])(?P<value>\d{5}-\d{4})(?![\d-])"), digits(9, gap=1)),
    (re.compile(r"(?<![A-Z0-9-])(?P<value>(?:GIR 0AA|[A-PR-UWYZ][A-HK-Y]?\d[A-Z\d]? ?\d[ABD-HJLNP-UW-Z]{2}))"
r"(?![A-Z0-9])"), _after_capital),
    (re.compile(r"(?<![A-Z0-9-])(?P<value>[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z][ -]?\d[ABCEGHJ-NPRSTV-Z]\d)"
r"(?![A-Z0-9])"), _after_capital),
)  # fmt: skip


def _is_long(value: str, least: int) -> bool:
    """True for enough digits, or fewer among capitals."""
    digits = sum(letter.isdigit() for letter in value)
    return digits >= least or (digits >= 2 and digits + sum(letter.isupper() for letter in value) > least + 1)


class ContextDetector:
    """Finds identifiers that only the words before them tell: MRN, account, plan, licence, device, plate, ZIP, ..."""

    name = "context"

    def find(self, text: str, known: Known) -> Sequence[Found]:
        """All contexts at all places; they may overlap."""
        reading, found = Reading.of(text), []
        for (label, pattern), starts in zip(_CONTEXTS, _starts(reading), strict=True):
            for match in matches(pattern, text, starts):
                value = match["value"]
                if _is_long(value, _LEAST_DIGITS[label]) and not _NO_VALUE.fullmatch(value):
                    if label == VEHICLE and value.islower():
                        continue
                    found.append(Found(Span(*match.span("value")), label, self.name, 0.9))
        found += [
            Found(Span(*match.span("value")), VEHICLE, self.name, 0.97)
            for match in found_where(_VIN_WORD, reading, _VIN)
        ]
        for pattern, where in _ZIPS:
            found += [
                Found(Span(*match.span("value")), LOCATION, self.name, 0.9, "zip")
                for match in found_where(pattern, reading, where)
            ]
        return found
