"""Channels that alarms of watched models are told by: a webhook, e-mail. What is told is no patient's.

A webhook leads to https and to a host of the settings alone. What its name leads to is looked up once, must not be this
machine, its link or (unless allowed) a private network, and is what is connected to: a name that changes its mind
between the look and the call, or an answer that sends elsewhere, gets nothing.

source  OWASP, Server Side Request Forgery Prevention Cheat Sheet; the signature is HMAC-SHA-256 (RFC 2104) of the body
"""

import hmac
import http.client
import os
import smtplib
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from email.message import EmailMessage
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from urllib.parse import urlsplit

from careloom.errors import SetupError
from careloom.settings import Monitor

SIGNATURE = "X-Careloom-Signature"
WEBHOOK_KEY = "CARELOOM_WEBHOOK_KEY"
MAIL_SIGN_IN = ("CARELOOM_MAIL_USER", "CARELOOM_MAIL_PASSWORD")
"""Variables: what signs a webhook's body; who signs in at the mail server, and by what."""
SECONDS = 10.0
Json = dict[str, Any]
Address = IPv4Address | IPv6Address
Look = Callable[[str, int], Sequence[str]]
"""(host, port) -> the addresses that it has."""


def message_of(report: Mapping[str, Any], alarms: Sequence[Mapping[str, Any]]) -> Json:
    """What is told: the version, the days, the run, and each alarm with its size; no patient's value.

    alarms  kind, place and level; of the outbox with ``id``, which stays the same as long as the alarm stands, and
            ``event``: opened, standing or resolved
    """
    sizes = {(one["kind"], one["place"]): one for one in report["findings"]}
    told = []
    for alarm in alarms:
        one = sizes.get((alarm["kind"], alarm["place"]), {})
        told.append({**alarm, **{name: one[name] for name in ("effect", "medium", "large", "rows") if name in one}})
    return {
        "kind": "careloom.model.alarm", "model": report["version"], "run": report["id"], "since": report["since"],
        "until": report["until"], "predictions": report["predictions"], "alarms": told,
    }  # fmt: skip


def post(settings: Monitor, body: bytes, *, look: Look | None = None, tls: ssl.SSLContext | None = None) -> int:
    """Sends a body to the webhook; the status of its answer, which is 200 to 299.

    raises  SetupError for an address that may not be called, or that does not take it
    """
    host, port, path = _place(settings)
    addresses = [ip_address(one) for one in (look or _looked_up)(host, port)]
    if not addresses or not all(may_be_called(one, private=settings.webhook_private) for one in addresses):
        raise SetupError("monitor.webhook: its host lies where no webhook may lie", "Name a host of another network.")
    headers = {"Content-Type": "application/json", "User-Agent": "careloom"}
    if key := os.environ.get(WEBHOOK_KEY, ""):
        headers[SIGNATURE] = "sha256=" + hmac.digest(key.encode(), body, "sha256").hex()
    context = tls or ssl.create_default_context()
    try:
        with socket.create_connection((str(addresses[0]), port), SECONDS) as plain:
            connection = http.client.HTTPSConnection(host, port, timeout=SECONDS, context=context)
            connection.sock = context.wrap_socket(plain, server_hostname=host)
            connection.request("POST", path, body, headers)
            status = connection.getresponse().status
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        raise SetupError(
            f"monitor.webhook: it does not answer ({type(error).__name__})", "Call its operator."
        ) from None
    if not 200 <= status < 300:
        raise SetupError(f"monitor.webhook: it answered {status}", "Call its operator; redirects are not followed.")
    return status


def mail(settings: Monitor, message: Mapping[str, Any], *, tls: ssl.SSLContext | None = None) -> None:
    """Writes to everybody of `mail_to`. raises SetupError where the server does not take it"""
    if settings.mail_tls == "none" and settings.mail_host not in ("localhost", "127.0.0.1", "::1"):
        raise SetupError("monitor.mail_tls: none is for this machine alone", "Say starttls or tls.")
    letter = EmailMessage()
    letter["Subject"] = f"{message['model']}: {_counted(message['alarms'])}"
    letter["From"] = sender = settings.mail_from or "careloom@localhost"
    letter["To"] = ", ".join(settings.mail_to)
    if "message" in message:  # the same however often it is sent: RFC 5322, section 3.6.4
        letter["Message-ID"] = f"<{message['message']}@{sender.rpartition('@')[2].rstrip('> ')}>"
    letter.set_content(_words(message))
    context = tls or ssl.create_default_context()
    try:
        with _server(settings, context) as server:
            if settings.mail_tls == "starttls":
                server.starttls(context=context)
            user, secret = (os.environ.get(name, "") for name in MAIL_SIGN_IN)
            if user:
                server.login(user, secret)
            server.send_message(letter)
    except (OSError, smtplib.SMTPException) as error:
        raise SetupError(
            f"monitor.mail_host: it takes no mail ({type(error).__name__})", "Call its operator."
        ) from None


def _server(settings: Monitor, context: ssl.SSLContext) -> smtplib.SMTP:
    where = (settings.mail_host, settings.mail_port)
    if settings.mail_tls == "tls":
        return smtplib.SMTP_SSL(*where, timeout=SECONDS, context=context)
    return smtplib.SMTP(*where, timeout=SECONDS)


def _words(message: Mapping[str, Any]) -> str:
    lines = [f"{message['model']}, {message['since']} to {message['until']}, {message['predictions']} predictions:", ""]
    for one in message["alarms"]:
        size = f": {one['effect']:.3g} (medium from {one['medium']:.3g})" if "effect" in one else ""
        if one.get("event") == "resolved":
            lines.append(f"- {one['kind']} {one['place']} is resolved")
        else:
            still = "still " if one.get("event") == "standing" else ""
            lines.append(f"- {one['kind']} {one['place']} is {still}{one['level']}{size}")
    lines += ["", f"careloom monitor show {message['model']} --run {message['run']}"]
    return "\n".join(lines)


def _counted(told: Sequence[Mapping[str, Any]]) -> str:
    over = sum(one.get("event") == "resolved" for one in told)
    words = [f"{len(told) - over} alarm(s)"] if len(told) > over else []
    return ", ".join(words + ([f"{over} resolved"] if over else []))


def _place(settings: Monitor) -> tuple[str, int, str]:
    told = urlsplit(settings.webhook)
    host = (told.hostname or "").lower()
    if told.scheme != "https" or not host or told.username is not None or told.fragment:
        raise SetupError("monitor.webhook: it is no https address without a name in it", "Write https://host/path.")
    if host not in {one.lower() for one in settings.webhook_hosts}:
        raise SetupError("monitor.webhook: its host is not allowed", "Add it to monitor.webhook_hosts.")
    return host, told.port or 443, (told.path or "/") + (f"?{told.query}" if told.query else "")


def _looked_up(host: str, port: int) -> list[str]:
    try:
        return sorted({str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)})
    except OSError:
        raise SetupError("monitor.webhook: its host has no address", "Check its name.") from None


def may_be_called(address: Address, *, private: bool) -> bool:
    """Whether an address lies outside of this machine and its link, and, unless `private`, in no private network."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    one = mapped or address
    if one.is_link_local or one.is_multicast or one.is_unspecified or one.is_loopback:
        return False
    return one.is_global or (private and one.is_private and not one.is_reserved)
