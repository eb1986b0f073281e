"""Words around names: what announces a person, what follows one, what shows that a name is part of a term.

sources  our own; the eponyms beyond those of the terminologies (tools/make_name_lists.py) as textbooks of examination,
         instruments and surgery name them
"""

import re
from functools import lru_cache

from careloom.deid import name_lists as lists

_CLINICIAN = (
    r"dr|drs|doctor|prof|professor|nurse|physician|attending|resident|surgeon|co-?surgeon"
    r"|assistant(?:\ssurgeon)?|anesthesiologist|anaesthetist|"
    r"provider|pcp|referring(?:\s(?:physician|provider|doctor))?|consultant|cardiologist|oncologist"
    r"|neurologist|radiologist|pathologist|"
    r"pediatrician|psychiatrist|therapist|dietitian|pharmacist|midwife|intern|fellow|hospitalist"
    r"|internist|dictated\sby|dictating|"
    r"signed(?:\selectronically)?\sby|electronically\ssigned(?:\sby)?|reviewed\sby|seen\sby"
    r"|performed\sby|read\sby|authenticated\sby|verified\sby|transcribed\sby|d/w|discussed\swith"
    r"|spoke\swith|speaking\swith|"
    r"ordered\sby|entered\sby|cosigned\sby|reported\sby|interpreted\sby|(?:evaluated|followed|treated"
    r"|managed|referred|assisted)\sby|cc|author|rn|np|pa|md"
)
_RELATIVE = (
    r"daughter|son|wife|husband|mother|father|mom|dad|mum|sister|brother|partner|spouse|aunt|uncle"
    r"|niece|nephew|cousin|"
    r"grand(?:son|daughter|mother|father|ma|pa|child)|friend|fianc[eé]e?|girlfriend|boyfriend"
    r"|neighbou?r|guardian|caregiver|carer|roommate|"
    r"stepfather|stepmother|baby|twin|child|next\sof\skin|emergency\scontact|contact|proxy|poa|hcp"
    r"|children|sons|daughters|kids"
)
_PERSON = (
    r"mr|mrs|ms|miss|mx|sir|madam|master|rev|reverend|father|sister|capt|captain|sgt|lt|col|judge|hon"
    r"|señora?|sra?|herr|frau|mme|mlle|monsieur|madame|"
    r"dear|hello|hi|regards|sincerely|thanks|yours(?:\s(?:truly|sincerely))?|name(?:\sis)?|named"
    r"|called|patient(?:'s)?(?:\sname)?|pt|client|member|insured|subscriber|"
    r"(?:first|last|given|family|full|maiden|middle|preferred)\snames?(?:\sis)?|surname|alias|aka"
    r"|a\.k\.a\.?|née?|nee|i\sam|i'm|this\sis|by|from|attn|attention|witness(?:ed\sby)?|re|subject"
    r"|owner|"
    r"signature|signed|initials|interpreter|social\sworker|case\smanager|chaplain|coach|teacher"
    r"|officer|mr\sand\smrs|mr\.\sand\smrs"
)
CLINICIAN_BEFORE, RELATIVE_BEFORE = (
    re.compile(rf"^(?:{_CLINICIAN})$", re.IGNORECASE),
    re.compile(rf"^(?:{_RELATIVE})$", re.IGNORECASE),
)
TITLE = (
    r"(?:dr|drs|doctor|prof|professor|mr|mrs|ms|miss|mx|nurse|rev|señora?|sra?|herr|frau|mme|mlle|capt"
    r"|captain|sgt)"
)
BEFORE = re.compile(
    rf"(?<![A-Za-z])(?P<word>{_CLINICIAN}|{_RELATIVE}|{_PERSON})(?P<mark>\.?[:,]?\s{{1,3}}"
    rf"|\s?[:#]\s{{0,8}}|\.|\s?\(|,?\s\"|\sis\s|,?\s(?:is\s)?(?:named|called)\s)$",
    re.IGNORECASE,
)
# The last run of letters, in lower case, of all that BEFORE may end with; accented letters end a run.
LAST_BEFORE = frozenset(
    """dr drs doctor prof professor nurse physician attending resident surgeon cosurgeon assistant anesthesiologist
    anaesthetist provider pcp referring consultant cardiologist oncologist neurologist radiologist pathologist
    pediatrician psychiatrist therapist dietitian pharmacist midwife intern fellow hospitalist internist by dictating
    w with cc author rn np pa md daughter son wife husband mother father mom dad mum sister brother partner spouse aunt
    uncle niece nephew cousin grandson granddaughter grandmother grandfather grandma grandpa grandchild friend fiance
    fiancee e girlfriend boyfriend neighbor neighbour guardian caregiver carer roommate stepfather stepmother baby twin
    child kin contact proxy poa hcp children sons daughters kids mr mrs ms miss mx sir madam master rev reverend capt
    captain sgt lt col judge hon or ora sr sra herr frau mme mlle monsieur madame dear hello hi regards sincerely
    thanks yours truly name names named is called patient s pt client member insured subscriber surname alias aka a
    nee am m from attn attention witness re subject owner signature signed initials interpreter worker manager chaplain
    coach teacher officer""".split()
)
# Announce a person only with a colon or a word for naming: alone they stand before anything.
NEEDS_COLON = frozenset(
    "by from re subject baby child twin children assistant attending resident author contact cc md pa np "
    "rn intern fellow name names patient pt "
    "client member insured signed father mother sister provider physician surgeon proxy master".split()
)
ANNOUNCERS = frozenset(
    "dr drs doctor prof professor mr mrs ms miss mx nurse rev father mother sister brother dear hello hi "
    "hey thanks regards sincerely "
    "daughter son wife husband mom dad mum partner spouse aunt uncle niece nephew cousin friend patient "
    "pt name physician attending "
    "surgeon provider pcp consultant resident cc attn re by from signed capt captain sgt lt col judge "
    "herr frau mme sra sr".split()
)
TITLES = re.compile(rf"^{TITLE}$", re.IGNORECASE)
CREDENTIAL = re.compile(
    r",?\s{0,2}\(?(?:M\.?D\.?|D\.?O\.?|R\.?N\.?|N\.?P\.?|P\.?A\.?(?:-C)?|Ph\.?\s?D\.?|Pharm\.?\s?D\.?"
    r"|D\.?D\.?S\.?|D\.?P\.?M\.?|F\.?A\.?C\.?[SCP]\.?|MBBS|MSN|BSN|APRN|ARNP|CNP|FNP(?:-C)?|CRNA|CNM"
    r"|LPN|CNA|DPT|PT|OT|SLP|LCSW|MSW|LMFT|PsyD|Esq|Jr|Sr|III|PGY-?\d)(?![A-Za-z])"
)
# What is told of people and not of drugs, wounds or devices.
DOES_AS_PEOPLE_DO = re.compile(
    r"(?:'s\s(?:mood|mother|father|wife|husband|son|daughter|family|parents?|history|condition|care"
    r"|records?|chart|insurance|appointment|office)"
    r"|\s(?:was|were|has\sbeen|is\sbeing)\s(?:last\s)?(?:seen|reassured|told|accompanied|counsel+ed"
    r"|advised|admitted|transferred|brought|asked|educated|born|raised)"
    r"|\s(?:is|was)\s(?:a|an)\s\d{1,3}[- ](?:year|month|week|day)|\s(?:is|was)\swell[- ]known|,\s(?:a"
    r"|an)\s\d{1,3}[- ]year"
    r"|\s(?:denie[sd]|states|stated|complain(?:s|ed)|sleeps|lives|agreed|agrees|feels|says|said"
    r"|believes|thinks|wants|smokes|drinks|works|walks|eats|tolerated\sthe)\b)"
)
EPONYM_NOUNS = frozenset(
    """disease diseases syndrome syndromes sign signs catheter test tests score scale scales criteria criterion
    classification class stage staging grade grading index reflex reflexes maneuver manoeuvre procedure
    operation repair incision position fracture palsy chorea dementia lymphoma sarcoma tumor tumour contracture
    hernia ulcer ulcers esophagus anemia ataxia dystrophy atrophy tremor thyroiditis encephalopathy nephropathy
    cyst cysts drain drains tube tubes clamp clamps forceps retractor retractors scissors suture sutures knife
    blade blades needle needles speculum stain staining medium method technique formula equation law node nodes
    nodule nodules gland glands canal duct ligament fascia space pouch triangle line lines ring rings valve
    valves bodies body cells cell space tunnel approach flap graft graft stent wire pin pins rod rods screw
    screws plate plates splint brace collar bandage dressing solution lactate monitor recording murmur breathing
    respiration respirations pulse nystagmus phenomenon effect lesion lesions deformity angle ratio exponent
    scan study studies inventory questionnaire assessment scores assessments exam examination coma trial virus
    bacillus bacterium neuropathy neuroma granulomatosis arteritis vasculitis purpura dysplasia metaplasia
    anomaly malformation defect shunt bypass arch artery vein vessels nerve muscle tendon spots spot lines plane
    area areas island islets process bag filter pump mask cannula trocar port stockings hose boot shoe walker
    bag ambu circuit laryngoscope endoscope""".split()
)
EPONYMS = frozenset(
    """foley apgar glasgow babinski romberg murphy mcburney hickman swan ganz doppler holter gram giemsa pap valsalva
    kerlix kelly kocher allis babcock metzenbaum mayo bovie balfour richardson deaver weitlaner adson debakey
    penrose jackson pratt hemovac blake malecot yankauer macintosh miller cobb gigli bookwalter army navy senn
    gelpi frazier kerrison lachman mcmurray drawer apley tinel phalen finkelstein hawkins neer spurling
    trendelenburg homans hoffmann hoffman kernig brudzinski chvostek trousseau cheyne stokes kussmaul biot osler
    janeway roth heberden bouchard virchow rinne weber snellen ishihara amsler denver tanner ballard braden
    morse norton framingham wells ranson gleason clark breslow ann arbor binet rai dukes duke bethesda child
    pugh karnofsky ecog mallampati schatzker garden salter harris weber danis nyha killip framingham cha
    duchenne becker parkinson alzheimer crohn hodgkin addison cushing graves hashimoto raynaud sjogren wegener
    kawasaki lyme lewy down turner klinefelter marfan ehlers danlos tourette huntington wilson paget barrett
    meniere bell guillain barre charcot marie tooth baker ringer ringers hartmann starling frank lisfranc colles
    smith bankart hill sachs cullen grey gray turner fox campbell bartholin skene cowper fallopian mullerian
    gartner wharton stensen whitnall tenon kaposi ewing burkitt wilms merkel langerhans purkinje his kupffer
    peyer meckel hirschsprung eustachian eustachius steri strip ace bair hugger veress hasson pfannenstiel lanz
    kustner joel cohen mcdonald shirodkar burch marshall marchetti krantz lefort manchester bier ponseti
    ilizarov kirschner steinmann ender rush austin moore charnley zimmer stryker synthes depuy medtronic abbott
    beck hamilton vicryl prolene monocryl ethibond nylon maxon dexon marcaine lidocaine betadine hibiclens
    surgicel gelfoam avitene seprafilm epworth berlin stop bang mini folstein montreal beck zung edinburgh
    barthel katz lawton tinetti berg rankin hunt hess fisher bishop leopold naegele mcroberts rubin wood
    zavanelli kegel kleihauer betke coombs rorschach wechsler stanford binet bayley ages""".split()
)
# Labels, units and short words of charts that happen to be somebody's name somewhere.
NO_NAMES = frozenset(
    """temp comp chol na sig resp min max neg pos hem heme derm neuro cardio gastro psych endo rheum ortho abd ext exp
    gen vit cor res cap caps tab tabs inj amb lo hi mi ca mg dl ml kg cm mm hr sec wk mo yr rad onc med meds
    surg peds ob gyn ent icu ed er or pcp he she his her him they we you it its in on at an the to of no so do
    as is was and but if my me our us up out off all any not left right mid non pre post low high old new well
    day night week month year today note exam plan page date time unit room monday tuesday wednesday thursday
    friday saturday sunday january february march july september october november december jan feb mar apr jun
    jul aug sep sept oct nov dec mon tue tues wed thu thurs fri sat sun am pm est pst record checklist mrn dob
    ssn npi dea ssn acct fax tel phone ext hpi poa dnr vin ros hpi pmh psh assessment subjective objective
    impression tesla lap contin kool aid ortolani barlow ace tia cva lor gurney bot capitalized cracker spanish
    english french german latin arabic jewish christian catholic muslim hindu asian african american european
    hispanic caucasian""".split()
)
CREDENTIALS = frozenset(
    "MD DO RN NP PA MBBS BSN MSN DPM DDS CNA LPN CRNA APRN FNP CNM DPT PT OT SLP LCSW MSW JR SR II III IV".split()
)
NO_NAME_AFTER_TITLE = frozenset(
    "is was has had will and or the who in on at to of for with he she they also then recommended notes "
    "said states discussed".split()
)


_MONTHS_AND_NAMES = frozenset("april june august may jan mar apr jun jul aug sep dec sun".split())


def flags_of(word: str) -> int:
    """What a word may be, by the lists and the words above; the parts of a double name count together."""
    return _flags_of_word(word) if len(word) <= lists.LONGEST_CACHED else _flags_of(word)


def _flags_of(word: str) -> int:
    names = lists.names()
    plain = lists.folded(word).removesuffix("'s")
    if plain in NO_NAMES:
        return lists.WORD
    flags = names.get(plain, 0)
    if not flags and ("-" in plain or "'" in plain):
        parts = [names.get(part, 0) for part in re.split("[-']", plain) if len(part) > 1]
        if parts and all(part & lists.PERSON for part in parts):
            for part in parts:
                flags |= part
            if any(not part & (lists.WORD | lists.EPONYM) for part in parts):
                flags &= ~(lists.WORD | lists.EPONYM)
    if plain in EPONYMS:
        flags |= lists.EPONYM
    if plain in _MONTHS_AND_NAMES:
        flags |= lists.WORD
    return flags


_flags_of_word = lru_cache(65_536)(_flags_of)
