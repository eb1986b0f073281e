"""A resource in XML as the plain JSON of the same resource, for what comes by request; ingestion reads its own."""

from careloom.fhir.drafts import Resource
from careloom.fhir.search_parameters import resource_types
from careloom.ingest.fhir_xml import FHIR, resource_of
from careloom.ingest.xml_read import read
from careloom.issues import Issue


def resource_of_xml(raw: bytes) -> tuple[Resource, list[Issue]]:
    """The resource that XML holds; none, with what is wrong, for a DOCTYPE, broken or too deep XML, or another root.

    What XML cannot say as its element's type does (a number that is none) stays text, which validation refuses.
    """
    tree, problem = read(raw)
    if tree is None:
        return {}, [problem] if problem is not None else []
    name = str(tree.tag)
    if not name.startswith(FHIR) or name[len(FHIR) :] not in resource_types():
        text = "the root element is no resource of FHIR R4"
        return {}, [Issue("fhir-xml.no-resource", "error", "", text, "send FHIR R4 resources")]
    try:
        return resource_of(tree), []
    except RecursionError:
        return {}, [Issue("xml.too-deep", "error", "", "the XML nests too deep", "send it with fewer levels")]
