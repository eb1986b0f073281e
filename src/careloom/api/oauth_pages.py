"""The pages on which people sign in: plain HTML, nothing loaded from elsewhere, nothing of a patient.

None runs a script but those that ask for a passkey, which browsers give to a script alone: one file of our own.
"""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from careloom.html_page import text

_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--line:#8c959f;--wash:#f6f8fa;--paper:#fff;--bad:#a40e26;
--main:#0b57a4;--on:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#a9b4c0;--line:#6e7681;--wash:#0d1117;--paper:#161b22;
--bad:#ff9a95;--main:#79b8ff;--on:#0d1117}}
*{box-sizing:border-box}body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--wash);
color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{width:min(27rem,100%);padding:2rem 1.75rem;background:var(--paper);border-radius:14px;
box-shadow:0 1px 3px #0003,0 8px 24px #0001}
.brand{margin:0 0 1.25rem;font-weight:680;letter-spacing:-.02em;color:var(--soft)}
h1{margin:0 0 .75rem;font-size:1.45rem;line-height:1.25}p,ul,ol{margin:.5rem 0}ul,ol{padding-left:1.25rem}
.soft{color:var(--soft);font-size:.92rem}.bad{margin:.75rem 0;padding:.7rem .9rem;border:1px solid var(--bad);
border-radius:8px;color:var(--bad)}
label{display:block;margin:1rem 0 .3rem;font-weight:600}
input:not([type=hidden]){width:100%;padding:.6rem .7rem;font:inherit;color:inherit;background:var(--paper);
border:1px solid var(--line);border-radius:8px}
button{width:100%;margin-top:1.25rem;padding:.7rem;font:inherit;font-weight:650;color:var(--on);background:var(--main);
border:1px solid var(--main);border-radius:8px;cursor:pointer}
button.other{margin-top:.6rem;color:var(--ink);background:transparent;border-color:var(--line)}
input+button.other{margin-top:1.1rem}
button:disabled{opacity:.55;cursor:default}
.or{display:flex;align-items:center;gap:.75rem;margin:1.5rem 0 0;color:var(--soft);font-size:.92rem}
.or::before,.or::after{content:"";flex:1;border-top:1px solid var(--line)}
.back{margin-top:1.1rem}
.keys{list-style:none;margin:1rem 0;padding:0}
.keys li{display:flex;align-items:center;justify-content:space-between;gap:1rem;padding:.75rem 0;
border-bottom:1px solid var(--line)}.keys strong{overflow-wrap:anywhere}.keys .soft{display:block}
.keys button{width:auto;margin:0;padding:.35rem .8rem}
:focus-visible{outline:3px solid var(--main);outline-offset:2px}
code{font:.95em ui-monospace,monospace;overflow-wrap:anywhere}.codes{columns:2;list-style:none;padding:0}
a{color:var(--main)}
"""
_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()
SCRIPT = "/oauth2/passkey.js"
_SCRIPT = f'<script src="{SCRIPT}" defer></script>'


@dataclass(frozen=True, slots=True)
class Hidden:
    """What a form carries along: proof that it is ours, and the request of the application, sealed; empty for none."""

    form: str = field(repr=False)
    request: str = field(default="", repr=False)


def policy(target: str = "", script: str = "") -> str:
    """The content security policy of a page.

    target  the origin to which a form may lead on
    script  the address of the one file that may run
    """
    runs = f"script-src {script}; require-trusted-types-for 'script'; trusted-types 'none'; " if script else ""
    return (
        f"default-src 'none'; {runs}style-src 'sha256-{_HASH}'; form-action 'self'{f' {target}' if target else ''}; "
        "frame-ancestors 'none'; base-uri 'none'"
    )


@dataclass(frozen=True, slots=True)
class Asks:
    """What a sign-in page shows beside its form.

    name       as it was typed
    title      the application that the person comes from
    providers  name -> title of others by whom people sign in
    """

    name: str = ""
    title: str = ""
    problem: str = ""
    providers: Mapping[str, str] = field(default_factory=dict)


def sign_in(hidden: Hidden, asks: Asks) -> str:
    """Asks for name and password, or another provider."""
    name, title = asks.name, asks.title
    lead = f"<p>to go on to <strong>{text(title)}</strong></p>" if title else ""
    fields = (
        _field("name", "Name", value=name, complete="username", is_first=not name)
        + _field("password", "Password", kind="password", complete="current-password", is_first=bool(name))
    )  # fmt: skip
    more = '<p class="soft">You were invited? <a href="/oauth2/welcome">Set up your account</a></p>'
    others = [
        f'<form method="post" action="/oauth2/provider/{one}">{_kept(hidden)}'
        f'<button class="other">Sign in by {text(shown)}</button></form>'
        for one, shown in asks.providers.items()
    ]
    return _page(
        "Sign in", [lead, _bad(asks.problem), _form("/oauth2/sign-in", hidden, fields, "Go on"), *others, more]
    )


def second_factor(hidden: Hidden, *, passkey: str = "", has_codes: bool = True, problem: str = "") -> str:
    """Asks for a code of the authenticator, or for a passkey where there is one.

    passkey    what the browser is asked for, as JSON; empty for who has none
    has_codes  False for who has no authenticator and no recovery codes
    """
    label = "Code of your authenticator app, or a recovery code"
    fields = _field("code", label, complete="one-time-code", is_first=not passkey)
    codes = _form("/oauth2/second-factor", hidden, fields, "Sign in", more=' class="other"' if passkey else "")
    if not passkey:
        return _page("Second step", [_bad(problem), codes])
    asks = passkey_form("/oauth2/passkey", hidden, "use", passkey, "Use a passkey")
    either = ['<p class="or">or</p>', codes] if has_codes else []
    return _page("Second step", [_bad(problem), asks, *either], head=_SCRIPT)


def passkey_form(to: str, hidden: Hidden, purpose: str, asked: str, button: str, fields: str = "") -> str:
    """A form that a passkey answers, by the script of `_SCRIPT`; `asked` is what the browser is asked for, as JSON."""
    first = "" if fields else " autofocus"
    return (
        f'<form method="post" action="{to}" data-passkey="{purpose}" data-asked="{text(asked)}">{_kept(hidden)}{fields}'
        f'<input type="hidden" name="answer"><p class="bad" role="alert" hidden></p>'
        f'<p class="soft plain">A passkey needs JavaScript in this browser.</p>'
        f"<button disabled{first}>{button}</button></form>"
    )


@dataclass(frozen=True, slots=True)
class ShownKey:
    """A passkey as its person sees it; `words` say since when, and when it was used."""

    id: str
    name: str
    words: str


@dataclass(frozen=True, slots=True)
class Keys:
    """What the page of passkeys shows.

    asked  what the browser is asked for to make one, as JSON; empty where none can be made or removed now
    again  True where signing in again lets the person make and remove some
    """

    person: str
    keys: Sequence[ShownKey]
    asked: str = field(default="", repr=False)
    again: bool = False


def passkeys(hidden: Hidden, shown: Keys, *, problem: str = "", remedy: str = "") -> str:
    """Lists the passkeys of who is signed in, and lets the person make and remove some."""
    lead = (
        f"<p>With a passkey and your password you sign in as <strong>{text(shown.person)}</strong>, in place of a "
        "code.</p>"
    )
    rows = "".join(
        f'<li><span><strong>{text(one.name)}</strong><span class="soft">{text(one.words)}</span></span>'
        + (_remove(hidden, one) if not shown.again else "")
        + "</li>"
        for one in shown.keys
    )
    listed = f'<ul class="keys">{rows}</ul>' if rows else "<p>You have none yet.</p>"
    parts = [lead, _bad(problem), listed, f'<p class="soft">{text(remedy)}</p>' if remedy else ""]
    if shown.asked:
        fields = _field("name", "Name of a new passkey, such as the device it is on")
        parts.append(passkey_form("/oauth2/passkeys", hidden, "make", shown.asked, "Add a passkey", fields))
    if shown.again:
        parts.append('<p class="soft">To add or remove one, sign in again: that was too long ago.</p>')
        parts.append(_form("/oauth2/passkeys/again", hidden, "", "Sign in again"))
    parts.append('<p class="back"><a href="/oauth2/sign-in">Back</a></p>')
    return _page("Your passkeys", parts, head=_SCRIPT if shown.asked else "")


def _remove(hidden: Hidden, key: ShownKey) -> str:
    field = f'<input type="hidden" name="passkey" value="{text(key.id)}">'
    label = f' aria-label="Remove {text(key.name)}"'
    return (
        f'<form method="post" action="/oauth2/passkeys/remove">{_kept(hidden)}{field}'
        f'<button class="other"{label}>Remove</button></form>'
    )


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked to let an application do.

    host     where the answer goes
    meanings what it may do, in words
    """

    title: str
    host: str
    person: str
    meanings: Sequence[str]
    needs_patient: bool


def consent(hidden: Hidden, asked: Question, *, problem: str = "") -> str:
    """Asks whether the application may."""
    parts = [
        f"<p><strong>{text(asked.title)}</strong> ({text(asked.host)}) asks to do this as "
        f"<strong>{text(asked.person)}</strong>:</p>",
        _listed(asked.meanings),
        _bad(problem),
    ]
    patient = _field("patient", "For which patient? Patient/&lt;id&gt;") if asked.needs_patient else ""
    deny = '<button class="other" name="decision" value="deny" formnovalidate>Do not allow</button>'
    form = _form("/oauth2/consent", hidden, patient, "Allow", more=' name="decision" value="allow"', after=deny)
    return _page("Allow access?", [*parts, form, '<p class="soft">Everything it does is recorded in your name.</p>'])


def welcome(hidden: Hidden, asks: Asks) -> str:
    """Asks who was invited for the invitation, and a new password or a provider to sign in by."""
    name = asks.name
    fields = (
        _field("name", "Name", value=name, complete="username", is_first=not name)
        + _field("invitation", "Code of your invitation", complete="off")
        + _field("password", "New password, 12 characters or more", kind="password", complete="new-password")
        + _field("again", "The same password again", kind="password", complete="new-password")
    )  # fmt: skip
    hint = '<p class="soft">A few words that belong to no sentence are long and easy to keep in mind.</p>'
    others = "".join(
        f'<button class="other" formaction="/oauth2/provider/{one}" formnovalidate>'
        f"No password: I sign in by {text(shown)}</button>"
        for one, shown in asks.providers.items()
    )
    form = _form("/oauth2/welcome", hidden, fields, "Go on", after=others)
    return _page("Set up your account", [_bad(asks.problem), form, hint])


def onward(address: str, title: str) -> str:
    """Leads on to a provider: by itself, and by a link. No form leads there, so that none needs to be let."""
    shown = f'<p><a href="{text(address)}" rel="noreferrer">Go on to {text(title)}</a></p>'
    return _page("One moment", [shown], head=f'<meta http-equiv="refresh" content="0;url={text(address)}">')


def enrol(hidden: Hidden, secret: str, address: str, *, problem: str = "") -> str:
    """Shows the secret of a new authenticator, and asks for a first code."""
    parts = [
        "<p>Add an account to an authenticator app on your phone, and type this key:</p>",
        f"<p><code>{text(secret)}</code></p>",
        f'<p class="soft">On the phone itself: <a href="{text(address)}">open the app</a>.</p>',
        _bad(problem),
    ]
    fields = _field("code", "Six digits that the app shows", complete="one-time-code", is_first=True)
    return _page("Second step", [*parts, _form("/oauth2/enrol", hidden, fields, "Confirm")])


def recovery(codes: Iterable[str]) -> str:
    """Shows the recovery codes, once."""
    shown = "".join(f"<li><code>{text(code)}</code></li>" for code in codes)
    parts = [
        "<p>Keep these where nobody else looks. Each is good once instead of the app; they are not shown again.</p>",
        f'<ul class="codes">{shown}</ul>',
        '<p><a href="/oauth2/sign-in">Sign in</a></p>',
    ]
    return _page("Your account is ready", parts)


def signed_in(hidden: Hidden, person: str) -> str:
    """Says who is signed in, and lets the person sign out."""
    lead = f"<p>You are signed in as <strong>{text(person)}</strong>.</p>"
    more = '<p><a href="/oauth2/passkeys">Your passkeys</a></p>'
    return _page("Signed in", [lead, more, _form("/oauth2/sign-out", hidden, "", "Sign out")])


def said(title: str, words: str, remedy: str = "", link: tuple[str, str] | None = None) -> str:
    """Says something, and asks nothing; `link` is (address, words)."""
    more = f'<p><a href="{text(link[0])}" rel="noreferrer">{text(link[1])}</a></p>' if link else ""
    return _page(title, [f"<p>{text(words)}</p>", f'<p class="soft">{text(remedy)}</p>' if remedy else "", more])


def _page(title: str, parts: Iterable[str], head: str = "") -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{text(title)} – Careloom</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1">{head}<style>{_STYLE}</style></head>'
        f'<body><main><p class="brand">Careloom</p><h1>{text(title)}</h1>{"".join(parts)}</main></body></html>\n'
    )


def _form(to: str, hidden: Hidden, fields: str, button: str, *, more: str = "", after: str = "") -> str:
    """A form with one button, whose further attributes are `more`."""
    pressed = f"<button{more}>{button}</button>"
    return f'<form method="post" action="{to}">{_kept(hidden)}{fields}{pressed}{after}</form>'


def _kept(hidden: Hidden) -> str:
    return "".join(
        f'<input type="hidden" name="{name}" value="{text(held)}">'
        for name, held in (("form", hidden.form), ("request", hidden.request))
        if held
    )


def _field(
    name: str, label: str, *, kind: str = "text", value: str = "", complete: str = "off", is_first: bool = False
) -> str:
    """A field with its label; `label` is HTML already."""
    more = ' autocapitalize="none" spellcheck="false"' if kind == "text" else ""
    return (
        f'<label for="{name}">{label}</label><input id="{name}" name="{name}" type="{kind}" required maxlength="200" '
        f'autocomplete="{complete}" value="{text(value)}"{more}{" autofocus" if is_first else ""}>'
    )


def _bad(problem: str) -> str:
    return f'<p class="bad" role="alert">{text(problem[:1].upper() + problem[1:])}</p>' if problem else ""


def _listed(words: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{text(one)}</li>' for one in words)}</ul>"
