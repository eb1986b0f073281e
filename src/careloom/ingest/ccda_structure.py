"""Whether a C-CDA R2.1 document holds the sections that its document template requires.

Told from the template ids in its bytes, so that a document which is refused can be checked as well.

source  maps/ccda_documents.toml
"""

import re
import tomllib
from functools import cache
from typing import Any

from careloom.issues import Issue
from careloom.runtime import packaged

EDITION = b"2015-08-01"
"""Extension of the document templates of R2.1; documents of other editions are not checked."""
_TEMPLATE = re.compile(rb"<(?:[\w.-]+:)?templateId\b([^>]*)>")
_ROOT = re.compile(rb"\broot\s*=\s*[\"']([0-9.]+)[\"']")


@cache
def _documents() -> dict[str, Any]:
    told: dict[str, Any] = tomllib.loads(packaged("ingest", "maps/ccda_documents.toml").decode())["document"]
    return told


def check_document(raw: bytes) -> tuple[str, list[Issue]]:
    """The name of the document template that the bytes assert, and a warning for each section that they lack.

    The name is empty, and nothing is checked, where no template of R2.1 with declared sections is asserted.
    """
    roots: set[str] = set()
    kind: dict[str, Any] | None = None
    for template in _TEMPLATE.finditer(raw):
        found = _ROOT.search(template[1])
        if found is None:
            continue
        root = found[1].decode()
        roots.add(root)
        if kind is None and EDITION in template[1]:
            kind = _documents().get(root)
    if kind is None:
        return "", []
    lacking = [name for name, *ids in kind["sections"] if roots.isdisjoint(ids)]
    lacking += [name for name, sets in kind["either"] if not any(roots.issuperset(one) for one in sets)]
    return kind["name"], [_missing(name, kind["name"]) for name in lacking]


def _missing(section: str, document: str) -> Issue:
    text = f"a {document} requires the section {section}, and its template id is not there"
    return Issue(
        "ccda.section-missing", "warning", "component/structuredBody", text, "let the sender include the section"
    )
