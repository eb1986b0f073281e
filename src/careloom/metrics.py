"""Statistics, each with its source; no clinical meaning."""

from dataclasses import dataclass
from math import sqrt
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
