"""The independent parts that one network's increments add up from, read off its record; first order in 1 / n.

Increments x_l = ln g_l - ln g_{l+1} of one network are correlated: v_l = Var z_l strays from its mean by
d_l = ln v_l - ln E v_l, which moves ln chi_l by s_l d_l and is passed on, d_{l+1} = p_l d_l + eta_l. But v is
on record, v_{l+1} = n Var(W) mean(phi^2) + Var b, and with it every eta. The rest of x_l is its own, own_l =
2 (x_l - E x_l) - s_l d_l, so that the sum of increments strays by the sum of (own_k + A_k eta_k) / 2, with A
of `fluctuations`: parts that know nothing of one another.
"""

from __future__ import annotations

import numpy as np

from gradflow.arrays import Array
from gradflow.meanfield.fluctuations import after, transmission
from gradflow.meanfield.plain import PlainField


def innovations(
    network: PlainField, steps: Array, rising: Array, mean_square: Array, first: int
) -> Array | None:
    """The parts (L - 1, networks) of the sum of increments `rising` from layer `first` on.

    `steps` (L - 1,) are what theory expects of the increments, `mean_square` (L, networks) is the mean of
    phi^2 of layers 1..L on record. None where an activation has left what a float holds.
    """
    _, passed_on, tilt = transmission(network)
    off = _off(network, mean_square)
    if not np.isfinite(off).all():
        return None
    counts = np.arange(1, len(rising) + 1) >= first
    own = 2 * (rising - steps[:, None]) - tilt[:, None] * off[:-1]
    eta = off[1:] - passed_on[:, None] * off[:-1]
    behind = after(counts * tilt, passed_on)
    return np.asarray(counts[:, None] * own + behind[:, None] * eta) / 2


def _off(network: PlainField, mean_square: Array) -> Array:
    """d_l (L, networks): how far ln v of the record is from theory's; v_1 is the same for all networks."""
    with np.errstate(divide="ignore"):
        entering = network.log_gain[1:-1, None] + np.log(mean_square[:-1])
    log_v = np.logaddexp(entering, network.log_bias[1:-1, None])
    return np.concatenate([np.zeros_like(mean_square[:1]), log_v - network.log_v[1:, None]])
