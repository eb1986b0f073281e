"""What is written to be overlooked, and what looks like a name and is none: each row by its own name."""

import pytest

from tests.deid_marks import RECORD, found_in, parsed

# With the record of John Quentin Szöllösy (tests/deid_marks.py).
KNOWN = {
    "a name in capitals": "PATIENT <NAME|SZOLLOSY, JOHN Q>",
    "a name without accents": "Mr. <NAME|Szollosy> walked",
    "a possessive": "<NAME|Szöllösy>'s wife",
    "a possessive without apostrophe": "the <NAME|Szollosys> came",
    "a misspelt name": "<NAME|Szolosy> was told",
    "initial and family name": "<NAME|J. Szöllösy> agreed",
    "family name first": "<NAME|Szöllösy, John> agreed",
    "initials in brackets": "patient (<NAME|JS>) agreed",
    "initials with stops": "<NAME|J.Q.S.> signed",
    "letters spaced out": "<NAME|J o h n  S z ö l l ö s y> signed",
    "a name broken by a hyphen at the line end": "seen by <NAME|Szöl-\nlösy> today",
    "a name with a zero-width space": "<NAME|Szöl\u200blösy> was seen",
    "a name with a soft hyphen": "<NAME|Szöl\u00adlösy> was seen",
    "a Cyrillic letter in a name": "<NAME|Ѕzöllösy> was seen",
    "full-width letters": "<NAME|Ｊｏｈｎ> was seen",
    "a name in a file name": "file <NAME|szollosy_john>_2020 final",
    "a name in a web address": "see <URL|https://portal.example/szollosy/notes> there",
    "a name in an e-mail address": "write to <EMAIL|john.szollosy@mail.example> now",
    "a number split over lines": "record <MRN|8128\n1208> is",
    "a number with dots": "record <MRN|81.28.12.08> is",
    "a number with spaces": "record <MRN|81 28 12 08> is",
    "a number inside a file name": "scan <MRN|81281208>.pdf",
    "a telephone in other form": "tel <PHONE|(508) 555 0101>",
    "a telephone over two lines": "tel <PHONE|508\n555 0101>",
    "digits of another script": "record <MRN|٨١٢٨١٢٠٨> is",
    "a birth date in digits only": "<DATE|040361> male",
    "a birth date without separators": "born <DATE|19610403>",
    "an address in small letters": "lives <LOCATION|992 union st> since",
    "a city": "in <LOCATION|WORCESTER> today",
    "a relative whose name is a word and a month": "<NAME|May> came with <NAME|Hunter>",
    "an eponym that the record knows": "Dr. <NAME|Parkinson> saw him",
    "an eponym of the record in the name of a disease": "<NAME|Parkinson> disease",
    "a serial number with other separators": "pump <DEVICE|LR 8662441>",
}
# Nothing is known.
UNKNOWN = {
    "a street before a doctor": "She lives at <LOCATION|385 Gemsbok St>, and Dr. <NAME|Keller> came",
    "May as a person": "<NAME|May Thompson> called in <DATE|May>.",
    "Hunter after a title": "Dr. <NAME|Hunter> hunts.",
    "Gray after a title": "Dr. <NAME|Gray> saw gray matter.",
    "Will as a son": "her son <NAME|Will> will drive",
    "a relation announces": "daughter <NAME|Anna>",
    "a greeting announces": "Dear <NAME|Grace>,",
    "a signature announces": "Electronically signed by: <NAME|Peter Okonkwo-Brown>, MD",
    "a credential behind": "<NAME|Rosalind Achterberg>, RN",
    "a name in capitals, unknown to the record": "PATIENT: <NAME|MARIA GONZALEZ>",
    "a Polish name": "seen by <NAME|Zbigniew Brzeziński> today",
    "a Vietnamese name": "<NAME|Nguyễn Văn Minh> agreed",
    "a Dutch name": "<NAME|Ludwig van den Berg> agreed",
    "a Spanish name": "<NAME|José García-Márquez> agreed",
    "an Irish name": "<NAME|O'Neill> agreed",
    "a name with a Cyrillic letter": "Mr. <NAME|Pеter Smith> agreed",
    "letters spaced out, unknown to the record": "<NAME|S m i t h> signed",
    "an SSN over two lines": "SSN <SSN|123-45-\n6789>",
    "an SSN in full-width digits": "SSN <SSN|１２３-４５-６７８９>",
    "an SSN with dashes of another kind": "<SSN|123–45–6789>",
    "an e-mail address in words": "<EMAIL|jane.doe [at] mail [dot] example>",
    "a date over two lines": "seen <DATE|03/\n21/1958> there",
    "an identifier in a web address": "<URL|http://x.example/patient/81281208?name=smith>",
    "a mixed age": "a <AGE_OVER_89|ninety-two>-year-old",
}
STAYS = {
    "Parkinson": "Parkinson disease and Parkinson's disease",
    "Foley": "Foley catheter in place",
    "Apgar": "Apgar scores 8 and 9",
    "Glasgow": "Glasgow coma scale 15",
    "Crohn": "Crohn's disease, Hodgkin lymphoma, Cushing syndrome",
    "signs": "Babinski sign negative, Murphy sign positive, Romberg test normal",
    "double eponyms": "Ehlers-Danlos syndrome and Guillain-Barré syndrome",
    "drugs": "Lasix 40 mg, Lovenox, Tylenol and Coumadin were continued",
    "may": "You may take 5 mg; she may be seen",
    "march": "march in place",
    "headings": "HISTORY OF PRESENT ILLNESS:\nREVIEW OF SYSTEMS:\nPHYSICAL EXAMINATION:\nHEENT: normal",
    "laboratory": "Na 137, K 3.9, WBC 5.1, Hgb 13.2, platelets 250,000, HbA1c 6.5 %",
    "vital signs": "BP 120/80, HR 98, RR 17 /min, Temp 98.6 F, SpO2 98 %",
    "scores": "strength 5/5, pain 8/10, pulses 2/4, visual acuity 20/40",
    "levels": "L4-L5 and C5-6 disc, T12 fracture, S1 nerve",
    "ages below 90": "an 89-year-old man, aged 45, 7 months old",
    "measures near 90": "weight 94 kg, heart rate 96, 100 mg",
    "clock times": "at 10:20 and 23:45",
    "years": "since 2010, in 1998",
    "states": "born in Massachusetts",
    "words": "Patient denies chest pain. Her mother had cancer. Sister healthy.",
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_what_the_record_knows_is_found_however_it_is_written(name: str) -> None:
    text, expected = parsed(KNOWN[name])
    assert found_in(text, RECORD) == expected


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_nobody_knows_is_found_by_its_shape_and_its_place(name: str) -> None:
    text, expected = parsed(UNKNOWN[name])
    assert found_in(text) == expected


@pytest.mark.parametrize("name", STAYS)
def test_what_identifies_nobody_stays(name: str) -> None:
    assert found_in(STAYS[name]) == []
