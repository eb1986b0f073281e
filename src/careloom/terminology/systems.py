"""Canonical URIs of code systems and identifier systems, the names they arrive under, the shape of their codes.

source  FHIR R4 4.0.1, terminologies-systems and identifier-registry pages; OIDs from the HL7 OID registry;
        short names from HL7 v2 table 0396 and from the files that senders write
"""

import re
from types import MappingProxyType

SNOMED_CT = "http://snomed.info/sct"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
UCUM = "http://unitsofmeasure.org"
CVX = "http://hl7.org/fhir/sid/cvx"
MVX = "http://hl7.org/fhir/sid/mvx"
NDC = "http://hl7.org/fhir/sid/ndc"
ICD_10 = "http://hl7.org/fhir/sid/icd-10"
ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
ICD_10_PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
ICD_9_CM = "http://hl7.org/fhir/sid/icd-9-cm"
CPT = "http://www.ama-assn.org/go/cpt"
HCPCS = "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
DICOM = "http://dicom.nema.org/resources/ontology/DCM"
ATC = "http://www.whocc.no/atc"
MESH = "http://id.nlm.nih.gov/mesh"
DISEASE_ONTOLOGY = "http://purl.obolibrary.org/obo/doid.owl"
MONDO = "http://purl.obolibrary.org/obo/mondo.owl"
SYMPTOM_ONTOLOGY = "http://purl.obolibrary.org/obo/symp.owl"
NCI_THESAURUS = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
NUCC_TAXONOMY = "http://nucc.org/provider-taxonomy"
CDC_RACE = "urn:oid:2.16.840.1.113883.6.238"
ISO_3166 = "urn:iso:std:iso:3166"
ISO_4217 = "urn:iso:std:iso:4217"
BCP_47 = "urn:ietf:bcp:47"
URI = "urn:ietf:rfc:3986"
US_SSN = "http://hl7.org/fhir/sid/us-ssn"
US_NPI = "http://hl7.org/fhir/sid/us-npi"

OIDS = MappingProxyType(
    {
        "2.16.840.1.113883.6.96": SNOMED_CT,
        "2.16.840.1.113883.6.1": LOINC,
        "2.16.840.1.113883.6.88": RXNORM,
        "2.16.840.1.113883.6.8": UCUM,
        "2.16.840.1.113883.12.292": CVX,
        "2.16.840.1.113883.6.59": CVX,
        "2.16.840.1.113883.12.227": MVX,
        "2.16.840.1.113883.6.69": NDC,
        "2.16.840.1.113883.6.3": ICD_10,
        "2.16.840.1.113883.6.90": ICD_10_CM,
        "2.16.840.1.113883.6.4": ICD_10_PCS,
        "2.16.840.1.113883.6.103": ICD_9_CM,
        "2.16.840.1.113883.6.104": ICD_9_CM,
        "2.16.840.1.113883.6.12": CPT,
        "2.16.840.1.113883.6.14": HCPCS,
        "2.16.840.1.113883.6.285": HCPCS,
        "1.2.840.10008.2.16.4": DICOM,
        "2.16.840.1.113883.6.73": ATC,
        "2.16.840.1.113883.6.177": MESH,
        "2.16.840.1.113883.3.26.1.1": NCI_THESAURUS,
        "2.16.840.1.113883.6.101": NUCC_TAXONOMY,
        "2.16.840.1.113883.6.238": CDC_RACE,
        "2.16.840.1.113883.4.1": US_SSN,
        "2.16.840.1.113883.4.6": US_NPI,
    }
)
"""OID -> canonical URI, for the systems named here."""

_NAMES = {
    SNOMED_CT: "snomed snomedct snomed-ct sct snm snomed_ct snomed-ct-us",
    LOINC: "loinc ln lnc",
    RXNORM: "rxnorm rxn rx rxnorm-cui",
    UCUM: "ucum unitsofmeasure",
    CVX: "cvx",
    MVX: "mvx",
    NDC: "ndc",
    ICD_10: "icd10 icd-10 i10 icd10-who",
    ICD_10_CM: "icd10cm icd-10-cm i10c i10cm icd10-cm",
    ICD_10_PCS: "icd10pcs icd-10-pcs i10p icd10-pcs",
    ICD_9_CM: "icd9 icd-9 icd9cm icd-9-cm i9 i9c i9cm i9cdx",
    CPT: "cpt cpt4 cpt-4 c4 c5",
    HCPCS: "hcpcs hcpc hpc",
    DICOM: "dicom dcm dicom-dcm",
    ATC: "atc wc",
    MESH: "mesh",
    DISEASE_ONTOLOGY: "doid do disease-ontology",
    MONDO: "mondo",
    SYMPTOM_ONTOLOGY: "symp symptom-ontology",
    NCI_THESAURUS: "ncit nci nci-thesaurus",
    NUCC_TAXONOMY: "nucc nucc-taxonomy",
    CDC_RACE: "cdcrec cdc-race cdcrace",
    ISO_3166: "iso3166 iso3166-1 iso-3166-1",
    ISO_4217: "iso4217",
    BCP_47: "bcp47 bcp-47",
    URI: "uri",
    US_SSN: "ssn us-ssn",
    US_NPI: "npi us-npi",
}
_BY_NAME = {name: uri for uri, names in _NAMES.items() for name in names.split()}
_SHORT = {uri: names.split()[0] for uri, names in _NAMES.items()}
_OID = re.compile(r"(?:urn:oid:)?([0-2](?:\.\d+)+)")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")


def canonical(name: str) -> str | None:
    """The canonical URI of a code system named by short name, OID or URI; None where it is not known here.

    An absolute URI is its own answer, apart from ``urn:oid:`` forms of systems that have a better URI.
    """
    text = name.strip()
    oid = _OID.fullmatch(text)
    if oid is not None:
        return OIDS.get(oid[1], f"urn:oid:{oid[1]}")
    known = _BY_NAME.get(text.lower().replace(" ", "-").replace("_", "-"))
    if known is not None:
        return known
    return text if _ABSOLUTE.fullmatch(text) else None


def short_name(uri: str) -> str:
    """The short name of a code system, which `canonical` reads; the last part of a URI that has none."""
    return _SHORT.get(uri, uri.rpartition("/")[2] or uri)


# Verhoeff's dihedral check digit; SNOMED CT Release File Specification, 2024, "Check-digit computation"
_VERHOEFF_TIMES = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 2, 3, 4, 0, 6, 7, 8, 9, 5),
    (2, 3, 4, 0, 1, 7, 8, 9, 5, 6),
    (3, 4, 0, 1, 2, 8, 9, 5, 6, 7),
    (4, 0, 1, 2, 3, 9, 5, 6, 7, 8),
    (5, 9, 8, 7, 6, 0, 4, 3, 2, 1),
    (6, 5, 9, 8, 7, 1, 0, 4, 3, 2),
    (7, 6, 5, 9, 8, 2, 1, 0, 4, 3),
    (8, 7, 6, 5, 9, 3, 2, 1, 0, 4),
    (9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
)
_VERHOEFF_TURN = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 5, 7, 6, 2, 8, 3, 0, 9, 4),
    (5, 8, 0, 3, 7, 9, 6, 1, 4, 2),
    (8, 9, 1, 6, 0, 4, 3, 5, 2, 7),
    (9, 4, 5, 3, 1, 2, 6, 8, 7, 0),
    (4, 2, 8, 6, 5, 7, 3, 9, 0, 1),
    (2, 7, 9, 3, 8, 0, 6, 4, 1, 5),
    (7, 0, 4, 6, 9, 1, 3, 2, 5, 8),
)
_SCTID = re.compile(r"[1-9][0-9]{5,17}")
_LOINC = re.compile(r"[0-9]{1,7}-[0-9]")
_ICD_10_CM = re.compile(r"[A-Z](?:[0-9][0-9AB]|A[0-9])(?:\.?[0-9A-Z]{1,4})?")


def is_snomed_concept(code: str) -> bool:
    """True where `code` has the shape of a SNOMED CT concept id: partition 00 or 10 and a right check digit."""
    if not _SCTID.fullmatch(code) or code[-3:-1] not in ("00", "10"):
        return False
    check = 0
    for place, digit in enumerate(reversed(code)):
        check = _VERHOEFF_TIMES[check][_VERHOEFF_TURN[place % 8][ord(digit) - 48]]
    return check == 0


def is_icd10cm(code: str) -> bool:
    """True where `code` has the form of ICD-10-CM of April 2026, with its dot or without; QA0 is a category of it."""
    return _ICD_10_CM.fullmatch(code) is not None


def is_loinc(code: str) -> bool:
    """True where `code` has the shape of a LOINC number with a right check digit (Luhn's mod 10)."""
    if not _LOINC.fullmatch(code):
        return False
    total = 0
    for place, digit in enumerate(reversed(code[:-2])):
        value = ord(digit) - 48
        if place % 2 == 0:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return (10 - total % 10) % 10 == ord(code[-1]) - 48
