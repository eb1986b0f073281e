"""Whether a version that answers breaks a limit: a pure decision over counts. Limits are data, in ``limits/``."""

import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from careloom.errors import FormatError, QueryError
from careloom.mlops.counting import SCORES, Counts, class_end_ms, p99_ms
from careloom.runtime import packaged

SHIPPED = ("default",)
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Limits:
    """See ``limits/default.toml``."""

    name: str
    requests: int
    outcomes: int
    errors: float
    batches: int
    p99_ms: float
    score_shift: float
    profile_shift: float
    calibration: float
    brier: float
    ppv_share: float
    answers: int
    overrides: float
    z: float
    slo_minutes: int
    quality_minutes: int
    outcome_days: int
    canary_share: float
    canary_requests: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the counts say.

    breaches  each in words, without a patient's value; empty where no limit is broken with certainty
    seen      what was looked at: name -> value, limit, n; value None where there was too little to look at
    is_enough there were enough answers to judge by
    alarms    what people are told of, and nobody is taken out for; None where nothing was compared that could tell
    """

    breaches: tuple[str, ...]
    seen: Json
    is_enough: bool
    alarms: tuple[str, ...] | None = None


def shipped(name: str = "default") -> Limits:
    """Limits that ship. raises QueryError"""
    if name not in SHIPPED:
        raise QueryError("there are no such limits", f"Name one of {', '.join(SHIPPED)}.")
    return read(packaged("mlops", f"limits/{name}.toml"))


def read(content: bytes) -> Limits:
    """The limits of a file. raises FormatError that names the key"""
    try:
        told = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FormatError(f"limits: the file is no TOML: {error}", "Correct it at that place.") from None
    names = {one.name for one in fields(Limits)}
    if told.get("version") != 1 or (wrong := (set(told) ^ names) - {"version", "meaning"}):
        place = "version" if told.get("version") != 1 else min(wrong)
        raise FormatError(f"limits: {place} is missing or unknown", "See src/careloom/mlops/limits/default.toml.")
    for name in names - {"name"}:
        if not isinstance(told[name], (int, float)) or not math.isfinite(told[name]) or told[name] <= 0:
            raise FormatError(f"limits: {name} is no number above 0", "Correct it.")
    return Limits(**{name: told[name] for name in names})


def judge(
    limits: Limits, slo: Counts, quality: Counts, beside: Counts | None, errs: Callable[[], bool] | None = None
) -> Verdict:
    """Whether a version broke a limit.

    slo      its counts over `slo_minutes`
    quality  its scores over `quality_minutes`, its outcomes and answers over `outcome_days`
    beside   those of the arm beside it over the same time; None, or too few: scores and answers are not compared
    errs     whether it is this version whose scores are wrong where they lie elsewhere than those beside, asked then
             alone; None: it is
    """
    found = [
        _errors(limits, slo), _batches(limits, slo), _times(limits, slo), _scores(limits, quality, beside, errs),
        _calibration(limits, quality), _brier(limits, quality), _ppv(limits, quality),
        _overrides(limits, quality, beside),
    ]  # fmt: skip
    breaches = tuple(why for _, _, why in found if why)
    seen = {name: seen for name, seen, _ in found} | {"refused": _refused(slo), "dropped": _dropped(slo)}
    return Verdict(breaches, seen, slo.requests >= limits.requests)


_Found = tuple[str, Json, str]


def _errors(limits: Limits, counts: Counts) -> _Found:
    n = counts.requests
    share = counts.errors / n if n >= limits.requests else None
    is_broken = share is not None and surely_above(counts.errors, n, limits.errors, limits.z)
    why = f"{counts.errors} of {n} requests got no score; {limits.errors:.1%} are allowed" if is_broken else ""
    return "errors", {"value": share, "limit": limits.errors, "n": n}, why


def _batches(limits: Limits, counts: Counts) -> _Found:
    """Apart from requests: a night's batch would hide, or outweigh, whoever waits for an answer."""
    n, is_enough = counts.rows, counts.lost >= limits.batches
    share = counts.lost / n if is_enough or n >= limits.requests else None
    is_broken = is_enough and surely_above(counts.lost, n, limits.errors, limits.z)
    why = f"{counts.lost} batches failed beside {n - counts.lost} rows with a score" if is_broken else ""
    return "batches", {"value": share, "limit": limits.errors, "n": n}, why


def _refused(counts: Counts) -> Json:
    """Shown alone: whoever asks wrongly takes no version out."""
    n = counts.requests + counts.refused
    return {"value": counts.refused / n if n else None, "limit": None, "n": n}


def _dropped(counts: Counts) -> Json:
    """Shown alone: a shadow that is behind delays nobody."""
    n = counts.requests + counts.dropped
    return {"value": counts.dropped / n if n else None, "limit": None, "n": n}


def _times(limits: Limits, counts: Counts) -> _Found:
    """99 of 100 within the limit: broken where the share that took longer is above one of 100 with certainty."""
    n = sum(counts.times)
    slow = sum(each for number, each in enumerate(counts.times) if class_end_ms(number) > limits.p99_ms * 1.2)
    value = p99_ms(counts) if n >= limits.requests else None
    is_broken = value is not None and surely_above(slow, n, 0.01, limits.z)
    why = f"{slow} of {n} answers took longer than {limits.p99_ms:g} ms; one of 100 may" if is_broken else ""
    return "p99_ms", {"value": value, "limit": limits.p99_ms, "n": n}, why


def _scores(
    limits: Limits, counts: Counts, beside: Counts | None, errs: Callable[[], bool] | None
) -> _Found:  # fmt: skip
    """Like with like: patients whom the traffic led here, or else rows of whoever asks; the larger shift of both."""
    value, why, of = None, "", 0
    for name in ("routed", "scores") if beside is not None else ():
        own, other = getattr(counts, name), getattr(beside, name)
        n, m = sum(own), sum(other)
        of += n
        if min(n, m) >= limits.requests:
            chance = (
                SCORES - 1 + limits.z * math.sqrt(2 * (SCORES - 1))
            )  # of a chi-squared variable: mean and z spreads
            value = max(value or 0.0, stability_index(own, other) - chance * (1 / n + 1 / m))
    if value is not None and value > limits.score_shift and (errs is None or errs()):
        why = f"the scores moved by {value:.2f} against those beside (PSI); {limits.score_shift:g} is allowed"
    return "score_shift", {"value": value, "limit": limits.score_shift, "n": of}, why


def _calibration(limits: Limits, counts: Counts) -> _Found:
    """Observed minus expected outcomes, over their standard deviation where the probabilities are right."""
    n, value, why = counts.known, None, ""
    if n >= limits.outcomes:
        value = (counts.happened - counts.expected) / n
        spread = math.sqrt(max(counts.variance, 1e-12))
        if abs(value) > limits.calibration and abs(value) * n / spread > limits.z:
            why = f"outcomes lie {value:+.3f} from what was said, over {n}; {limits.calibration:g} is allowed"
    return "calibration", {"value": value, "limit": limits.calibration, "n": n}, why


def _brier(limits: Limits, counts: Counts) -> _Found:
    """The Brier score minus what the probabilities promise: also of scores that are right on average alone.

    source  Spiegelhalter DJ, Statistics in Medicine 1986;5:421-433
    """
    n, value, why = counts.known, None, ""
    if n >= limits.outcomes:
        value = counts.misfit / n
        if value > limits.brier and counts.misfit > limits.z * math.sqrt(max(counts.misfit_variance, 1e-12)):
            why = f"the Brier score lies {value:.3f} above what was promised, over {n}; {limits.brier:g} is allowed"
    return "brier", {"value": value, "limit": limits.brier, "n": n}, why


def _ppv(limits: Limits, counts: Counts) -> _Found:
    """The share of alerts that came true, over what their own probabilities promised."""
    n, value, why = counts.alerts, None, ""
    if n >= limits.answers and counts.promised > 0:
        value, least = counts.hits / counts.promised, limits.ppv_share * counts.promised / n
        if bounds(counts.hits, n, limits.z)[1] < least:
            why = f"{counts.hits} of {n} alerts came true; {counts.promised:.0f} were promised"
    return "ppv", {"value": value, "limit": limits.ppv_share, "n": n}, why


def _overrides(limits: Limits, counts: Counts, beside: Counts | None) -> _Found:
    """The share of answered alerts that clinicians overrode: above the limit, or above that of the arm beside."""
    n, value, why = counts.answers, None, ""
    if n >= limits.answers:
        value, low = counts.overridden / n, bounds(counts.overridden, n, limits.z)[0]
        if low > limits.overrides:
            why = f"{counts.overridden} of {n} alerts were overridden; {limits.overrides:.0%} are allowed"
        elif _is_above(low, limits, beside):
            why = f"{counts.overridden} of {n} alerts were overridden, more than of the arm beside"
    return "overrides", {"value": value, "limit": limits.overrides, "n": n}, why


def _is_above(low: float, limits: Limits, beside: Counts | None) -> bool:
    if beside is None or beside.answers < limits.answers:
        return False
    return low > bounds(beside.overridden, beside.answers, limits.z)[1]


def surely_above(hits: int, n: int, limit: float, z: float) -> bool:
    """True where a share is above a limit with certainty: the lower bound of its interval is."""
    return bounds(hits, n, z)[0] > limit


def bounds(hits: int, n: int, z: float) -> tuple[float, float]:
    """Wilson's interval of a share, 0..1.

    source  Wilson EB, Journal of the American Statistical Association 1927;22:209-212
    """
    if n == 0:
        return 0.0, 1.0
    share = hits / n
    middle = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (middle - spread) / (1 + z * z / n), (middle + spread) / (1 + z * z / n)


def moved_from(
    limits: Limits, counts: Counts, edges: Sequence[float], expected: Sequence[int], rows: int
) -> bool | None:
    """Whether scores lie elsewhere than those that the version was judged by; None where they are too few to say.

    By Kolmogorov's distance, the least that the classes of both leave open, less what chance brings at z.

    edges, expected, rows  of the profile: class i holds edges[i - 1] <= score < edges[i]; rows that no class holds may
                           lie in any
    source  Kolmogorov AN, 1933; the quantile of two samples: Smirnov NV, Annals of Mathematical Statistics 1948;19:279
    """
    found = counts.routed if sum(counts.routed) >= limits.requests else counts.scores
    n = sum(found)
    if n < limits.requests or rows <= 0:
        return None
    least, below, hidden = 0.0, 0, max(rows - sum(expected), 0)
    for edge, count in zip(edges, expected, strict=False):
        below += count
        low, high = below / rows, (below + hidden) / rows
        surely = sum(found[: math.floor(edge * SCORES)]) / n
        perhaps = sum(found[: math.ceil(edge * SCORES)]) / n
        least = max(least, low - perhaps, surely - high)
    two_sided = math.erfc(limits.z / math.sqrt(2))
    chance = math.sqrt(-math.log(two_sided / 2) / 2 * (1 / n + 1 / rows))
    return least - chance > limits.profile_shift


def stability_index(one: list[int], other: list[int]) -> float:
    """Population Stability Index of two distributions over the same classes; each class gets half a case beside."""
    a, b = sum(one) + 0.5 * len(one), sum(other) + 0.5 * len(other)
    shares = [((x + 0.5) / a, (y + 0.5) / b) for x, y in zip(one, other, strict=True)]
    return sum((p - q) * math.log(p / q) for p, q in shares)


def as_json(verdict: Verdict) -> Mapping[str, Any]:
    """breaches, seen, enough, alarms."""
    return {
        "breaches": list(verdict.breaches), "seen": verdict.seen, "enough": verdict.is_enough,
        "alarms": list(verdict.alarms or ()),
    }  # fmt: skip
