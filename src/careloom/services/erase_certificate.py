"""The certificate of an erasure: what was destroyed, what remains and why, what was searched; signed, for anybody.

It names nobody: pseudonyms, marks and digests are keyed. It is checked by this installation, or anywhere by its public
key alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from careloom import html_page
from careloom.errors import FormatError, NotFound
from careloom.services import certificates
from careloom.services.erase_pending import folder
from careloom.services.platform import Platform

KIND = "careloom erasure certificate"
REMAINS: tuple[Mapping[str, str], ...] = (
    {
        "what": "hashes of records in manifests of files",
        "why": "the proofs of other patients' records stand on them; each is keyed, 16 bytes, and opens nothing",
        "rule": "landing",
    },
    {
        "what": "events of the audit chains with the keyed pseudonym",
        "why": "that something was done to somebody must stay provable: 45 CFR 164.316(b)(2)(i), GDPR article 5(2)",
        "rule": "audit",
    },
    {
        "what": "keys that pseudonyms are computed with",
        "why": "whoever has them and still knows the patient's own id can tell which events are about the patient",
        "rule": "relinking-keys",
    },
    {
        "what": "a tombstone under a key of its own",
        "why": "so that the same feed does not bring the patient back",
        "rule": "tombstones",
    },
    {
        "what": "numbers of the rows that were removed",
        "why": "so that a restored backup loses the same rows",
        "rule": "backups",
    },
    {
        "what": "marks of identifiers in this certificate, keyed hashes",
        "why": "so that the search for them can be repeated",
        "rule": "certificates",
    },
    {
        "what": "files that were handed out before: exports, training data, reports",
        "why": "they are beyond this installation; the audit chain says who fetched what: tell them",
        "rule": "",
    },
)
Json = dict[str, Any]
_SHAPE: dict[str, tuple[type, ...]] = {
    "certificate": (str,), "began": (str,), "ended": (str,), "totals": (dict,), "artefacts.*.what": (str,),
    "artefacts.*.count": (int,), "search": (dict,), "subjects": (object,),
}  # fmt: skip
"""What is read of a report; a certificate in which one of these is not so is none of ours."""


def signed(platform: Platform, report: Json) -> Json:
    """A report with its signature."""
    return certificates.signed(platform, report)


def keep(platform: Platform, certificate: Json) -> str:
    """Writes a certificate as JSON and as a page that can be printed; the path of the JSON."""
    return certificates.write(folder(platform), certificate, {"html": page_of(certificate).encode()})


def kept(platform: Platform) -> list[Json]:
    """The reports of all certificates that lie here, oldest first; what is no certificate is left out."""
    found = []
    for file in sorted(folder(platform).glob("*.json")):
        try:
            report, value = read(file.read_bytes())
        except FormatError:
            continue
        if certificates.is_of(platform.keys.public_key(), report, value):
            found.append(report)
    return found


def certificate_bytes(platform: Platform, name: str, ending: str) -> bytes:
    """One certificate's file. raises NotFound"""
    found = certificates.file_of(folder(platform), name, ending)
    if found is None:
        raise NotFound("there is no such certificate", "List them: careloom subject certificates.")
    return found


def read(content: bytes) -> tuple[Json, bytes]:
    """What a certificate says, and its signature. raises FormatError"""
    none = FormatError("the file is no certificate of an erasure", "Give what careloom erase wrote.")
    return certificates.read(content, none, kind=KIND)


def check_by(content: bytes, public_key: bytes) -> Json:
    """Whether a certificate is as it was signed by the owner of a key; needs no installation.

    returns  ``signed``, ``sums``: every count adds up, ``hits`` of the search, and what it says
    raises   FormatError
    """
    report, value = read(content)
    certificates.require(report, _SHAPE)
    is_whole = certificates.is_of(public_key, report, value)
    sums = report["totals"] == totals_of(report["artefacts"])
    told = {name: report[name] for name in ("certificate", "began", "ended", "subjects", "totals")}
    return {"kind": KIND, "signed": is_whole, "sums": sums, "hits": report["search"].get("hits"), **told}


def totals_of(artefacts: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """What -> how many, over all zones."""
    found: dict[str, int] = {}
    for one in artefacts:
        found[one["what"]] = found.get(one["what"], 0) + one["count"]
    return dict(sorted(found.items()))


def digest_of(certificate: Json) -> str:
    """SHA-256 of what is signed: it stands in the audit chain."""
    return certificates.digest(certificate)


def page_of(certificate: Json) -> str:
    """A certificate as one page that can be printed."""
    report, text = certificate["report"], html_page.text
    rows = [
        (
            text(one["zone"]),
            text(one["what"]),
            f"{one['count']:,}",
            text(one.get("digest", "")),
            text(one.get("detail", "")),
        )
        for one in report["artefacts"]
    ]
    search = report["search"]
    looked = ", ".join(f"{count:,} {label}" for label, count in search.get("looked_for", {}).items())
    parts = [
        "<h1>Certificate of erasure</h1>",
        f"<p>{text(report['certificate'])}: begun {text(report['began'])}, ended {text(report['ended'])}, "
        f"by {text(report['actor'])}.</p>",
        f"<p class=soft>Patient: {text(', '.join(f'{zone} {name}' for zone, name in report['subjects'].items()))} "
        "(keyed pseudonyms)</p>",
        html_page.table(
            "Destroyed", (("zone", ""), ("what", ""), ("count", "n"), ("digest", ""), ("detail", "")), rows
        ),
        html_page.table(
            "Remains", (("what", ""), ("why", ""), ("retention rule", "")),
            [(text(one["what"]), text(one["why"]), text(one["rule"])) for one in report["remains"]],
        ),
        f"<p>Searched afterwards: {search.get('files', 0):,} files, {search.get('bytes', 0):,} bytes, "
        f"{search.get('values', 0):,} bytes of rows, for {text(looked) or 'nothing'}: "
        f"<strong>{search.get('hits', 'no')} hits</strong>.</p>",
        f"<p class=soft>Signed with Ed25519 by {text(certificate['signature']['public_key'])}: "
        f"{text(certificate['signature']['value'])}</p>",
    ]  # fmt: skip
    return html_page.page("Certificate of erasure", parts)
