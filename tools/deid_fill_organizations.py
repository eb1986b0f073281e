"""Organizations for templates: companies with and without a legal form, hospitals, schools, churches, teams."""

from random import Random

from tools.deid_fill_names import family_name, given_name, invented
from tools.deid_fill_places import city, digits

_FIRST = (
    "Bright North Clear Silver Blue Red Green Stone Iron River Harbor Summit Peak Sun Moon Star Cloud Quick "
    "Swift True Wild Grand First Next Prime Vital Care Life Well Med Nova Terra Aqua Sky Data Net Cyber Micro "
    "Macro Omni Pan Trans Inter Uni Global Metro Alpha Delta Apex Vertex Core Edge Fusion Quantum Copper "
    "Golden Maple Oak Cedar Lake Bay Fire"
).split()
_SECOND = (
    "water beam stone field gate point bridge light wave line works path side view port mark scape ware soft tech com "
    "logic sys dyne gen max trust source link spring crest ridge wood land house brook way span forge nest loop pixel"
).split()
_LEGAL = (
    "Inc.|Inc|LLC|Ltd.|Ltd|Limited|Corp.|Corporation|GmbH|AG|PLC|plc|S.A.|SARL|Co.|& Co.|Pty Ltd|B.V.|AB|Oy|"
    "S.p.A.|Kft.|LLP|Pvt. Ltd."
).split("|")
_TRADES = (
    "Foods Logistics Motors Airlines Airways Records Pictures Studios Media Press Energy Oil Steel Chemicals Textiles "
    "Bakery Brewing Plumbing Roofing Electric Construction Builders Realty Properties Capital Investments Partners "
    "Consulting Software Systems Solutions Analytics Robotics Semiconductor Telecom Wireless Networks Hardware Tools "
    "Furniture Outfitters Apparel Jewelers Auto Garage Trucking Freight Shipping Travel Hotels Resorts Catering Cafe "
    "Coffee Farms Dairy Orchards Seeds Landscaping Security Staffing Insurance Mutual Pharmaceuticals Biotech Labs "
    "Dental Optical Fitness Games Toys Books Publishing Broadcasting Entertainment Supermarkets Markets Group Holdings"
).split()
# Well-known ones, as people write about them.
_KNOWN = (
    "Microsoft|Google|Apple|Amazon|Facebook|Netflix|IBM|Intel|Oracle|Siemens|Toyota|Honda|Ford|Volkswagen|"
    "Nestlé|Unilever|Sony|Samsung|Nokia|Ericsson|Boeing|Airbus|Shell|BP|Walmart|Costco|Target|Starbucks|"
    "McDonald's|Nike|Adidas|IKEA|Lego|Disney|Warner Bros.|Universal|Paramount|Spotify|YouTube|Twitter|Uber|"
    "Airbnb|FedEx|UPS|DHL|Delta|Lufthansa|Ryanair|Hilton|Marriott|PayPal|Citibank|HSBC|Barclays|Wells Fargo|"
    "Chase|Bank of America|Santander|ING|UBS|Deutsche Bank|Goldman Sachs|JPMorgan|BBC|CNN|NBC|"
    "The New York Times|The Guardian|Reuters|NASA|UNESCO|UNICEF|WHO|NATO|the European Union|the United Nations|"
    "Red Cross|Greenpeace|Harvard|Yale|MIT|Oxford University|Stanford|Pfizer|Novartis|Roche|Merck|Bayer|"
    "Johnson & Johnson|CVS|Walgreens|Rite Aid|Kaiser Permanente|Aetna|Cigna|Humana|Blue Cross Blue Shield|"
    "UnitedHealthcare|Liverpool FC|Real Madrid|Boston Red Sox|LA Lakers|Chicago Bulls|FC Porto"
).split("|")
_SAINTS = (
    "St. Mary's|St. Luke's|Saint Joseph|St. Anne's|Sacred Heart|St. Vincent|Mercy|Good Samaritan|"
    "St Elizabeth's|Our Lady of Lourdes|Mount Sinai|Bethesda|Providence|Trinity|St. Jude"
).split("|")


def org(rng: Random) -> str:
    """Any organization, mostly a company without a legal form."""
    makers = (brand, brand, company, _family_firm, _known, _known, _acronym, _trade, _trade, employer, agency)
    return rng.choice(makers)(rng)


def brand(rng: Random) -> str:
    """One made-up word, or two."""
    drawn = rng.random()
    if drawn < 0.5:
        return rng.choice(_FIRST) + rng.choice(_SECOND)
    if drawn < 0.65:
        return rng.choice(_FIRST) + rng.choice(_SECOND).capitalize()
    if drawn < 0.8:
        return invented(rng, ["o", "ix", "ia", "ent", "ara", "eo", "us", "ify", "ly", "ex", "on"])
    return f"{rng.choice(_FIRST)} {rng.choice(_SECOND).capitalize()}"


def company(rng: Random) -> str:
    """A firm with its legal form."""
    own = rng.choice((brand, _family_firm, _trade))(rng)
    return f"{own}{rng.choice((' ', ' ', ', '))}{rng.choice(_LEGAL)}"


def _family_firm(rng: Random) -> str:
    first, second = family_name(rng), family_name(rng)
    return rng.choice(
        (
            f"{first} & Sons",
            f"{first} and {second}",
            f"{first}, {second} and {family_name(rng)}",
            f"{first} Group",
            f"{first}-{second}",
            f"{first} & {second}",
            f"{first} Brothers",
        )
    )


def _known(rng: Random) -> str:
    return rng.choice(_KNOWN).removeprefix("the ")


def _acronym(rng: Random) -> str:
    return digits(rng, rng.choice(("@@@", "@@@", "@@@@", "@&@")))


def _trade(rng: Random) -> str:
    own = rng.choice((brand(rng), family_name(rng), city(rng), rng.choice(_FIRST)))
    return f"{own} {rng.choice(_TRADES)}"


def employer(rng: Random) -> str:
    """Where somebody works: a plant, a shop, an office."""
    own = rng.choice((family_name(rng), city(rng), brand(rng)))
    kinds = (
        "Cannery",
        "Foundry",
        "Paper Mill",
        "Diner",
        "Library",
        "Fire Department",
        "Post Office",
        "Public Schools",
        "Police Department",
        "Nursery",
        "Bakery",
        "Warehouse",
        "Transit Authority",
        "Shipyard",
        "Sawmill",
    )
    return f"{own} {rng.choice(kinds)}"


def hospital(rng: Random) -> str:
    """A hospital or medical center."""
    own = rng.choice(
        (city(rng), family_name(rng), rng.choice(_SAINTS), f"{city(rng)} {rng.choice(('General', 'Memorial'))}")
    )
    kinds = (
        "Hospital",
        "Hospital",
        "Medical Center",
        "General Hospital",
        "Memorial Hospital",
        "Regional Medical Center",
        "Children's Hospital",
        "Community Hospital",
        "Infirmary",
        "University Hospital",
        "Health System",
        "Health",
        "Veterans Affairs Medical Center",
        "Rehabilitation Hospital",
        "Med Ctr",
        "Hosp",
    )
    if rng.random() < 0.12:
        return rng.choice(
            (own, f"the {own}".removeprefix("the "), f"Hôpital {family_name(rng)}", f"Klinikum {city(rng)}")
        )
    return f"{own} {rng.choice(kinds)}"


def clinic(rng: Random) -> str:
    """A practice, a nursing home, a hospice, a dialysis center, a pharmacy or a laboratory."""
    own = rng.choice((city(rng), family_name(rng), brand(rng), rng.choice(_SAINTS)))
    kinds = (
        "Clinic",
        "Family Medicine",
        "Medical Group",
        "Pediatrics",
        "Cardiology Associates",
        "Dental",
        "Urgent Care",
        "Nursing Home",
        "Hospice",
        "Dialysis Center",
        "Pharmacy",
        "Laboratories",
        "Imaging",
        "Surgery Center",
        "Home Health",
        "Physical Therapy",
        "Orthopaedics",
        "Eye Care",
        "Surgery",
        "Health Centre",
        "Manor",
        "Rehab",
        "Assisted Living",
        "Women's Health",
        "Behavioral Health",
        "Medical Practice",
    )
    return f"{own} {rng.choice(kinds)}"


def school(rng: Random) -> str:
    """A school, a college or a university."""
    own = rng.choice(
        (city(rng), family_name(rng), f"{given_name(rng, female=True)} {family_name(rng)}", rng.choice(_SAINTS))
    )
    kinds = (
        "High School",
        "Elementary School",
        "Middle School",
        "Academy",
        "College",
        "University",
        "Primary School",
        "Community College",
        "Preschool",
        "Elementary",
        "High",
        "School of Nursing",
        "State University",
        "Daycare",
    )
    return f"University of {city(rng)}" if rng.random() < 0.1 else f"{own} {rng.choice(kinds)}"


def church(rng: Random) -> str:
    """A congregation."""
    first = rng.choice(
        (rng.choice(_SAINTS), f"First {rng.choice(('Baptist', 'Methodist', 'Lutheran'))}", city(rng), "Grace")
    )
    kinds = ("Church", "Parish", "Chapel", "Lutheran Church", "Baptist Church", "Cathedral", "Fellowship")
    other = (
        "Temple Beth Shalom",
        f"Masjid {given_name(rng, female=False)}",
        f"{city(rng)} Mosque",
        f"Congregation {family_name(rng)}",
    )
    return rng.choice(other) if rng.random() < 0.2 else f"{first} {rng.choice(kinds)}"


def bank(rng: Random) -> str:
    """A bank or credit union."""
    own = rng.choice((city(rng), brand(rng), family_name(rng), "First National"))
    kinds = ("Bank", "Credit Union", "Savings Bank", "Trust", "Federal Credit Union", "Building Society", "Financial")
    return rng.choice(_KNOWN[50:62]) if rng.random() < 0.2 else f"{own} {rng.choice(kinds)}"


def insurer(rng: Random) -> str:
    """A company that insures."""
    own = rng.choice((brand(rng), city(rng), family_name(rng)))
    kinds = ("Health Plan", "Insurance", "Mutual", "Health", "Assurance", "Life", "HMO", "Health Insurance Company")
    known = ("Aetna", "Cigna", "Humana", "Kaiser", "BCBS", "UnitedHealthcare", "Blue Shield", "Tricare", "Anthem")
    return rng.choice(known) if rng.random() < 0.3 else f"{own} {rng.choice(kinds)}"


def agency(rng: Random) -> str:
    """An office, a charity or an association."""
    place = city(rng)
    return rng.choice(
        (
            f"{place} Housing Authority",
            f"{place} Department of Health",
            f"{place} Food Bank",
            f"{place} Shelter",
            f"{family_name(rng)} Foundation",
            f"{place} Historical Society",
            f"{brand(rng)} Alliance",
            f"{place} Chamber of Commerce",
            f"{family_name(rng)} Institute",
            f"{place} Rotary Club",
        )
    )


def team(rng: Random) -> str:
    """A team of a sport, or a band."""
    nicknames = (
        "Tigers Eagles Rovers United Wanderers Hawks Bears Rangers Athletic Lions Sharks City Wolves Comets".split()
    )
    return (
        f"{city(rng)} {rng.choice(nicknames)}"
        if rng.random() < 0.8
        else f"The {rng.choice(_FIRST)} {rng.choice(nicknames)}"
    )
