"""Names of people for templates: frequent and rare ones of the packaged lists, of many languages, and invented ones."""

from dataclasses import dataclass
from functools import cache
from random import Random

from careloom.deid import name_lists as lists

INVENTED, RARE, LANGUAGES, WORDS = 0.10, 0.32, 0.14, 0.03
# Given and family names that belong together, as they are written with their marks; ours, by language.
_BY_LANGUAGE = {
    "german": (
        "Jürgen Käthe Jörg Bärbel Günther Anneliese Matthias Ulrike Sönke Gudrun Rüdiger Heike Torsten Mareike Björn",
        "Müller Schäfer Köhler Groß Weiß Böhm Jäger Krüger Lindemann Brückner Vogt Öztürk Strauß Hübner Zimmermann",
    ),
    "french": (
        "Élodie Françoise Jérôme Anaïs Benoît Geneviève Thérèse Loïc Maëlle Cédric Océane Jean-Luc Anne-Sophie Noël",
        "Lefèvre Béranger Garçon Moreau Delacroix Hébert Gagné Lévesque Côté Besançon Rousseau Châtelain Pelletier",
    ),
    "spanish": (
        "José María Ángel Inés Jesús Begoña Iñaki Rocío Óscar Lucía Ramón Concepción Martín Ximena Álvaro Nélida",
        "García Núñez Muñoz Hernández Peña Ibáñez Yáñez Vázquez Cortés Quiñones Rodríguez Ávila Zúñiga Bermúdez",
    ),
    "portuguese": (
        "João Conceição Luís Antónia Sebastião Fátima Inês Thaís Caíque Gonçalo Beatriz Zélia Estêvão Lourdes",
        "Gonçalves Simões Araújo Magalhães Conceição Falcão Assunção Brandão Negrão Queirós Antunes Figueiredo",
    ),
    "nordic": (
        "Søren Åse Bjørn Gøran Käre Øystein Märta Pålsson Sigríður Þór Håkon Linnéa Jyrki Päivi Väinö Guðrún Mikkel",
        "Ødegård Sjöberg Nyström Hämäläinen Jørgensen Ås Mäkinen Guðmundsdóttir Björnsson Østergaard Lindqvist",
    ),
    "slavic": (
        "Łukasz Małgorzata Zdeněk Jiří Željko Božena Stanisław Věra Ondřej Ljubica Bogdan Oksana Svitlana Yevhen",
        "Wójcik Dvořák Kovačević Łęcki Šimunić Nováková Černý Zieliński Petrović Shevchenko Ivanova Kowalczyk Žižka",
    ),
    "turkish": (
        "Gökhan Ayşe Çağla İbrahim Özlem Uğur Şule Emre Zeynep Hüseyin Tuğba Kerem",
        "Yılmaz Çelik Şahin Öztürk Aydın Gündoğan Koç Demirtaş Kılıç Erdoğdu",
    ),
    "arabic": (
        "Abdulrahman Fatimah Mohammed Khadija Yousef Aisha Omar Noor Hamza Layla Ziad Maryam Abdul-Karim Rania",
        "Al-Rashid El-Sayed Haddad bin-Saleh Khoury Al-Zahrani Mansour Abu-Bakr Nasser Farouk El-Amin Darwish",
    ),
    "south_asian": (
        "Priya Rajesh Lakshmi Arjun Sunita Vikram Ananya Suresh Harpreet Gurpreet Deepika Imran Saima Kavitha",
        "Patel Krishnamurthy Singh Iyer Chowdhury Banerjee Venkataraman Gupta Siddiqui Reddy Kaur Nair Rahman",
    ),
    "east_asian": (
        "Wei Xiaoming Mei-Ling Hiroshi Yuki Ji-woo Seung-Hyun Minh Thuy Haruka Jing Kenji Soo-Jin Linh Quang",
        "Li Wang Zhang Nguyen Tran Kim Park Tanaka Yamamoto Watanabe Xu Ng Ho Pham Choi Ouyang Saito Le Vu Oh",
    ),
    "african": (
        "Chinwe Kwame Amina Thabo Oluwaseun Wanjiru Nneka Sipho Abena Tendai Folake Kofi Zanele Adaeze Yusuf",
        "Okonkwo Mensah Ndlovu Adeyemi Mwangi Diallo Nkosi Abiodun Otieno Chukwu Traoré Dlamini Osei Kamau",
    ),
    "celtic": (
        "Siobhán Aoife Niamh Ciarán Seán Eilidh Rhys Oisín Caoimhe Gwenllian Ruairí Mairéad Fergus Angharad",
        "O'Connor McDonald O'Brien MacLeod Ó'Súilleabháin McGillicuddy FitzGerald O'Malley MacKenzie McCarthy D'Arcy",
    ),
    "hebrew": (
        "Avi Shira Moshe Rivka Yael Noam Tzipporah Eitan Chaim Devorah Shlomo Orly",
        "Ben-David Goldstein Katz Rosenthal Bar-On Shapiro Abramovich Kaplan Mizrahi Peretz",
    ),
    "pacific": (
        "Kahealani Tevita Leilani Sione Moana Keoni Malia Tama Aroha Kaimana Mere Hemi",
        "Kealoha Tuilagi Ngata Fonoti Kamehameha Taufa Parata Leavasa Mahuta Kahananui",
    ),
}
_SPOKEN = {kind: (given.split(), family.split()) for kind, (given, family) in _BY_LANGUAGE.items()}
# Names that are words: only what stands around them tells.
_WORD_GIVEN = (
    "May June April Summer Autumn Dawn Hope Faith Grace Joy Rose Lily Daisy Ivy Hazel Olive Violet Iris Heather Fern "
    "Ruby Pearl Amber Jade Crystal Ginger Sunny Star Sky Melody Harmony Patience Mercy Prudence Constance Honor "
    "Destiny Trinity Genesis Ray Will Mark Bill Rob Frank Art Rich Chase Hunter Gunner Ranger Stone Cliff Glen Dale "
    "Heath Forrest Reed Drew Grant Chip Skip Buck Buddy Major Duke Earl Prince King Angel Miles Jack Harry Pat Sue "
    "Carol Penny Sandy Misty Stormy Rocky Rusty Dusty Dusk Wren Robin Jay Martin Drake Colt Ace Blaze Ash River Lake"
).split()
_WORD_FAMILY = (
    "White Black Brown Green Gray Grey Young Long Short Small Little Strong Hardy Rich Moody Savage Wise Bright "
    "Sharp Swift Love Hope Joy Day Knight Winter Summers Snow Frost Rains Wind Storm Hail Fields Meadows Woods "
    "Forest Rivers Lake Pond Brooks Banks Bridges Hill Stone Rock Sands Marsh Bush Rose Flowers Lemon Berry Rice "
    "Salmon Pike Fish Crane Swan Drake Partridge Wolf Fox Lamb Bull Hogg Cook Baker Butcher Carpenter Mason Potter "
    "Weaver Taylor Tanner Skinner Shepherd Farmer Fisher Hunter Archer Bishop Pope Abbott Monk Parsons Church Temple "
    "Cross Bell Bass Horn Harper Singer Foote Hand Head Armstrong Cheek Beard Back Blood Bone Payne Akers Burns "
    "Cutter Doctor Nurse Ward Page Post Price Cash Gold Silver Steele Irons Case Chase Rush Walker Runner Speed "
    "Drinker Good Best Self Story Read Reading Major Marshall King Prince Duke Noble Power Law Justice Judge Early "
    "March May August Friday Monday Holiday Christmas Easter Weeks Mayo Graves Stamps Combs Gamble Outlaw England"
).split()
_NICK = (
    "Bobby Billy Jimmy Johnny Tommy Mikey Danny Eddie Freddie Archie Charlie Ollie Teddy Gus Hank Moe Vinnie Tony Sal "
    "Beth Liz Lizzie Betsy Meg Maggie Peggy Kate Katie Kitty Annie Nan Nellie Molly Polly Sally Trish Tish Cindy Mandy "
    "Jo Mo Bo Al Ed Ted Ned Ken Ron Don Len Vi Flo Bea Dot Lou Stu Gabe Zeke Abby Izzy Ziggy Sasha Misha Pepe Paco Lupe"
).split()
_PARTICLES = ("van", "van der", "de", "de la", "von", "del", "di", "da", "dos", "ter", "van den", "al", "bin", "St.")
_SUFFIXES = ("Jr.", "Jr", "Sr.", "II", "III", "IV", ", Jr.")
_STARTS = "b bl br c ch d dr f fl g gl gr h j k kh kl kr l m n p ph pr qu r s sh sk sl st str t th tr v w y z".split()
_MIDDLES = "a e i o u ai au ea ee ia ie io oa ou ae".split()
_ENDS = "n r l s m th nd ck x rt ll sh v t d b g lm rn".split()
_FAMILY_TAILS = (
    "son sen man ski ova ic ez wicz ley ton well ford by burg er stad ini etti oglu ian yan enko ides".split()
)
_GIVEN_TAILS = "a ie o us elle ina eth ar iel on ya is een is ah en".split()


@dataclass(frozen=True, slots=True)
class Person:
    """One person of a template: who is named twice keeps their name and gender."""

    given: str
    middle: str
    family: str
    female: bool


def person(rng: Random) -> Person:
    """A person with names that mostly belong to one language and gender."""
    female = rng.random() < 0.5
    if rng.random() < LANGUAGES:
        given, family = rng.choice(list(_SPOKEN.values()))
        return Person(rng.choice(given), rng.choice(given), _joined_family(rng, rng.choice(family)), female)
    first = given_name(rng, female)
    return Person(first, given_name(rng, female), _joined_family(rng, family_name(rng)), female)


def given_name(rng: Random, female: bool) -> str:
    """A given name: frequent, rare, a word or invented."""
    drawn = rng.random()
    if drawn < INVENTED:
        return invented(rng, _GIVEN_TAILS)
    if drawn < INVENTED + WORDS:
        return rng.choice(_WORD_GIVEN)
    if drawn < INVENTED + WORDS + RARE:
        return _titled(rng, rng.choice(_rare(lists.FEMALE if female else lists.MALE)))
    name = _frequent(rng, lists.pools()["female" if female else "male"])
    return name if rng.random() > 0.03 else f"{name}-{_frequent(rng, lists.pools()['female' if female else 'male'])}"


def family_name(rng: Random) -> str:
    """A family name: frequent, rare, a word or invented."""
    drawn = rng.random()
    if drawn < INVENTED:
        return invented(rng, _FAMILY_TAILS)
    if drawn < INVENTED + WORDS * 2:
        return rng.choice(_WORD_FAMILY)
    if drawn < INVENTED + WORDS * 2 + RARE:
        return _titled(rng, rng.choice(_rare(lists.FAMILY)))
    return _frequent(rng, lists.pools()["family"])


def full(rng: Random, who: Person) -> str:
    """Given and family name, sometimes with what stands between or behind."""
    drawn = rng.random()
    if drawn < 0.72:
        return f"{who.given} {who.family}"
    if drawn < 0.84:
        return f"{who.given} {who.middle[0]}{rng.choice(('.', '.', ''))} {who.family}"
    if drawn < 0.91:
        return f"{who.given} {who.middle} {who.family}"
    if drawn < 0.94:
        return f"{who.given[0]}. {who.middle} {who.family}"
    if drawn < 0.97:
        return with_suffix(rng, who)
    left, right = rng.choice(("“”", '""', "()", "''"))
    return f"{who.given} {left}{rng.choice(_NICK)}{right} {who.family}"


def with_suffix(rng: Random, who: Person) -> str:
    """A name with Jr., Sr. or a numeral, which belongs to it."""
    suffix = rng.choice(_SUFFIXES)
    return f"{who.given} {who.family}{'' if suffix[0] == ',' else ' '}{suffix}"


def last_first(rng: Random, who: Person) -> str:
    """The family name first, as lists and labels have it."""
    comma = rng.choice((", ", ", ", ", ", ","))
    tail = rng.choice(("", "", "", f" {who.middle[0]}", f" {who.middle[0]}.", f" {who.middle}"))
    return f"{who.family}{comma}{who.given}{tail}"


def initials(rng: Random, who: Person) -> str:
    """Two or three letters for a name."""
    letters = [who.given[0], who.family[0]] if rng.random() < 0.7 else [who.given[0], who.middle[0], who.family[0]]
    letters = [letter.upper() for letter in letters]
    return rng.choice(("".join(letters), ".".join(letters) + ".", ". ".join(letters) + "."))


def initial_family(rng: Random, who: Person) -> str:
    """A letter and the family name."""
    if rng.random() < 0.2:
        return f"{who.given[0]}.{who.middle[0]}. {who.family}"
    return f"{who.given[0]}{rng.choice(('.', '.', ''))} {who.family}"


def given_initial(rng: Random, who: Person) -> str:
    """The given name and a letter."""
    return f"{who.given} {who.family[0].upper()}{rng.choice(('.', ''))}"


def spaced(rng: Random, who: Person) -> str:
    """A name letter by letter, as it is spelt out."""
    gap = rng.choice((" ", "-", "."))
    return gap.join(rng.choice((who.family, who.given)).replace(" ", "").upper())


def broken(rng: Random, who: Person) -> str:
    """A name over the end of a line."""
    if rng.random() < 0.6 or len(who.family) < 6:
        return f"{who.given}\n{who.family}"
    cut = rng.randint(3, len(who.family) - 3)
    return f"{who.given} {who.family[:cut]}-\n{who.family[cut:]}"


def file_name(rng: Random, who: Person) -> str:
    """A name as a part of the name of a file."""
    glue = rng.choice(("_", "-", "", "."))
    parts = [who.family.replace(" ", glue), who.given.replace(" ", glue)]
    written = glue.join(parts if rng.random() < 0.6 else parts[::-1])
    return written.lower() if rng.random() < 0.4 else written


def nickname(rng: Random, who: Person) -> str:
    """A short name."""
    return rng.choice(_NICK) if rng.random() < 0.8 else who.given


def _joined_family(rng: Random, family: str) -> str:
    drawn = rng.random()
    if drawn < 0.05:
        return f"{family}-{family_name(rng)}"
    if drawn < 0.07:
        return f"{family} {family_name(rng)}"
    if drawn < 0.10:
        return f"{rng.choice(_PARTICLES)} {family}"
    return family


def _frequent(rng: Random, pool: tuple[str, ...]) -> str:
    """A name of a pool, the frequent ones more often."""
    return pool[int(len(pool) * rng.random() ** 1.6)]


@cache
def _rare(bit: int) -> tuple[str, ...]:
    """All names of a kind in Latin letters that are no word of the language."""
    return tuple(
        name
        for name, flags in lists.names().items()
        if flags & bit and not flags & lists.WORD and len(name) > 2 and name.isascii()
    )


def _titled(rng: Random, name: str) -> str:
    title = name.title().replace("'S", "'s")
    if name.startswith("mc") and len(name) > 4 and rng.random() < 0.8:
        return "Mc" + name[2:].title()
    return title


def invented(rng: Random, tails: list[str]) -> str:
    """A name that nobody has: syllables."""
    syllables = "".join(
        rng.choice(_STARTS) + rng.choice(_MIDDLES) + (rng.choice(_ENDS) if rng.random() < 0.45 else "")
        for _ in range(rng.choice((1, 1, 1, 2)))
    )
    return (syllables + rng.choice(tails)).capitalize()
