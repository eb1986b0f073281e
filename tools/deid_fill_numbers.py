"""Numbers that identify, for templates: telephones, addresses of the net, and identifiers in many formats.

Fictional ranges where they exist (as in careloom.deid.surrogate_numbers): 555-01xx, SSN areas 900-999, RFC 5737, 3849.
"""

from random import Random

from careloom.deid.name_lists import folded
from tools.deid_fill_names import Person, family_name
from tools.deid_fill_organizations import brand
from tools.deid_fill_places import digits

_PHONES = (
    "(%##) 555-01##|%##-555-01##|%##.555.01##|%## 555 01##|(%##)555-01##|%##55501##|+1 %##-555-01##|"
    "1-%##-555-01##|+1 (%##) 555-01##|+1%##55501##|001-%##-555-01##|%##-%##-####|(%##) %##-####|%##/%##-####|"
    "%##.%##.####x###|%##-%##-#### x####|(%##) %##-#### ext. ###|%##-%##-#### Ext ##|555-01##|%##-####|x#####|"
    "ext. ####"
).split("|")
_ABROAD = (
    "+44 20 7946 0###|020 7946 0###|07700 900###|+44 7700 900###|0113 496 0###|+49 30 ########|0%## %######|"
    "0%##/%#####-##|+49 (0)%## %######|+33 1 ## ## ## ##|06 ## ## ## ##|+34 %## ### ###|9## ### ###|"
    "+39 0# #### ####|+351 9## ### ###|+46 70-### ## ##|+47 ## ## ## ##|+45 ## ## ## ##|+358 40 #######|"
    "+48 %## ### ###|+31 6 ########|06-########|+41 79 ### ## ##|+43 664 #######|+36 30 ### ####|"
    "+61 4## ### ###|(02) #### ####|0491 570 ###|+64 21 ### ####|+91 9#### #####|+91-%#########|"
    "+86 1## #### ####|+81 90-####-####|03-####-####|+82 10-####-####|+55 (11) 9####-####|(11) 9####-####|"
    "+52 55 #### ####|+27 82 ### ####|+234 80# ### ####|+972 5#-###-####|+90 5## ### ## ##|+971 50 ### ####|"
    "0## ### ## ##"
).split("|")
_MRNS = (
    "#######|########|######|##########|MRN%######|##-##-##|###-##-##|@#######|@@######|@@-######|00######|"
    "%##-%####|PT######|%###### - #|@@@########|MR-####-####|E%#########|###/####/##|H#####|### ### ####"
).split("|")
_PLANS = (
    "#@?#-@?#-@@##|%@@#-@@#-@@##|@@@%########|W#########|@@@@#######|%########-##|#########@|H####-###|"
    "XYZ%########|##########|@%########-01|@@-%######-@|########|GRP-#####|MBR#########|%## ### ### #"
).split("|")
_ACCOUNTS = (
    "##########|########|%##-#####-##|ACCT-######|#########|############|%###-%###-####|@@########|V########|"
    "##-###-####|INV-%#####|HAR %#######|CSN#########|000########|@##########"
).split("|")
_LICENCES = (
    "@#######|@############|@###-####-####|#########|@@######|@@##########|%##-##-####|@## ### ###|"
    "@@@@@######@@#@@|########|@###-###-##-###-#|##@@####|%@@@###|@@-#####|S########|@########|@@@######|"
    "MD-#####|RN %#####|###-###-###"
).split("|")
_VEHICLES = (
    "@@@ ####|@@@-####|%@@@###|@@## @@@|@@@ ###|###-@@@|@-@@ ####|@@-##-@@|## @@@ ##|@@ ### @@|@##-@@@|#@@@##|"
    "@@@####|@@####@|%###-@@@"
).split("|")
_SERIALS = (
    "SN-######|@@@######@|##########|@@#####|@@-####-@@|%#######-##|@#@#@#@#|PJN######H|(01)0##############|"
    "@@@##@####|S/N%#######|###@@###|@@@-########|BX%#####@"
).split("|")
_BIOMETRICS = (
    "FP-######|FP#####-@@|VP-####-###|IRIS-########|BIO-#####|RS-####@|@@##-@@##-@@##|FACE-#######|DNA-####-##|"
    "??????????|##########"
).split("|")
_OTHERS = (
    "@##-#####|##@-####|@@##-#####|REF-######|#########|########|@@@-####-###|%#####-%###|CLM########|"
    "AUTH%######|@@@-###|EMP#####|##-######|RX#######|@##-####|SUBJ-####|##@######|TKT-%#####|A%########|"
    "####-####-####|@@########|RQ%#####|S##-%####"
).split("|")
_CARDS = (
    "4### #### #### ####|5%## #### #### ####|37## ###### #####|4###-####-####-####|4###############|"
    "5%##############|6011 #### #### ####|34#############|30##########@|4############"
).split("|")
_IBANS = (
    "GB## @@@@ #### #### #### ##|GB##@@@@##############|DE## #### #### #### #### ##|DE####################|"
    "FR## #### #### #### #### #### ###|ES######################|NL##@@@@##########|CH## #### #### #### #### #|"
    "IT##@######################|PL## #### #### #### #### #### ####|SE## #### #### #### #### ####|"
    "AT##################|PT##### #### #### #### #### #|HU##########################|BE## #### #### ####|"
    "DK################|IE##@@@@##############|NO#############|FI################"
).split("|")
_ENDINGS = (
    "com",
    "com",
    "com",
    "org",
    "net",
    "edu",
    "gov",
    "co.uk",
    "de",
    "fr",
    "io",
    "info",
    "ca",
    "com.au",
    "eu",
    "es",
    "nl",
    "health",
)
_MAILS = (
    "gmail.com",
    "yahoo.com",
    "hotmail.com",
    "outlook.com",
    "icloud.com",
    "aol.com",
    "example.com",
    "example.org",
    "proton.me",
)
_PATHS = (
    "||/|/{}|/{}/{}|/patient/{}|/~{}|/index.html|/profile?id={}|/{}.php|/docs/{}.pdf|/news/{}-{}|/u/{}|"
    "/book?ref={}&n={}|/#/{}"
).split("|")


def phone(rng: Random) -> str:
    """A telephone number: of North America mostly."""
    return digits(
        rng, rng.choice(_ABROAD) if rng.random() < 0.35 else rng.choice(_PHONES[:18] if rng.random() < 0.9 else _PHONES)
    )


def extension(rng: Random) -> str:
    """An extension alone."""
    return digits(rng, rng.choice(("ext. ####", "ext ###", "x####", "extension %###", "Ext. %####")))


def ssn(rng: Random) -> str:
    """A Social Security number, mostly of those never issued; sometimes its last digits."""
    if rng.random() < 0.12:
        return digits(rng, rng.choice(("XXX-XX-####", "***-**-####", "xxx-xx-####", "XXXXX####")))
    return digits(
        rng, rng.choice(("9##-##-####", "9##-##-####", "%##-##-####", "9## ## ####", "9########", "%##.##.####"))
    )


def mrn(rng: Random) -> str:
    """A number of a record."""
    return digits(rng, rng.choice(_MRNS))


def plan(rng: Random) -> str:
    """A number of a health plan."""
    return digits(rng, rng.choice(_PLANS))


def account(rng: Random) -> str:
    """A number of an account, a bill or a visit."""
    return digits(rng, rng.choice(_ACCOUNTS))


def card(rng: Random) -> str:
    """A number of a credit card, mostly with a right check digit; sometimes its last digits."""
    if rng.random() < 0.06:
        return digits(rng, rng.choice(("XXXX-XXXX-XXXX-####", "**** **** **** ####", "xxxx####")))
    number = digits(rng, rng.choice(_CARDS).replace("@", "#"))
    return _with_check_digit(number) if rng.random() < 0.8 else number


def _with_check_digit(number: str) -> str:
    """`number` with its last digit by Luhn (ISO/IEC 7812-1)."""
    values = [int(letter) for letter in number if letter.isdigit()][:-1]
    total = sum(sum(divmod(value * 2, 10)) if place % 2 == 0 else value for place, value in enumerate(reversed(values)))
    return f"{number[:-1]}{-total % 10}"


def iban(rng: Random) -> str:
    """A bank account in its international form."""
    return digits(rng, rng.choice(_IBANS))


def licence(rng: Random) -> str:
    """A number of a driving licence, a passport or a profession."""
    return digits(rng, rng.choice(_LICENCES))


def npi(rng: Random) -> str:
    """A National Provider Identifier by its look."""
    return digits(rng, "1#########")


def dea(rng: Random) -> str:
    """A number of the Drug Enforcement Administration by its look."""
    return digits(rng, rng.choice(("B@#######", "A@#######", "F@#######", "M@#######")))


def vin(rng: Random) -> str:
    """A number of a vehicle's frame by its look."""
    return "".join(rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ0123456789") for _ in range(11)) + digits(rng, "######")


def plate(rng: Random) -> str:
    """A number plate."""
    return digits(rng, rng.choice(_VEHICLES))


def serial(rng: Random) -> str:
    """A serial number of a device."""
    return digits(rng, rng.choice(_SERIALS))


def biometric(rng: Random) -> str:
    """The name of a fingerprint's, a voice's or an iris' record."""
    return digits(rng, rng.choice(_BIOMETRICS))


def other_id(rng: Random) -> str:
    """Another identifier: a specimen, a claim, an order, an employee."""
    return digits(rng, rng.choice(_OTHERS))


def ip(rng: Random) -> str:
    """An address of the net."""
    drawn = rng.random()
    if drawn < 0.55:
        return f"{rng.choice(('192.0.2', '198.51.100', '203.0.113'))}.{rng.randint(1, 254)}"
    if drawn < 0.75:
        return ".".join(str(rng.randint(1, 254)) for _ in range(4))
    if drawn < 0.85:
        return f"10.{rng.randint(0, 254)}.{rng.randint(0, 254)}.{rng.randint(1, 254)}"
    groups = [f"{rng.randrange(65536):x}" for _ in range(6)]
    return rng.choice((f"2001:db8:{':'.join(groups)}", f"2001:db8::{groups[0]}", f"fe80::{groups[0]}:{groups[1]}"))


def mac(rng: Random) -> str:
    """An address of a network card."""
    pairs = [f"{rng.randrange(256):02x}" for _ in range(6)]
    text = rng.choice((":", "-")).join(pairs)
    return text.upper() if rng.random() < 0.5 else text


def domain(rng: Random) -> str:
    """The name of a site."""
    own = rng.choice((brand(rng), family_name(rng), brand(rng) + family_name(rng), f"{brand(rng)}-{brand(rng)}"))
    host = "".join(letter for letter in folded(own) if letter.isalnum() or letter == "-")
    return f"{host}.{rng.choice(_ENDINGS)}"


def url(rng: Random) -> str:
    """An address of the web."""
    path = rng.choice(_PATHS)
    words = [
        rng.choice(
            (folded(family_name(rng)).replace(" ", "-"), digits(rng, "####"), brand(rng).lower().replace(" ", "_"))
        )
        for _ in range(2)
    ]
    return (
        rng.choice(("https://", "http://", "www.", "https://www.", "", "https://portal."))
        + domain(rng)
        + path.format(*words)
    )


def email(rng: Random, who: Person) -> str:
    """An address of mail that mostly holds the name."""
    given, family = ("".join(letter for letter in folded(name) if letter.isalnum()) for name in (who.given, who.family))
    local = rng.choice(
        (
            f"{given}.{family}",
            f"{given[:1]}{family}",
            f"{given}{family}",
            f"{given}_{family}",
            f"{family}{given[:1]}",
            f"{given}{rng.randint(1, 99)}",
            f"{given}.{family}{rng.randint(50, 2005)}",
            f"{family}.{given}",
            f"{given}-{family}",
            f"{brand(rng).lower().replace(' ', '')}{rng.randint(1, 999)}",
            given,
            f"{given}+{family[:4]}",
        )
    )
    where = rng.choice(_MAILS) if rng.random() < 0.45 else domain(rng)
    address = f"{local}@{where}"
    return address.title().replace(".Com", ".com") if rng.random() < 0.06 else address


def username(rng: Random, who: Person) -> str:
    """A name of an account of a person, as other people see it."""
    given, family = ("".join(letter for letter in folded(name) if letter.isalnum()) for name in (who.given, who.family))
    return rng.choice(
        (
            f"{given[:1]}{family}{rng.randint(1, 99)}",
            f"@{given}_{family[:1]}",
            f"@{given}{family}",
            f"{family}{given[:2]}{rng.randint(1, 9)}",
            f"{given}.{family[:1]}{rng.randint(10, 99)}",
            f"@the_{given}{rng.randint(1, 99)}",
            f"{given}_{rng.randint(1950, 2012)}",
        )
    )
