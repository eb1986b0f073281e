"""Check digits and number plans: what a run of digits cannot be.

sources  SSN: Social Security Administration, randomization rules of 2011 (areas 000, 666, 900-999, group 00 and serial
         0000 are never issued); NPI: CMS, Luhn with the prefix 80840; DEA: first letter, sum of digits 1, 3, 5 plus
         twice 2, 4, 6 ends in digit 7; VIN: 49 CFR 565.15; cards: ISO/IEC 7812 Luhn; IBAN: ISO 13616, mod 97
"""

import ipaddress

_VIN_VALUES = dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ", (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9), strict=True)
)
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def digits_of(text: str) -> str:
    """The digits of `text`."""
    return "".join(letter for letter in text if letter.isdigit())


def is_luhn(digits: str) -> bool:
    """True where the last digit checks the others (ISO/IEC 7812)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit) * (2 if place % 2 else 1)
        total += number - 9 if number > 9 else number
    return total % 10 == 0


def is_ssn(text: str) -> bool:
    """True where the nine digits can have been issued as a Social Security number."""
    digits = digits_of(text)
    area = digits[:3]
    return (
        len(digits) == 9
        and area not in ("000", "666")
        and area < "900"
        and digits[3:5] != "00"
        and digits[5:] != "0000"
    )


def is_npi(text: str) -> bool:
    """True for a National Provider Identifier: ten digits that begin with 1 or 2 and check."""
    digits = digits_of(text)
    return len(digits) == 10 and digits[0] in "12" and is_luhn("80840" + digits)


def is_dea(text: str) -> bool:
    """True for a registration number of the Drug Enforcement Administration."""
    digits = digits_of(text)
    if len(digits) != 7 or not text[:1].isalpha():
        return False
    numbers = [int(digit) for digit in digits]
    return (sum(numbers[0:6:2]) + 2 * sum(numbers[1:6:2])) % 10 == numbers[6]


def is_vin(text: str) -> bool:
    """True for a vehicle identification number whose ninth place checks."""
    upper = text.upper()
    try:
        total = sum(
            (int(letter) if letter.isdigit() else _VIN_VALUES[letter]) * weight
            for letter, weight in zip(upper, _VIN_WEIGHTS, strict=True)
        )
    except (KeyError, ValueError):
        return False
    return upper[8] == "0123456789X"[total % 11]


def is_card(text: str) -> bool:
    """True for 13 to 19 digits that check."""
    digits = digits_of(text)
    return 13 <= len(digits) <= 19 and is_luhn(digits)


def is_iban(text: str) -> bool:
    """True for an international bank account number that checks."""
    plain = "".join(text.split()).upper()
    if not 15 <= len(plain) <= 34 or not plain.isalnum() or not plain.isascii():
        return False
    return int("".join(str(int(letter, 36)) for letter in plain[4:] + plain[:4])) % 97 == 1


def is_ip(text: str) -> bool:
    """True for an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
