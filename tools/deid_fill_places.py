"""Places for templates: streets, towns, postal codes and whole addresses in the layouts of many countries."""

from functools import cache
from random import Random

from careloom.deid import name_lists as lists
from careloom.deid.text_context import STATE_NAMES, STATES
from tools.deid_fill_names import family_name, given_name

_CODES = tuple(code for code in STATES.split("|") if code not in ("AA", "AE", "AP"))
_STATES = tuple(STATE_NAMES.split("|"))
_STREET_OWN = (
    "Main Oak Maple Cedar Elm Pine Walnut Chestnut Birch Willow Spruce Park Lake Hill Church Mill River Spring Ridge "
    "High Station Market Bridge School Washington Lincoln Jefferson Franklin Madison Highland Sunset Meadow Orchard "
    "Cherry Dogwood Hickory Juniper Magnolia Poplar Sycamore Valley Forest Garden Harbor Prospect Union Liberty Court "
    "Quarry Foxglove Pheasant Deer Eagle Hawk Fox Bluebird Old Mill North Lake Country Club Castle King Queen Victoria "
    "Albert Abbey Manor Grange Beacon Canal College Commerce Industrial Depot Ferry Frontage Granite Heron Ivy Jasper"
).split()
_STREET_KINDS = (
    "Street Street St St. Avenue Avenue Ave Ave. Road Road Rd Rd. Lane Ln Drive Drive Dr Dr. Court Ct Place Pl Way "
    "Boulevard Blvd Circle Cir Terrace Parkway Pkwy Trail Square Crescent Close Loop Alley Row Walk Plaza Run Highway"
).split()
_GERMAN = "Linden Haupt Garten Bahnhof Schul Kirch Berg Wald Rosen Mühlen Goethe Ring Schiller Blumen Dorf".split()
_FRENCH = (
    "de la République|Victor Hugo|des Lilas|du Moulin|de l'Église|Pasteur|des Écoles|du Général Leclerc|Saint-Michel|"
    "des Tilleuls|de Verdun|Jean Jaurès|du Faubourg"
).split("|")
_SPANISH = "Mayor|de Alcalá|San Juan|Cervantes|del Sol|Gran Vía|Las Flores|Hidalgo|Juárez|Independencia|Colón".split(
    "|"
)
_ITALIAN = "Garibaldi|Roma|Mazzini|Dante Alighieri|Verdi|San Marco|della Repubblica|Cavour|dei Mille|Manzoni".split("|")
_PORTUGUESE = "das Flores|Augusta|do Comércio|Rio Branco|da Liberdade|Sete de Setembro|das Palmeiras".split("|")
_NORDIC = "Stor Kyrk Skol Park Kungs Drottning Sjö Berg Lille Bjerg Skov Strand".split()
_DUTCH = "Kerk Dorps Molen Prinsen Juliana Wilhelmina Beuken Linden School Station".split()
_POLISH = "Długa|Lipowa|Kościuszki|Polna|Słoneczna|Ogrodowa|Mickiewicza|Krótka|Zielona|Szkolna".split("|")
_TOWN_WORDS = (
    "North South East West New Old Upper Lower Port Mount Fort Lake Saint Santa San Glen Grand Cedar Oak Pine Elm Rock"
).split()
_TOWN_ENDS = (
    "ville ton burg field ford wood dale port land view haven brook creek ham mouth bury stead ridge worth by minster"
).split()
_ABROAD = (
    "London Paris Berlin Madrid Rome Lisbon Vienna Prague Warsaw Dublin Oslo Stockholm Helsinki Copenhagen "
    "Amsterdam Brussels Zürich Genève Kraków Budapest Bucharest Athens Istanbul Cairo Lagos Nairobi "
    "Johannesburg Accra Mumbai Delhi Chennai Karachi Dhaka Bangkok Hanoi Manila Jakarta Singapore Tokyo Osaka "
    "Seoul Beijing Shanghai Taipei Sydney Melbourne Brisbane Auckland Wellington Toronto Montréal Vancouver "
    "Calgary Winnipeg Bogotá Lima Quito Santiago Córdoba Recife Porto Düsseldorf München Köln Malmö Göteborg "
    "Århus Tromsø Reykjavík Leeds Bristol Cardiff Glasgow Belfast Galway Lyon Nantes Lille Sevilla Bilbao "
    "Torino Napoli Bologna Gdańsk Brno Zagreb Ljubljana Tallinn Riga"
).split()
_US_LARGE = (
    "Boston|Chicago|Houston|Phoenix|Dallas|Denver|Seattle|Portland|Detroit|Memphis|Atlanta|Miami|Tampa|Baltimore|"
    "New York|Los Angeles|San Diego|San Antonio|San Francisco|Las Vegas|Salt Lake City|New Orleans|Kansas City|"
    "Philadelphia|Pittsburgh|Cleveland|Columbus|Cincinnati|St. Louis|St. Paul|Minneapolis|Milwaukee|Omaha|Tulsa|"
    "Austin|El Paso|Fort Worth|Baton Rouge|Jacksonville|Charlotte|Raleigh|Richmond|Nashville|Louisville|Buffalo"
).split("|")
_COUNTRIES = (
    "Germany France Spain Italy Portugal Austria Switzerland Poland Hungary Romania Bulgaria Greece Turkey Egypt "
    "Nigeria Kenya Ghana Ethiopia Morocco Tunisia Israel Lebanon Iraq Iran India Pakistan Bangladesh Nepal China Japan "
    "Vietnam Thailand Malaysia Indonesia Philippines Australia Canada Mexico Guatemala Honduras Cuba Jamaica Haiti "
    "Colombia Venezuela Ecuador Peru Bolivia Chile Argentina Brazil Ireland Scotland Wales England Norway Sweden "
    "Finland Denmark Iceland Netherlands Belgium Luxembourg Ukraine Russia Croatia Serbia Slovenia Slovakia Estonia "
    "Latvia Lithuania Armenia Georgia Kazakhstan Afghanistan Cambodia Laos Somalia Uganda Rwanda Senegal Mali Zambia"
).split()
_LONGER = (
    "United Kingdom|United States|New Zealand|South Africa|South Korea|Sri Lanka|Costa Rica|El Salvador|Saudi Arabia|"
    "Dominican Republic|Sierra Leone|Puerto Rico|Czech Republic|UK|USA|U.S.A.|UAE"
).split("|")


def digits(rng: Random, pattern: str) -> str:
    """`pattern` with a digit for each #, a capital for each @ and a letter or digit for each ?."""
    choices = {
        "#": "0123456789",
        "@": "ABCDEFGHJKLMNPRSTUVWXYZ",
        "?": "ABCDEFGHJKLMNPRSTUVWXYZ0123456789",
        "%": "123456789",
    }
    return "".join(rng.choice(choices[letter]) if letter in choices else letter for letter in pattern)


def state(rng: Random) -> str:
    """The name of a US state."""
    return rng.choice(_STATES)


def state_code(rng: Random) -> str:
    """A US state in two letters."""
    return rng.choice(_CODES)


def country(rng: Random) -> str:
    """A country; its article is outside."""
    return rng.choice(_LONGER if rng.random() < 0.15 else _COUNTRIES)


def city(rng: Random) -> str:
    """A town: large, small, abroad or invented."""
    drawn = rng.random()
    if drawn < 0.25:
        return rng.choice(lists.pools()["city"])
    if drawn < 0.40:
        return rng.choice(_US_LARGE)
    if drawn < 0.60:
        return rng.choice(_ABROAD)
    if drawn < 0.75:
        return rng.choice(_listed()).title()
    if drawn < 0.84:
        return " ".join(rng.choice(_several())).title().replace("'S", "'s")
    stem = family_name(rng).split()[0].split("-")[0]
    if drawn < 0.93:
        return f"{rng.choice(_TOWN_WORDS)} {stem}"
    return (stem + rng.choice(_TOWN_ENDS)).capitalize()


@cache
def _listed() -> tuple[str, ...]:
    return tuple(
        name
        for name, flags in lists.names().items()
        if flags & lists.CITY and not flags & lists.WORD and len(name) > 3 and name.isascii()
    )


@cache
def _several() -> tuple[tuple[str, ...], ...]:
    return tuple((first, *rest) for first, many in lists.places().items() for rest in many if first.isascii())


def county(rng: Random) -> str:
    """A county or district with its word."""
    own = family_name(rng) if rng.random() < 0.6 else city(rng)
    return rng.choice((f"{own} County", f"{own} County", f"{own} Parish", f"County {own}", f"{own} Township"))


def landmark(rng: Random) -> str:
    """A named place: a park, a beach, a quarter, an estate."""
    own = rng.choice((rng.choice(_STREET_OWN), family_name(rng), rng.choice(_STREET_OWN)))
    kinds = ("Park", "Beach", "Lake", "Heights", "Gardens", "Hill", "Mall", "Square", "Bridge", "Village", "Estates")
    return f"{own} {rng.choice(kinds)}"


def zip_code(rng: Random) -> str:
    """A postal code of the US mostly, or of elsewhere."""
    return digits(
        rng,
        rng.choices(
            ("%####", "0####", "%####-####", "@#@ #@#", "@## #@@", "@@# #@@", "%###", "##-###", "#### @@", "%#####"),
            (50, 8, 10, 6, 4, 4, 5, 4, 4, 4),
        )[0],
    )


def street(rng: Random) -> str:
    """A street with its number, sometimes with a unit or a box of the post."""
    drawn = rng.random()
    if drawn < 0.07:
        return (
            f"{rng.choice(('P.O. Box', 'PO Box', 'P.O.Box', 'Post Office Box', 'Box', 'POB'))} {rng.randint(2, 9999)}"
        )
    if drawn < 0.72:
        line = _us_street(rng)
        return line + _unit(rng) if rng.random() < 0.25 else line
    return rng.choice(_STREETS)(rng)


def street_name(rng: Random) -> str:
    """A street without a number."""
    return f"{_own(rng)} {rng.choice(_STREET_KINDS[:28])}"


def _own(rng: Random) -> str:
    drawn = rng.random()
    if drawn < 0.45:
        return rng.choice(_STREET_OWN)
    if drawn < 0.75:
        return family_name(rng)
    if drawn < 0.85:
        return given_name(rng, rng.random() < 0.5)
    return _ordinal(rng.randint(1, 190))


def _ordinal(number: int) -> str:
    tail = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{tail}"


def _us_street(rng: Random) -> str:
    way = rng.choice(("", "", "", "", "N ", "S ", "E ", "W ", "North ", "West ", "NW ", "N. "))
    tail = rng.choice(("", "", "", "", "", "", " N", " SW", " East"))
    if rng.random() < 0.06:
        kind = rng.choice(("County Road", "Highway", "State Route", "Route", "FM"))
        return f"{rng.randint(1, 19999)} {kind} {rng.randint(2, 990)}"
    number = rng.choice(
        (str(rng.randint(1, 999)), str(rng.randint(100, 19999)), f"{rng.randint(1, 99)}{rng.choice('ABC')}")
    )
    return f"{number} {way}{_own(rng)} {rng.choice(_STREET_KINDS)}{tail}"


def _unit(rng: Random) -> str:
    unit = rng.choice((str(rng.randint(1, 40)), f"{rng.randint(1, 30)}{rng.choice('ABCDEF')}", rng.choice("ABCDEFGH")))
    return (
        rng.choice((", Apt ", " Apt ", ", Apt. ", " #", ", Suite ", ", Unit ", " Ste ", ", Floor ", ", Flat ")) + unit
    )


def _german(rng: Random) -> str:
    own = rng.choice(_GERMAN)
    kind = rng.choice(("straße", "str.", "strasse", "weg", "allee", "platz", "gasse"))
    return f"{own}{kind} {rng.randint(1, 180)}{rng.choice(('', '', 'a', 'b'))}"


def _french(rng: Random) -> str:
    kind = rng.choice(("rue", "rue", "avenue", "boulevard", "place", "chemin"))
    return f"{rng.randint(1, 220)}{rng.choice(('', ' bis', ','))} {kind} {rng.choice(_FRENCH)}"


def _spanish(rng: Random) -> str:
    kind, between = (
        rng.choice(("Calle", "C/", "Avenida", "Av.", "Plaza", "Paseo")),
        rng.choice((" ", ", ", " No. ", ", nº ")),
    )
    return f"{kind} {rng.choice(_SPANISH)}{between}{rng.randint(1, 300)}"


def _italian(rng: Random) -> str:
    kind, between = rng.choice(("Via", "Viale", "Piazza", "Corso")), rng.choice((" ", ", "))
    return f"{kind} {rng.choice(_ITALIAN)}{between}{rng.randint(1, 200)}"


def _portuguese(rng: Random) -> str:
    kind, before = rng.choice(("Rua", "Avenida", "Travessa", "R.")), rng.choice(("", "nº "))
    return f"{kind} {rng.choice(_PORTUGUESE)}, {before}{rng.randint(1, 3000)}"


def _nordic(rng: Random) -> str:
    kind = rng.choice(("gatan", "vägen", "gade", "vej", "gata", "veien", "katu", "tie"))
    return f"{rng.choice(_NORDIC)}{kind} {rng.randint(1, 120)}{rng.choice(('', ' A', ' B'))}"


def _dutch(rng: Random) -> str:
    kind = rng.choice(("straat", "laan", "weg", "gracht", "plein", "kade"))
    return f"{rng.choice(_DUTCH)}{kind} {rng.randint(1, 300)}{rng.choice(('', '-2', 'a'))}"


def _polish(rng: Random) -> str:
    return f"ul. {rng.choice(_POLISH)} {rng.randint(1, 99)}{rng.choice(('', f'/{rng.randint(1, 40)}'))}"


def _british(rng: Random) -> str:
    house = rng.choice(("", "", f"{_own(rng)} House, ", f"Flat {rng.randint(1, 30)}, ", "The Old Rectory, "))
    kinds = ("Road", "Street", "Lane", "Close", "Gardens", "Crescent", "Mews", "Grove", "Terrace", "Green", "Rise")
    return f"{house}{rng.randint(1, 250)} {_own(rng)} {rng.choice(kinds)}"


_STREETS = (_german, _french, _spanish, _italian, _portuguese, _nordic, _dutch, _polish, _british, _british)


def city_line(rng: Random) -> str:
    """Town, state and postal code."""
    comma = rng.choice((", ", ", ", " ", ","))
    where = rng.choice((state_code(rng), state_code(rng), state_code(rng), state(rng)))
    code = digits(rng, rng.choice(("%####", "%####", "%####-####")))
    return f"{city(rng)}{comma}{where}{rng.choice((' ', ' ', '  ', ', '))}{code}"


def street_city(rng: Random) -> str:
    """A street and its town: one address."""
    return f"{street(rng)}{rng.choice((', ', ', ', ', ', ' '))}{city(rng)}"


def address(rng: Random) -> list[str]:
    """The lines of an address, in the layout of one of many countries."""
    return rng.choices((_american, _british_lines, _continental, _canadian, _australian, _indian, _japanese, _latin),
                       (50, 9, 15, 6, 6, 6, 3, 5))[0](rng)  # fmt: skip


def address_line(rng: Random) -> str:
    """An address in one line."""
    return rng.choice((", ", ", ", ", ", " ", "; ")).join(address(rng))


def address_lines(rng: Random) -> str:
    """An address over several lines, one line rarely indented."""
    return rng.choice(("\n", "\n", "\n", "\n", ",\n", "\n  ", "  \n")).join(address(rng))


def _american(rng: Random) -> list[str]:
    lines = [street(rng) if rng.random() < 0.3 else _us_street(rng)]
    if rng.random() < 0.22:
        lines.append(_unit(rng).lstrip(", "))
    lines.append(city_line(rng))
    if rng.random() < 0.15:
        lines.append(rng.choice(("USA", "United States", "U.S.A.", "US", "UNITED STATES OF AMERICA")))
    return lines


def _british_lines(rng: Random) -> list[str]:
    lines = [_british(rng), city(rng)]
    if rng.random() < 0.4:
        lines.append(
            rng.choice(("Kent", "Surrey", "Devon", "West Yorkshire", "Lancashire", "Norfolk", "Co. Durham", "Essex"))
        )
    lines.append(digits(rng, rng.choice(("@@# #@@", "@@## #@@", "@# #@@", "@#@ #@@"))))
    return [*lines, rng.choice(("UK", "United Kingdom", "England", "GREAT BRITAIN"))] if rng.random() < 0.3 else lines


def _continental(rng: Random) -> list[str]:
    code = digits(
        rng, rng.choice(("%####", "%####", "D-%####", "%###", "%### @@", "##-###", "%## ##", "F-%####", "CH-%###"))
    )
    lines = [rng.choice(_STREETS[:-2])(rng), f"{code}  {city(rng)}" if rng.random() < 0.05 else f"{code} {city(rng)}"]
    return [*lines, rng.choice((country(rng), country(rng).upper()))] if rng.random() < 0.45 else lines


def _canadian(rng: Random) -> list[str]:
    province = rng.choice(("ON", "QC", "BC", "AB", "MB", "SK", "NS", "NB", "NL", "Ontario", "Québec"))
    lines = [
        _us_street(rng),
        f"{city(rng)}{rng.choice((', ', ' '))}{province} {digits(rng, rng.choice(('@#@ #@#', '@#@#@#')))}",
    ]
    return [*lines, rng.choice(("Canada", "CANADA"))] if rng.random() < 0.35 else lines


def _australian(rng: Random) -> list[str]:
    where = rng.choice(("NSW", "VIC", "QLD", "WA", "SA", "TAS", "ACT", "NT"))
    lines = [f"{rng.choice(('', f'Unit {rng.randint(1, 20)}/', f'{rng.randint(1, 9)}/'))}{_us_street(rng)}"]
    lines.append(f"{rng.choice((city(rng), city(rng).upper()))} {where} {digits(rng, '%###')}")
    return [*lines, rng.choice(("Australia", "AUSTRALIA"))] if rng.random() < 0.35 else lines


def _indian(rng: Random) -> list[str]:
    flat = rng.choice(
        (
            f"Flat No. {rng.randint(1, 900)}",
            f"H.No. {rng.randint(1, 99)}-{rng.randint(1, 200)}",
            f"Plot {rng.randint(1, 400)}",
        )
    )
    area = f"{rng.choice(('Sector', 'Phase', 'Block'))} {rng.randint(1, 60)}" if rng.random() < 0.5 else landmark(rng)
    pin = digits(rng, rng.choice(("%#####", "%## ###")))
    lines = [f"{flat}, {family_name(rng)} Nagar", area, f"{city(rng)}{rng.choice((' - ', ' ', '-'))}{pin}"]
    return [*lines, "India"] if rng.random() < 0.5 else lines


def _japanese(rng: Random) -> list[str]:
    wards = ("Shibuya-ku", "Minato-ku", "Kita-ku", "Naka-ku", "Chuo-ku", "Nishi-ku")
    return [f"{rng.randint(1, 9)}-{rng.randint(1, 40)}-{rng.randint(1, 20)} {family_name(rng)}cho", rng.choice(wards),
            f"{rng.choice(('Tokyo', 'Osaka', 'Kyoto', 'Sapporo'))} {digits(rng, '%##-####')}", "Japan"]  # fmt: skip


def _latin(rng: Random) -> list[str]:
    code = digits(rng, rng.choice(("%####", "#####-###", "%###", "C.P. %####")))
    place = f"{code} {city(rng)}" if rng.random() < 0.5 else f"{city(rng)}, {code}"
    lines = [rng.choice((_spanish, _portuguese))(rng), place]
    return [*lines, country(rng)] if rng.random() < 0.5 else lines
