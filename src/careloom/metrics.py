"""Statistics, each with its source; no clinical meaning."""

from dataclasses import dataclass
from math import erfc, exp, lgamma, log, log1p, pi, sqrt
from statistics import NormalDist


@dataclass(frozen=True, slots=True)
class Proportion:
    """A share with its uncertainty.

    successes, trials  counts, 0 <= successes <= trials
    low, high          bounds of the interval, within 0..1; (0, 1) when there were no trials
    """

    successes: int
    trials: int
    low: float
    high: float

    @property
    def share(self) -> float | None:
        """successes / trials; None when there were no trials."""
        return self.successes / self.trials if self.trials else None


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> Proportion:
    """The Wilson score interval of a binomial share, without continuity correction.

    confidence  two-sided, above 0 and below 1
    raises      ValueError for counts or a confidence that cannot be
    source      Wilson EB, J Am Stat Assoc 1927;22:209-212; recommended over Wald for small n by
                Brown, Cai, DasGupta, Stat Sci 2001;16:101-133
    """
    if not 0 <= successes <= trials:
        raise ValueError("counts must satisfy 0 <= successes <= trials")
    if not 0 < confidence < 1:
        raise ValueError("confidence must lie above 0 and below 1")
    if trials == 0:
        return Proportion(0, 0, 0.0, 1.0)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / trials
    centre = share + z * z / (2 * trials)
    spread = z * sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    low = 0.0 if successes == 0 else max(0.0, (centre - spread) / scale)
    high = 1.0 if successes == trials else min(1.0, (centre + spread) / scale)
    return Proportion(successes, trials, low, high)


def exact_interval(successes: int, trials: int, confidence: float = 0.95) -> Proportion:
    """The interval of a binomial share that holds at least as often as it says, for any number of trials.

    confidence  two-sided, above 0 and below 1
    raises      ValueError for counts or a confidence that cannot be
    source      Clopper CJ, Pearson ES, Biometrika 1934;26:404-413
    """
    if not 0 <= successes <= trials:
        raise ValueError("counts must satisfy 0 <= successes <= trials")
    if not 0 < confidence < 1:
        raise ValueError("confidence must lie above 0 and below 1")
    tail = (1 - confidence) / 2
    low = _beta_quantile(tail, successes, trials - successes + 1) if successes else 0.0
    high = _beta_quantile(1 - tail, successes + 1, trials - successes) if successes < trials else 1.0
    return Proportion(successes, trials, low, high)


def beta_below(x: float, a: float, b: float) -> float:
    """P(Beta(a, b) <= x), the regularised incomplete beta function; for whole a, P(Binomial(a + b - 1, x) >= a).

    source  the continued fraction of DLMF 8.17.22, summed by Lentz's way; relative error about 1e-14
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_below(1 - x, b, a)
    front = exp(a * log(x) + b * log1p(-x) + lgamma(a + b) - lgamma(a) - lgamma(b)) / a
    tiny, upper = 1e-300, 1.0
    lower = 1 / _away(1 - (a + b) * x / (a + 1), tiny)
    found = lower
    for step in range(1, 10_000):
        even = step * (b - step) * x / ((a + 2 * step - 1) * (a + 2 * step))
        odd = -(a + step) * (a + b + step) * x / ((a + 2 * step) * (a + 2 * step + 1))
        before = found
        for part in (even, odd):
            lower = 1 / _away(1 + part * lower, tiny)
            upper = _away(1 + part / upper, tiny)
            found *= lower * upper
        if abs(found - before) <= 1e-15 * abs(found):
            break
    return front * found


def chi_square_above(value: float, freedom: int) -> float:
    """P(a chi-square of so many degrees of freedom >= value).

    raises  ValueError for fewer than one degree of freedom
    source  the finite sums of NIST/SEMATECH e-Handbook, 2012, and Abramowitz and Stegun, 1964, 26.4.4 and 26.4.5
    """
    if freedom < 1:
        raise ValueError("there is at least one degree of freedom")
    if value <= 0:
        return 1.0
    half = value / 2
    if freedom % 2:
        found, term, start = erfc(sqrt(half)), sqrt(value) * exp(-half) * sqrt(2 / pi), 3
    else:
        found, term, start = exp(-half), half * exp(-half), 4
    for step in range(start, freedom + 1, 2):
        found += term
        term *= value / step
    return min(found, 1.0)


def overlap_at_least(count: int, drawn: int, marked: int, every: int) -> float:
    """P(at least `count` of the `drawn` are marked), `marked` of `every` one being so: Fisher's exact test, one-sided.

    raises  ValueError for counts that cannot be
    source  Fisher RA, J R Stat Soc 1935;98:39-82; hypergeometric tail, summed from its first term on
    """
    if not (0 <= drawn <= every and 0 <= marked <= every):
        raise ValueError("counts must satisfy 0 <= drawn, marked <= every")
    low, high = max(0, drawn + marked - every), min(drawn, marked)
    if count <= low:
        return 1.0
    if count > high:
        return 0.0

    def chosen(total: int, part: int) -> float:
        return lgamma(total + 1) - lgamma(part + 1) - lgamma(total - part + 1)

    def term(at: int) -> float:
        return exp(chosen(marked, at) + chosen(every - marked, drawn - at) - chosen(every, drawn))

    if count < drawn * marked / every:  # below the middle the other tail is the short one
        below = total = term(count - 1)
        for at in range(count - 1, low, -1):
            below *= at * (every - marked - drawn + at) / ((marked - at + 1) * (drawn - at + 1))
            total += below
        return max(0.0, 1 - total)
    above = total = term(count)
    for at in range(count, high):
        above *= (marked - at) * (drawn - at) / ((at + 1) * (every - marked - drawn + at + 1))
        total += above
    return min(1.0, total)


def _away(value: float, tiny: float) -> float:
    return value if abs(value) > tiny else tiny


def _beta_quantile(share: float, a: float, b: float) -> float:
    low, high = 0.0, 1.0
    while high - low > 1e-14 * max(high, 1e-10):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if beta_below(middle, a, b) < share else (low, middle)
    return (low + high) / 2
