"""Who is counted together when somebody asks too often."""

from ipaddress import IPv6Address, ip_address, ip_network

from flask import request


def address() -> str:
    """One IPv4 address, or the /64 that one subscriber of IPv6 has."""
    try:
        found = ip_address(request.remote_addr or "")
    except ValueError:
        return "unknown"
    return str(ip_network((found, 64), strict=False)) if isinstance(found, IPv6Address) else str(found)
