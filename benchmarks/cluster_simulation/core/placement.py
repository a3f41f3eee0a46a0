"""Which server has which meeting: what a balancer that hashes ids does to servers that take only so many; pure."""

from __future__ import annotations

from math import ceil, exp, lgamma, log

import numpy as np

ENOUGH_DEVIATIONS = 12.0
"""Standard deviations of a Poisson distribution that are summed over"""


def refused_share(mean: float, limit: int) -> float:
    """Of meetings that are spread by chance, those that meet a server which already has `limit`.

    With many servers the meetings of one are Poisson distributed around `mean`; what is beyond the limit is refused.
    """
    most = int(limit + mean + ENOUGH_DEVIATIONS * max(1.0, mean**0.5))
    beyond = (
        (count - limit) * exp(count * log(mean) - mean - lgamma(count + 1)) for count in range(limit + 1, most + 1)
    )
    return sum(beyond) / mean


def servers_when_hashed(meetings: int, limit: int, refused: float) -> int:
    """Fewest servers of `limit` meetings each with which no more than a share of the meetings is refused."""
    low = high = max(1, ceil(meetings / limit))
    if meetings <= limit:
        return 1
    while refused_share(meetings / high, limit) > refused:
        low, high = high, high * 2
    while low < high:
        middle = (low + high) // 2
        if refused_share(meetings / middle, limit) > refused:
            low = middle + 1
        else:
            high = middle
    return high


def drawn_refused(meetings: int, servers: int, limit: int, random: np.random.Generator) -> float:
    """The same share for meetings that are drawn one by one: what the formula is checked against."""
    counts = np.bincount(random.integers(servers, size=meetings), minlength=servers)
    return float(np.maximum(counts - limit, 0).sum() / meetings)
