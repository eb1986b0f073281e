"""Certificates of erasure, given to whoever may erase."""

from typing import Literal

from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.erase_certificate import certificate_bytes
from careloom.services.platform import Platform


def certificate(platform: Platform, who: Principal, name: str, form: Literal["json", "html"]) -> bytes:
    """One certificate as it lies in its file. raises AccessError; NotFound"""
    admit(platform, who, "erase", "identified", operation="certificate")
    content = certificate_bytes(platform, name, form)
    note(platform, who, "certificate", "identified", detail={"certificate": name})
    return content
