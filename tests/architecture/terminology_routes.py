"""An example request for each of FHIR's terminology operations: address -> parameters. Read by test_routes.py."""

TERMINOLOGY = {
    "/fhir/terminology/CodeSystem/$lookup": "system=ICD-10-CM&code=E11.9",
    "/fhir/terminology/CodeSystem/$validate-code": "url=ICD-10-CM&code=E11.9",
    "/fhir/terminology/CodeSystem/$subsumes": "system=ICD-10-CM&codeA=E11&codeB=E11.9",
    "/fhir/terminology/ConceptMap/$translate": "system=SNOMED&code=44054006",
    "/fhir/terminology/ValueSet/$expand": "url=http://hl7.org/fhir/sid/icd-10-cm?fhir_vs=isa/E11.0",
}
