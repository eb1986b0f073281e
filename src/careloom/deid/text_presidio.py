"""Recognizers of Presidio as a detector: its patterns, check digits and context words; no model, no network.

Off unless the settings name it. Presidio's own engine downloads a language model when it is made, and fetches a list of
public suffixes when it sees a mail address. Here a pattern splits words in place of a model, the list is the one that
tldextract ships, and recognizers that need a model or a service are refused.

source  presidio-analyzer 2.2.362 and 2.2.366 (MIT): pattern_recognizer.py, analyzer_engine.py,
        lemma_context_aware_enhancer.py
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from types import MappingProxyType
from typing import Any

from careloom.deid.text_detectors import Team
from careloom.deid.text_foreign import STAYS, Meaning, found_as
from careloom.deid.text_known import Known
from careloom.deid.text_spans import (
    ACCOUNT,
    AGE_OVER_89,
    DATE,
    EMAIL,
    HEALTH_PLAN,
    IP,
    LICENSE,
    LOCATION,
    MRN,
    NAME,
    ORGANIZATION,
    OTHER_ID,
    PHONE,
    SSN,
    URL,
    VEHICLE,
    Found,
)  # fmt: skip
from careloom.errors import SetupError, StateError
from careloom.settings import Deidentify
from careloom.text.note import Span

WHERE = "recognizers of Presidio"
RECOGNIZERS = (
    "CreditCardRecognizer", "CryptoRecognizer", "DateRecognizer", "EmailRecognizer", "IbanRecognizer", "IpRecognizer",
    "MacAddressRecognizer", "MedicalLicenseRecognizer", "PhoneRecognizer", "UrlRecognizer", "UsBankRecognizer",
    "UsItinRecognizer", "UsLicenseRecognizer", "UsMbiRecognizer", "UsNpiRecognizer", "UsPassportRecognizer",
    "UsSsnRecognizer",
)  # fmt: skip
"""Those that run where the settings name none: of no country, and of the United States, that 2.2.362 has."""
_BY_NUMBER_PLAN = ("PhoneRecognizer", "ZaMobileNumberRecognizer", "ZaTelephoneNumberRecognizer")
"""No patterns, but the plans of telephone numbers that phonenumbers ships."""

_BY_MEANING: Mapping[Meaning, str] = {
    Meaning(ACCOUNT): "ABA_ROUTING_NUMBER CREDIT_CARD CRYPTO IBAN_CODE US_BANK_NUMBER",
    Meaning(AGE_OVER_89): "AGE",
    Meaning(DATE): "DATE_TIME",
    Meaning(EMAIL): "EMAIL_ADDRESS",
    Meaning(HEALTH_PLAN): "AU_MEDICARE DE_HEALTH_INSURANCE UK_NHS US_HEALTH_INSURANCE_MEMBER_ID US_MBI",
    Meaning(IP): "IP_ADDRESS",
    Meaning(IP, "mac"): "MAC_ADDRESS",
    Meaning(LICENSE): "DE_FUEHRERSCHEIN DE_LANR DE_PASSPORT ES_PASSPORT IN_PASSPORT IT_DRIVER_LICENSE IT_PASSPORT "
    "KR_DRIVER_LICENSE KR_PASSPORT PH_PASSPORT UK_DRIVING_LICENCE UK_PASSPORT US_DRIVER_LICENSE US_PASSPORT "
    "ZA_DRIVER_LICENSE ZA_PASSPORT",
    Meaning(LICENSE, "dea"): "MEDICAL_LICENSE",
    Meaning(LICENSE, "npi"): "US_NPI",
    Meaning(LOCATION): "LOCATION",
    Meaning(LOCATION, "zip"): "CA_POSTAL_CODE DE_PLZ UK_POSTCODE",
    Meaning(MRN): "MEDICAL_RECORD_NUMBER",
    Meaning(NAME): "PERSON",
    Meaning(ORGANIZATION): "ORGANIZATION",
    Meaning(PHONE): "PHONE_NUMBER ZA_MOBILE_NUMBER ZA_TELEPHONE_NUMBER",
    Meaning(SSN): "US_SSN",
    Meaning(URL): "URL",
    Meaning(VEHICLE): "DE_KFZ IN_VEHICLE_REGISTRATION NG_VEHICLE_REGISTRATION TR_LICENSE_PLATE "
    "UK_VEHICLE_REGISTRATION ZA_LICENSE_PLATE",
    STAYS: "NRP",
    Meaning(OTHER_ID): "AU_ABN AU_ACN AU_TFN CA_SIN DE_BSNR DE_HANDELSREGISTER DE_ID_CARD DE_SOCIAL_SECURITY DE_TAX_ID "
    "DE_TAX_NUMBER DE_VAT_ID ES_NIE ES_NIF FI_PERSONAL_IDENTITY_CODE ID IN_AADHAAR IN_GSTIN IN_PAN IN_VOTER "
    "IT_FISCAL_CODE IT_IDENTITY_CARD IT_VAT_CODE KR_BRN KR_FRN KR_RRN NG_NIN PH_TIN PH_UMID PL_PESEL "
    "SE_ORGANISATIONSNUMMER SE_PERSONNUMMER SG_NRIC_FIN SG_UEN TH_TNIN TR_NATIONAL_ID UK_NINO US_CLAIM_NUMBER US_ITIN "
    "US_PRESCRIPTION_NUMBER US_PRIOR_AUTHORIZATION_NUMBER US_PROVIDER_TAX_ID US_REFERRAL_NUMBER UUID "
    "ZA_COMPANY_REGISTRATION ZA_ID_NUMBER ZA_INCOME_TAX_NUMBER ZA_TRAFFIC_REGISTER_NUMBER ZA_VAT_NUMBER",
}
ENTITIES: Mapping[str, Meaning] = MappingProxyType(
    {entity: meaning for meaning, entities in _BY_MEANING.items() for entity in entities.split()}
)
"""Entity of Presidio -> ours; one that is not here is OTHER_ID. Passports stand with licences, as in what the record
knows; numbers of taxes, social insurance abroad and of national registers are any other unique number. NRP
(nationality, religion, politics) is none of the 18 identifiers."""

_WORD = re.compile(r"\w+|[^\w\s]")


class PresidioDetector:
    """Runs recognizers over a text, with the scores that they and the words around give.

    recognizers  objects of Presidio's `PatternRecognizer`, those of number plans too; of any language
    raises       SetupError if one of them is of another kind
    """

    name = "presidio"

    def __init__(self, recognizers: Iterable[Any]) -> None:
        self._engines = _engines(list(recognizers))

    def find(self, text: str, known: Known) -> Sequence[Found]:
        """All that the recognizers find; `known` is not used.

        raises  StateError if a pattern takes so long that Presidio would go on without it
        """
        found = [
            found_as(
                text, Span(one.start, one.end), ENTITIES.get(one.entity_type, Meaning(OTHER_ID)), self.name, one.score
            )
            for one in self._results(text)
        ]
        return [one for one in found if one is not None]

    def _results(self, text: str) -> Iterator[Any]:
        for language, engine in self._engines.items():
            try:
                yield from engine.analyze(text=text, language=language)
            except ValueError:  # its message would tell the word that it looked for
                raise StateError(
                    f"{WHERE}: a place that was found is none of the text",
                    "Tell the authors of Presidio; leave it out.",
                ) from None


def team(settings: Deidentify) -> Team:
    """The recognizers that the settings name.

    raises  SetupError if presidio-analyzer is not installed, or a name is none of a recognizer that may run here
    """
    try:
        import presidio_analyzer.predefined_recognizers as predefined  # noqa: PLC0415 - three seconds, and an extra
    except ModuleNotFoundError as error:
        raise SetupError(
            f"{WHERE}: the package {error.name} is not installed",
            "Install the extra: pip install 'careloom[presidio]'.",
        ) from None
    names = settings.presidio_recognizers or RECOGNIZERS
    kinds = [getattr(predefined, name, None) for name in names]
    for name, kind in zip(names, kinds, strict=True):
        if not isinstance(kind, type) or not _may_run(kind):
            raise SetupError(
                f"settings: deidentify.presidio_recognizers: {name} is no recognizer that runs here",
                "Name classes of presidio_analyzer.predefined_recognizers that need no model and no service.",
            )
    version = metadata.version("presidio-analyzer")
    return Team(PresidioDetector.name, version, (PresidioDetector(kind() for kind in kinds if kind is not None),))


def _may_run(kind: type) -> bool:
    from presidio_analyzer import PatternRecognizer  # noqa: PLC0415

    return issubclass(kind, PatternRecognizer) or kind.__name__ in _BY_NUMBER_PLAN


def _engines(recognizers: list[Any]) -> dict[str, Any]:
    """Language -> what runs its recognizers."""
    import tldextract  # noqa: PLC0415
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry  # noqa: PLC0415

    if not recognizers or not all(_may_run(type(one)) for one in recognizers):
        raise SetupError(f"{WHERE}: one needs a model or a service, or none is given", "Give pattern recognizers only.")
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=())
    _quiet()
    engines = {}
    for language in sorted({one.supported_language for one in recognizers}):
        own = [one for one in recognizers if one.supported_language == language]
        registry = RecognizerRegistry(recognizers=own, supported_languages=[language])
        engines[language] = AnalyzerEngine(registry=registry, nlp_engine=_words(), supported_languages=[language])
    return engines


def _words() -> Any:
    """What Presidio asks for words: those of a pattern, so that context words count without a model."""
    from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine  # noqa: PLC0415

    class Words(NlpEngine):  # type: ignore[misc]
        def load(self) -> None: ...

        def is_loaded(self) -> bool:
            return True

        def process_text(self, text: str, language: str) -> Any:
            found = list(_WORD.finditer(text))
            words = [one[0] for one in found]
            return NlpArtifacts([], words, [one.start() for one in found], words, self, language)

        def process_batch(self, texts: Iterable[str], language: str, **_: Any) -> Iterator[tuple[str, Any]]:
            for text in texts:
                yield text, self.process_text(text, language)

        def is_stopword(self, word: str, language: str) -> bool:
            return False

        def is_punct(self, word: str, language: str) -> bool:
            return not word.isalnum()

        def get_supported_entities(self) -> list[str]:
            return []

        def get_supported_languages(self) -> list[str]:
            return []

    return Words()


class _NothingIsSkipped(logging.Filter):
    """Presidio logs that a pattern ran out of time and goes on without it; here that stops the run."""

    def filter(self, record: logging.LogRecord) -> bool:
        if "timed out" in str(record.msg):
            raise StateError(
                f"{WHERE}: a pattern ran out of time", "Leave its recognizer out of deidentify.presidio_recognizers."
            )
        return True


def _quiet() -> None:
    """Keeps what Presidio would log of texts out of every log: its debug lines hold the words around a place."""
    logger = logging.getLogger("presidio-analyzer")
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    if not any(isinstance(one, _NothingIsSkipped) for one in logger.filters):
        logger.addFilter(_NothingIsSkipped())
