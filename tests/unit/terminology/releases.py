"""Small releases in the formats of their publishers, made up for tests; names and codes are illustrations."""

CORE, US = "900000000000207008", "731000124108"
FULL, SYNONYM = "900000000000003001", "900000000000013009"
US_ENGLISH, GB_ENGLISH = "900000000000509007", "900000000000508004"
PREFERRED, ACCEPTABLE = "900000000000548007", "900000000000549004"
INFERRED = "900000000000011006"
CASE = "900000000000448009"
FOLDER = "SnomedCT_Test/Snapshot"


def rf2_row(*cells: str) -> str:
    """One line of a release file."""
    return "\t".join(cells) + "\n"


def _concept(code: str, time: str, active: str) -> str:
    return rf2_row(code, time, active, CORE, "900000000000074008")


def _name(number: str, active: str, code: str, kind: str, text: str, language: str = "en") -> str:
    return rf2_row(number, "20260301", active, CORE, code, language, kind, text, CASE)


def _is_a(number: str, active: str, code: str, parent: str) -> str:
    return rf2_row(number, "20260301", active, CORE, code, parent, "0", "116680003", INFERRED, "900000000000451002")


def _map(number: str, group: str, rule: str, target: str) -> str:
    return rf2_row(
        number,
        "20260301",
        "1",
        US,
        "6011000124106",
        "44054006",
        group,
        "1",
        rule,
        "ADVICE",
        target,
        "447561005",
        "447637006",
    )


RF2 = {
    f"{FOLDER}/Terminology/sct2_Concept_Snapshot_INT_20260301.txt": "id\n"
    + _concept("138875005", "20020131", "1")
    + _concept("73211009", "20020131", "1")
    + _concept("44054006", "20020131", "1")
    + _concept("46635009", "20020131", "1")
    + _concept("190388001", "20260301", "0"),
    f"{FOLDER}/Terminology/sct2_Description_Snapshot-en_INT_20260301.txt": "id\n"
    + _name("1001", "1", "73211009", FULL, "Diabetes mellitus (disorder)")
    + _name("1002", "1", "73211009", SYNONYM, "Diabetes mellitus")
    + _name("1003", "1", "73211009", SYNONYM, "DM - Diabetes mellitus")
    + _name("1004", "0", "73211009", SYNONYM, "Retired name")
    + _name("1005", "1", "73211009", SYNONYM, "Zuckerkrankheit", "de")
    + _name("1006", "1", "44054006", FULL, "Diabetes mellitus type 2 (disorder)")
    + _name("1007", "1", "44054006", SYNONYM, "Type 2 diabetes mellitus")
    + _name("1008", "1", "46635009", FULL, "Diabetes mellitus type 1 (disorder)")
    + _name("1009", "1", "138875005", FULL, "SNOMED CT Concept (SNOMED RT+CTV3)")
    + _name("1010", "1", "190388001", FULL, "Diabetes type 2 without mention of complication (disorder)"),
    f"{FOLDER}/Terminology/sct2_Relationship_Snapshot_INT_20260301.txt": "id\n"
    + _is_a("2001", "1", "44054006", "73211009")
    + _is_a("2002", "1", "46635009", "73211009")
    + _is_a("2003", "1", "73211009", "138875005")
    + _is_a("2004", "0", "44054006", "111111111"),
    f"{FOLDER}/Refset/Language/der2_cRefset_LanguageSnapshot-en_INT_20260301.txt": "id\n"
    + rf2_row("a1", "20260301", "1", CORE, US_ENGLISH, "1002", PREFERRED)
    + rf2_row("a2", "20260301", "1", CORE, US_ENGLISH, "1003", ACCEPTABLE)
    + rf2_row("a3", "20260301", "1", CORE, US_ENGLISH, "1007", PREFERRED)
    + rf2_row("a4", "20260301", "1", CORE, GB_ENGLISH, "1003", PREFERRED),
    f"{FOLDER}/Refset/Map/der2_iisssccRefset_ExtendedMapSnapshot_US_20260301.txt": "id\n"
    + _map("b1", "1", "IFA 80394007 | Hyperglycemia |", "E11.65")
    + _map("b2", "1", "OTHERWISE TRUE", "E11.9")
    + _map("b3", "1", "OTHERWISE TRUE", ""),
    f"{FOLDER}/Refset/Content/der2_cRefset_AssociationSnapshot_INT_20260301.txt": "id\n"
    + rf2_row("c1", "20260301", "1", CORE, "900000000000526001", "190388001", "44054006"),
}


def _atom(code: str, kind: str, text: str, source: str = "RXNORM", suppress: str = "N") -> str:
    cells = [code, "ENG", "P", "", "PF", "", "Y", "", "", "", "", source, kind, code, text, "0", suppress, "4096"]
    return "|".join(cells) + "|\n"


def _relation(first: str, relation: str, second: str) -> str:
    """`second` stands in the relation to `first`."""
    return "|".join([first, "", "CUI", "RO", second, "", "CUI", relation, "1", "", "RXNORM"]) + "|RXNORM||||\n"


RXNORM_FILES = {
    "rrf/RXNCONSO.RRF": _atom("6809", "IN", "metformin")
    + _atom("6809", "TMSY", "metFORMIN")
    + _atom("6809", "PT", "from another vocabulary", "MTHSPL")
    + _atom("316255", "SCDC", "metformin hydrochloride 500 MG")
    + _atom("372803", "SCDF", "metformin Oral Tablet")
    + _atom("860975", "SCD", "24 HR metformin hydrochloride 500 MG Extended Release Oral Tablet")
    + _atom("99", "SCD", "old drug", "RXNORM", "O"),
    "rrf/RXNREL.RRF": _relation("6809", "has_ingredient", "316255")
    + _relation("316255", "consists_of", "860975")
    + _relation("372803", "isa", "860975"),
    "rrf/RXNSAT.RRF": "860975||||CUI|860975|1||NDC|RXNORM|00093104801|N|4096|\n",
    "rrf/RXNSAB.RRF": "|".join(
        ["C1", "C2", "RXNORM_26AB_261102F", "RXNORM", "RxNorm", "", "26AB_261102F", "", "", "", ""]
    )
    + "|\n",
}
