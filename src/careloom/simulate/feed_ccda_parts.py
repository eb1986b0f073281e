"""Data types of CDA R2 as XML text: codes, times, identifiers, names, addresses; and what a section is made of."""

from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from xml.sax.saxutils import escape as escape_text
from xml.sax.saxutils import quoteattr

from careloom.simulate.charts import Chart, number_text
from careloom.simulate.history import Address, Allergy, Clinician, Code, Condition, Site
from careloom.terminology.systems import OIDS

_OID_OF = {uri: oid for oid, uri in reversed(list(OIDS.items()))}
_DIGITS = str.maketrans("", "", "-T:")
TEMPLATES = "2.16.840.1.113883.10.20.22"
"""Where the templates of Consolidated CDA begin."""


@dataclass(slots=True)
class Entry:
    """One fact: its number, the cells of its row in the narrative, its entry as XML."""

    number: str
    cells: tuple[str, ...]
    xml: str


@dataclass(slots=True)
class Section:
    """A section with its template ids, LOINC code, title, heads of its table, and entries."""

    templates: str
    code: Code
    title: str
    heads: tuple[str, ...]
    entries: list[Entry] = field(default_factory=list)
    paragraph: str = ""


def attribute(value: str) -> str:
    """A value in quotes, as an attribute holds it."""
    return quoteattr(value)


def text(value: str) -> str:
    """Character data."""
    return escape_text(value)


def template(number: str, edition: str) -> str:
    """The templateIds of a template of Consolidated CDA: with its edition, and without for older readers."""
    root = number if number.count(".") > 4 else f"{TEMPLATES}.{number}"
    with_edition = f'<templateId root="{root}" extension="{edition}"/>' if edition else ""
    return f'<templateId root="{root}"/>{with_edition}'


@lru_cache(maxsize=8192)
def coded(name: str, code: Code, kind: str = "", inner: str = "") -> str:
    """An element of type CD or CE; `kind` is its xsi:type, `inner` what stands in it."""
    typed = f' xsi:type="{kind}"' if kind else ""
    head = f"<{name}{typed} code={quoteattr(code.code)} codeSystem={quoteattr(oid_of(code.system))}"
    head += f" displayName={quoteattr(code.display)}" if code.display else ""
    return f"{head}>{inner}</{name}>" if inner else f"{head}/>"


def coded_all(name: str, codes: tuple[Code, ...], preferred: str, kind: str = "") -> str:
    """A CD with the preferred code, the others as its translations."""
    first = next((code for code in codes if code.system == preferred), codes[0])
    others = "".join(coded("translation", code) for code in codes if code != first)
    return coded(name, first, kind, others)


def oid_of(system: str) -> str:
    """The OID of a code system."""
    return _OID_OF.get(system) or system.removeprefix("urn:oid:")


def identifier(site: Site, number: str, branch: int = 1) -> str:
    """An II below the site's OID."""
    return f"<id root={quoteattr(f'{site.oid}.{branch}')} extension={quoteattr(number)}/>"


def moment(at: datetime) -> str:
    """A TS with offset."""
    return f"{at.isoformat()[:19].translate(_DIGITS)}+0000"


def day(when: date) -> str:
    """A TS of a day."""
    return when.isoformat()[:10].translate(_DIGITS)


def interval(start: datetime, end: datetime | None, *, closed: bool = False) -> str:
    """An effectiveTime IVL_TS; `closed`: an end that is not known is said to be unknown."""
    high = f'<high value="{moment(end)}"/>' if end is not None else ('<high nullFlavor="UNK"/>' if closed else "")
    return f'<low value="{moment(start)}"/>{high}'


def quantity(value: float, unit: str, name: str = "value") -> str:
    """A PQ; an annotation such as ``{tbl}`` is a unit of UCUM too."""
    typed = ' xsi:type="PQ"' if name == "value" else ""
    return f'<{name}{typed} value="{number_text(value)}" unit={quoteattr(unit or "1")}/>'


def address(where: Address, use: str = "HP") -> str:
    """An AD."""
    return (
        f'<addr use="{use}"><streetAddressLine>{text(where.line)}</streetAddressLine><city>{text(where.city)}</city>'
        f"<state>{text(where.state)}</state><postalCode>{text(where.postal_code)}</postalCode><country>US</country></addr>"
    )


def telephone(number: str, use: str = "HP") -> str:
    """A TEL; unknown where there is no number."""
    digits = "".join(filter(str.isdigit, number))[-10:]
    if len(digits) != 10:
        return '<telecom nullFlavor="UNK"/>'
    return f'<telecom use="{use}" value="tel:+1({digits[:3]}){digits[3:6]}-{digits[6:]}"/>'


@lru_cache(maxsize=1024)
def assigned(who: Clinician, site: Site, element: str = "assignedAuthor") -> str:
    """Who wrote or did something, with NPI, specialty, address and name."""
    person = "assignedPerson"
    return (
        f'<{element}><id root="2.16.840.1.113883.4.6" extension="{who.npi}"/>{coded("code", who.role)}'
        f"{address(site.address, 'WP')}{telephone(site.phone, 'WP')}"
        f"<{person}><name><given>{text(who.given)}</given><family>{text(who.family)}</family></name></{person}>"
        f"</{element}>"
    )


def author(chart: Chart, encounter: str, at: datetime) -> str:
    """The author of an entry."""
    who = assigned(chart.attending(encounter), chart.site)
    return f'<author>{template("4.119", "")}<time value="{moment(at)}"/>{who}</author>'


def performer(who: Clinician, site: Site) -> str:
    """Who did something."""
    return f"<performer>{assigned(who, site, 'assignedEntity')}</performer>"


def consumable(number: str, codes: tuple[Code, ...], preferred: str, lot: str = "") -> str:
    """What is given: a drug or a vaccine, by the template of its kind, with its lot where there is one."""
    material = f"{coded_all('code', codes, preferred)}{f'<lotNumberText>{lot}</lotNumberText>' if lot else ''}"
    return (
        f'<consumable><manufacturedProduct classCode="MANU">{template(number, "2014-06-09")}'
        f"<manufacturedMaterial>{material}</manufacturedMaterial></manufacturedProduct></consumable>"
    )


def concern(chart: Chart, one: Condition | Allergy, inner: str, *, number: str, branch: int, kind: str) -> str:
    """The concern act around a problem or an allergy (`inner`); `kind` is its template.

    It is completed when the problem is over; an allergy lasts.
    """
    over = one.abatement if isinstance(one, Condition) else None
    return (
        f'<act classCode="ACT" moodCode="EVN">{template(kind, "2015-08-01")}'
        f"{identifier(chart.site, number + 'A', branch)}{_CONCERN}"
        f'<statusCode code="{"completed" if over is not None else "active"}"/>'
        f"<effectiveTime>{interval(one.recorded, over)}</effectiveTime>{author(chart, one.encounter, one.recorded)}"
        f'<entryRelationship typeCode="SUBJ">{inner}</entryRelationship></act>'
    )


def section_xml(section: Section, place: str) -> str:
    """A section: narrative table with a row for each entry, then the entries; `place` begins the ids of the rows."""
    head = f"{section.templates}{coded('code', section.code)}<title>{text(section.title)}</title>"
    if section.paragraph:
        lines = "<br/>".join(text(line) for line in section.paragraph.split("\n"))
        return f"<component><section>{head}<text><paragraph>{lines}</paragraph></text></section></component>"
    if not section.entries:
        told = "<text><paragraph>No information</paragraph></text>"
        return f'<component><section nullFlavor="NI">{head}{told}</section></component>'
    heads = "".join(f"<th>{text(one)}</th>" for one in section.heads)
    rows, entries = [], []
    for number, entry in enumerate(section.entries, 1):
        cells = "".join(f"<td>{text(cell)}</td>" for cell in entry.cells)
        rows.append(f'<tr ID="{place}{number}">{cells}</tr>')
        entries.append(f'<entry typeCode="DRIV">{entry.xml.replace("@REFERENCE@", f"#{place}{number}")}</entry>')
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return f"<component><section>{head}<text>{table}</text>{''.join(entries)}</section></component>"


REFERENCE = '<text><reference value="@REFERENCE@"/></text>'
"""Points from an entry to its row in the narrative."""

OBSERVATION = '<observation classCode="OBS" moodCode="EVN">'
COMPLETED = '<statusCode code="completed"/>'
_CONCERN = coded("code", Code("urn:oid:2.16.840.1.113883.5.6", "CONC", "Concern"))
