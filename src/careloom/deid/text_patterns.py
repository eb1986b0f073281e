"""Identifiers by their shape: numbers, addresses of the net, codes; with checks where the standard has one.

Wide on purpose: a shape that fails its check is told with a lower score where the words around it name it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from careloom.deid import text_checks as checks
from careloom.deid.text_known import Known
from careloom.deid.text_reading import Reading, Where, digits, everywhere, found_where, holding, showing, words
from careloom.deid.text_spans import (
    ACCOUNT,
    AGE_OVER_89,
    DEVICE,
    EMAIL,
    FAX,
    IP,
    LICENSE,
    OTHER_ID,
    PHONE,
    SSN,
    URL,
    VEHICLE,
    Found,
)
from careloom.text.note import Span

_GAP = r"(?:[-.\s\u2013]{0,3}|[ \t]?\n[ \t]{0,8})"
_FAX_WORD = re.compile(
    r"(?:fax\s\w+(?:\s\w+)?\sto|fax|facsimile|telefax|\bf)\W{0,3}(?:(?:number|no|num|#|is|to|at|line)"
    r"\W{0,3}){0,3}\(?$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Shape:
    """One pattern: the span is the group ``value``, or all of the match.

    check  None, or what the match must pass to count
    weak   the score where the check fails; 0: then it does not count
    where  the places at which it can begin: the pattern is tried there alone
    """

    label: str
    pattern: re.Pattern[str]
    score: float
    check: Callable[[str], bool] | None = None
    weak: float = 0.0
    part: str = ""
    where: Where = everywhere


def _shape(  # noqa: PLR0913  one shape, as many parts as it has
    label: str,
    pattern: str,
    score: float,
    check: Callable[[str], bool] | None = None,
    *,
    weak: float = 0.0,
    part: str = "",
    where: Where,
) -> Shape:
    return Shape(label, re.compile(pattern, re.IGNORECASE), score, check, weak, part, where)


def _exact(label: str, pattern: str, score: float, *, where: Where) -> Shape:
    """A shape of capitals."""
    return Shape(label, re.compile(pattern), score, where=where)


_CAPITALS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ-")


def _ages(text: Reading) -> list[int]:
    """Where a number from 90 to 129 stands alone."""
    return [
        start
        for start, end in text.numbers
        if (end - start == 2 and text[start] == "9")
        or (end - start == 3 and text[start] == "1" and text[start + 1] in "012")
    ]


def _codes(text: Reading) -> list[int]:
    """Where capitals, digits and hyphens begin that hold a digit and a capital, or four digits."""
    starts, last = [], 0
    for start, end in text.numbers:
        begin = start
        while begin > last and text[begin - 1] in _CAPITALS:
            begin -= 1
        if (begin < start or end - start >= 4 or text[end : end + 1] in _CAPITALS) and not text[
            begin - 1 : begin
        ].isdigit():
            starts.append(begin)
        last = end
    return starts


def _after_letters(text: Reading) -> list[int]:
    """Where two letters stand before two digits."""
    return [start - 2 for start, end in text.numbers if end - start > 1 < start and text[start - 2 : start].isalpha()]


SHAPES: tuple[Shape, ...] = (
    _shape(
        EMAIL,
        r"(?<![\w.+-])[\w.+'-]{1,64}\s?(?:@|\[at\]|\(at\))\s?[\w-]{1,63}(?:(?:\.\n?|\s\.\s|\s?\[dot\]\s?|\s?\(dot\)\s?)"
        r"[A-Za-z][\w-]{1,62}){1,4}",
        0.99,
        where=holding("@", "[at]", "(at)"),
    ),
    _shape(URL, r"\b(?:https?|ftp|sftp|file|smb)://?[^\s<>\"')\]]{2,}(?<![.,;:!?])", 0.99, where=holding(":/")),
    _shape(URL, r"\bwww\d?\.[^\s<>\"')\]]{3,}(?<![.,;:!?])", 0.98, where=holding("www")),
    _shape(
        URL,
        r"(?<![\w@.-])(?:[a-z0-9-]{2,}\.)+(?:com|org|net|edu|gov|info|health|io|co\.uk|example|de|fr|eu)"
        r"\b(?:/[^\s<>\"')\]]*(?<![.,;:!?]))?(?!@)",
        0.8,
        where=showing(r"\.(?:com|org|net|edu|gov|info|health|io|co\.uk|example|de|fr|eu)\b"),
    ),
    _shape(IP, r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?!\.?\d)", 0.9, checks.is_ip, where=digits(4, gap=1)),
    _shape(
        IP,
        r"(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{1,4}(?![\w:])",
        0.9,
        checks.is_ip,
        where=showing(":[0-9a-f]{0,4}:"),
    ),
    _shape(
        IP,
        r"(?<![\w:-])[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}(?![\w:-])",
        0.95,
        part="mac",
        where=showing("[:-][0-9a-f]{2}[:-][0-9a-f]{2}[:-]"),
    ),
    _shape(
        SSN, r"(?<![\d-])\d{3}-\s{0,8}\d\d-\s{0,8}\d{4}(?![\d-])", 0.97, checks.is_ssn, weak=0.9, where=digits(9, gap=9)
    ),
    _shape(SSN, r"(?<![\d.-])\d{3}([. /])\d\d\1\d{4}(?![\d-])", 0.85, checks.is_ssn, weak=0.6, where=digits(9, gap=1)),
    _shape(
        SSN,
        r"(?:\bssn?\b|\bsoc(?:ial)?\.? sec(?:urity)?)\W{0,3}(?:(?:number|no|num|#|is|ending in|last four"
        r"|last 4|xxx-?xx-?|\*{3}-?\*\*-?)\W{0,3}){0,3}(?P<value>(?:\d[-\s.]{0,3}){8}\d|\d{4})(?!\d)",
        0.97,
        where=words("ss ssn soc social"),
    ),
    _shape(
        ACCOUNT,
        r"(?<![\d-])(?:\d{4}[ -]){3}\d{1,7}(?![\d-])|(?<![\d.-])3\d{3}[ -]\d{6}[ -]\d{5}(?!\d)|(?<![\d.-])"
        r"\d{13,19}(?![\d.])",
        0.95,
        checks.is_card,
        weak=0.5,
        where=digits(13, gap=1),
    ),
    _shape(
        ACCOUNT, r"\b[a-z]{2}\d\d ?(?:[a-z0-9]{4} ?){2,7}[a-z0-9]{1,4}\b", 0.95, checks.is_iban, where=_after_letters
    ),
    _shape(
        PHONE,
        rf"(?<![\w.-])(?:\+?1{_GAP})?\(?[2-9]\d\d\)?{_GAP}[2-9]\d\d{_GAP}\d{{4}}(?!\d)(?:\s?(?:,\s?)?(?:x"
        rf"|ext\.?|extension)\s?\d{{1,6}})?",
        0.9,
        lambda text: bool(re.search(r"\D", text)),
        where=digits(10, gap=11, back=1),
    ),
    _shape(
        PHONE,
        r"(?<![\w.-])\(?\d{3}\)?[-. ]\d{3}[-.]\d{4}(?!\d)(?:\s?(?:x|ext\.?)\s?\d{1,6})?",
        0.85,
        where=digits(10, gap=2, back=1),
    ),
    _shape(
        PHONE,
        r"(?<![\w.-])(?:\+|00)"
        r"\d{1,3}[-. /(]{0,2}(?:\(?0\)?[-. /]?)?(?:\(?\d{1,5}\)?[-. /]{0,2}){1,5}\d{2,}(?!\d)(?:\s?(?:x"
        r"|ext\.?)\s?\d{1,6})?",
        0.9,
        lambda text: 8 <= len(checks.digits_of(text)) <= 18,
        where=digits(8, gap=6, back=1),
    ),
    _shape(
        PHONE,
        r"(?<![\w.-])\(\d{2,5}\)[-. ]?\d{2,4}(?:[-. ]\d{2,4}){0,3}(?!\d)",
        0.75,
        lambda text: 7 <= len(checks.digits_of(text)) <= 12,
        where=digits(7, gap=2, back=1),
    ),
    _shape(
        PHONE,
        r"(?<![\w.,/-])0\d{1,4}[-. /]\d{2,4}(?:[-. ]\d{2,4}){0,4}(?![\d/.-])",
        0.7,
        lambda text: 8 <= len(checks.digits_of(text)) <= 12,
        where=digits(8, gap=1),
    ),
    _shape(PHONE, r"(?<![\w.,/-])[2-9]\d\d[-.][0-9]\d{3}(?![\d-])", 0.7, where=digits(7, gap=1)),
    _shape(
        PHONE,
        r"(?:\b(?:tele?phone|phone|tel|cell(?:ular)?|mobile|call(?:ed)?|pager|paged?|beeper|ext(?:ension)?"
        r"|dial|text(?:ed)?|voicemail|contact|reach(?:ed)?(?: (?:me|us|him|her))?(?: at)?|hotline|home"
        r"|work|registered|answering(?:\sat)?)\b|[☎📞])\W{0,3}(?:(?:number|no|num|nr|#|is|at|me|us|him|her"
        r"|them|on|back|to)\b\W{0,3}"
        r"|#\s?){0,4}(?P<value>\+?\(?\d(?:[-. /()\u2013x]{0,2}\d){3,16})(?![\d%/])(?!\s?(?:mg|ml|times"
        r"|days|hours|weeks|months|years|am\b|pm\b))",
        0.85,
        lambda text: len(checks.digits_of(text)) >= 4,
        where=words(
            "telephone telphone phone tel cell cellular mobile call called pager page paged beeper ext extension dial"
            " text texted voicemail contact reach reached hotline home work registered answering ☎ 📞"
        ),
    ),
    _shape(
        PHONE,
        r"(?<![\w.,/-])(?:\d\d(?:-\d\d){3}|\d{2,3} \d{3} \d{3}|\d{3} \d\d \d{3}|\d\d(?: \d\d){3,4}"
        r"|\d{2,3} \d{2,4} \d{4})(?![\d/.,-]|\s?(?:mg|ml|%))",
        0.6,
        where=digits(8, gap=1),
    ),
    _shape(PHONE, r"(?<![\w.,/-])(?:\d{3,4}\.){2}\d{2,4}(?![\d.])", 0.6, where=digits(8, gap=1)),
    _shape(
        PHONE, r"(?<![A-Za-z])p\.?\s?(?P<value>\d{5})(?!\d)|(?<=[A-Z.] \()\d{5}(?=\))", 0.6, where=digits(5, back=3)
    ),
    _exact(VEHICLE, r"(?<![\w-])\d[A-Z]{3}[ -]?\d{3}(?![\w-])", 0.7, where=digits(4, gap=4)),
    _exact(OTHER_ID, r"(?<![\w/.-])(?=[A-F]*\d)(?=\d*[A-F])[A-F0-9]{8,12}(?![\w/-])", 0.7, where=_codes),
    _shape(
        PHONE,
        r"(?<![\w.,/-])(?:0\d\d \d{3} \d\d \d\d|0\d{3}-\d{7}|\d{3} \d{4}(?= (?:office|fax|cell|home|mobile"
        r"|work)\b))(?!\d)",
        0.6,
        where=digits(7, gap=1),
    ),
    _shape(
        FAX,
        r"(?:\bfax|\bfacsimile)\w*\W{0,3}(?:(?:number|no|num|#|is|at|to|on|line)"
        r"\W{0,3}){0,3}(?P<value>\+?\(?\d(?:[-. /()\u2013]{0,3}\n?\d){6,16})(?!\d)",
        0.97,
        where=holding("fax", "facsimile"),
    ),
    _shape(LICENSE, r"(?<![\w.-])[12]\d{9}(?![\w.-])", 0.9, checks.is_npi, part="npi", where=digits(10)),
    _shape(
        LICENSE,
        r"\bNPI\b\W{0,3}(?:(?:number|no|num|#|is)\W{0,3}){0,2}(?P<value>\d(?:[- ]?\d){8,10})(?!\d)",
        0.98,
        part="npi",
        where=words("npi"),
    ),
    _shape(LICENSE, r"\b[a-hj-mprstux][a-z9]-?\d{7}\b", 0.9, checks.is_dea, part="dea", where=digits(7, back=3)),
    _shape(
        LICENSE,
        r"\bDEA\b\W{0,3}(?:(?:number|no|num|reg(?:istration)?|#|is)"
        r"\W{0,3}){0,3}(?P<value>[a-z][a-z9]?[- ]?\d{7})\b",
        0.98,
        part="dea",
        where=words("dea"),
    ),
    _shape(
        VEHICLE, r"(?<![A-Z0-9])[A-HJ-NPR-Z0-9]{17}(?![A-Z0-9])", 0.95, checks.is_vin, where=showing("[a-z0-9]{17}")
    ),
    _shape(DEVICE, r"\(01\)\s?\d{14}(?:\s?\(\d{2}\)\s?[\w-]{1,20}){0,4}", 0.97, where=holding("(01)")),
    _shape(
        AGE_OVER_89,
        r"(?<![\d.,/-])(?P<value>9\d|1[0-2]\d)(?=\s?(?:-|\s)?\s?(?:year|yr|y/?\s?o\b|y\.\s?o|yo\b|jahre"
        r"|ans\b|años))",
        0.95,
        where=_ages,
    ),
    _shape(
        AGE_OVER_89,
        r"\b(?:aged?|age of|age is|turned|turning|turns|is now|lived to|died at|dies at|until|reached)"
        r"\b\s?(?::|=|at|is|of)?\s?(?:the age of\s)?(?P<value>9\d|1[0-2]\d)(?![\d.,%/]|\s?(?:mg|ml|kg|lb"
        r"|cm|mm|%|bpm|degrees|percent|minutes|days|weeks|months|hours))",
        0.85,
        where=words("age aged turned turning turns is lived died dies until reached"),
    ),
    _exact(
        AGE_OVER_89,
        r"(?<![\d.,/-])(?P<value>9\d|1[0-2]\d)(?:-?[MF]|\s?-?(?:male|female|man|woman|lady|gentleman))"
        r"\b(?!/)",
        0.8,
        where=_ages,
    ),
    _shape(AGE_OVER_89, r"(?<![\d.,/-])(?P<value>9\d|1[0-2]\d)(?:st|nd|rd|th)\s(?:birthday|year of)", 0.9, where=_ages),
    _shape(
        AGE_OVER_89,
        r"\b(?P<value>(?:ninety|(?:one |a )?hundred(?:(?: and)? (?:one|two|three|four|five|six|seven|eight"
        r"|nine|ten|eleven|twelve))?)(?:[- ](?:one|two|three|four|five|six|seven|eight|nine))?)"
        r"(?=[- ](?:year|yr)s?\b|[- ]years?[- ]old)",
        0.95,
        where=holding("ninety", "hundred"),
    ),
    _shape(
        AGE_OVER_89,
        r"\b(?:in (?:his|her|their) )(?:(?:early|mid|late)[- ]?)?(?P<value>(?:nineties|'?90'?s|hundreds"
        r"|'?100'?s))\b",
        0.9,
        where=holding("nineties", "hundreds", "90s", "90's", "100s", "100's"),
    ),
    _shape(
        AGE_OVER_89,
        r"\b(?P<value>(?:super)?centenarian|nonagenarian)\b",
        0.9,
        where=holding("centenarian", "nonagenarian"),
    ),
    _shape(
        AGE_OVER_89,
        r"\b(?:age|alter|edad|âge)\s?[:=]\s?(?P<value>9\d|1[0-2]\d)\b",
        0.95,
        where=words("age alter edad âge"),
    ),
    _shape(
        OTHER_ID,
        r"(?<![\w.,:/+-])\d{7,12}(?![\w%]|[.,:/]\d|\s?(?:mg|ml|mcg|units?|cells|copies))",
        0.6,
        where=digits(7),
    ),
    _exact(
        OTHER_ID,
        r"(?<![\w/.-])(?!\d{8}T\d)(?=[A-Z0-9-]*[A-Z])(?=(?:[A-Z-]*\d){4})(?:[A-Z]{1,4}-?\d{5,12}[A-Z0-9]{0,4}"
        r"|\d{4,10}[A-Z][A-Z0-9]{1,6}|[A-Z0-9]{8,16})(?![\w/]|\.\d)",
        0.6,
        where=_codes,
    ),
    _shape(
        OTHER_ID,
        r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b",
        0.97,
        where=showing("-[0-9a-f]{4}-[0-9a-f]{4}-"),
    ),
    _shape(OTHER_ID, r"\b(?:[0-2](?:\.\d{1,10}){6,})\b", 0.9, where=digits(7, gap=1)),
)


class PatternDetector:
    """Finds what a shape gives away: SSN, telephones, addresses of the net, checked numbers, ages above 89."""

    name = "patterns"

    def find(self, text: str, known: Known) -> Sequence[Found]:
        """All shapes at all places; they may overlap."""
        reading, found = Reading.of(text), []
        for shape in SHAPES:
            for match in found_where(shape.pattern, reading, shape.where):
                named = "value" in match.re.groupindex and match["value"] is not None
                group: int | str = "value" if named else 0
                score = shape.score
                if shape.check is not None and not shape.check(match[group]):
                    score = shape.weak
                if score:
                    label = shape.label
                    if label == PHONE and _FAX_WORD.search(text[max(0, match.start(group) - 24) : match.start(group)]):
                        label = FAX
                    found.append(Found(Span(*match.span(group)), label, self.name, score, shape.part))
        return found
