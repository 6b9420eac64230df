"""The squared singular values s^2 of dz_L / dz_1 at initialization, over networks, beside theory's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from math import isfinite, nan
from typing import Any

import numpy as np

from gradflow.analysis.intervals import Estimate, exp_or_none, over_networks
from gradflow.analysis.summary import Number, strict
from gradflow.analysis.summary_parts import Stretch
from gradflow.meanfield import predict
from gradflow.meanfield.field import FIRST_ORDER
from gradflow.nn.jacobian import SpectralMoments, Spectrum
from gradflow.nn.model import Model
from gradflow.units import LN10

BINS = 40
EQUAL = 1e-9  # of a variance over mean^2, below which two are the same
BLOCKED = "nothing passes from layer 1 to layer L"
BROAD = f"theory is of first order in 1 / width: it holds where the variance is below width / {FIRST_ORDER}"
UNEVEN = "theory has the spectrum of layers of one width"


@dataclass(frozen=True)
class ExpectedSpectrum:
    """What theory expects of the same sample: log10 of the mean, and Var(s^2) / mean^2."""

    log10_mean: Number = None
    variance: Number = None
    reason: str | None = None


@dataclass(frozen=True)
class Jacobian:
    """Means over networks with t intervals; variance and largest are those of s^2 over the mean of s^2.

    `share` is that of the singular values which lie between `edges`, in units of their root mean square.
    """

    layers: int
    units: tuple[int, int]  # of layers 1 and L
    networks: int
    blocked: int  # of them that let nothing through, which count in nothing else
    log10_mean: Estimate | None
    variance: Estimate | None
    largest: Estimate | None
    theory: ExpectedSpectrum
    sigmas: Number  # of the measured variance from theory's, as a normal quantile
    edges: tuple[float, ...] = ()
    share: tuple[float, ...] = ()

    def document(self) -> dict[str, Any]:
        """The document of `gradflow jacobian --json`; a mean that a float does not hold is null."""
        found: dict[str, Any] = {
            "layers": self.layers, "units": self.units, "networks": self.networks, "blocked": self.blocked,
        }  # fmt: skip
        log10 = self.log10_mean
        found["mean"] = None if log10 is None else exp_or_none(log10.mean * LN10)
        for name in ("log10_mean", "variance", "largest"):
            one: Estimate | None = getattr(self, name)
            ends = (None, None, None) if one is None else (one.mean, one.low, one.high)
            found |= dict(zip((name, f"{name}_low", f"{name}_high"), ends, strict=True))
        histogram = {"edges": self.edges, "share": self.share}
        document: dict[str, Any] = strict(
            {**found, "theory": vars(self.theory), "sigmas": self.sigmas, "histogram": histogram}
        )
        return document


def summarize_spectra(model: Model, q_0: float, spectra: Sequence[Spectrum]) -> Jacobian:
    """Spectra of networks of a model, all on one sample of mean square q_0, beside theory's."""
    share, edges = _histogram([one for one in spectra if isfinite(one.log_mean)])
    return replace(summarize_moments(model, q_0, [one.moments for one in spectra]), share=share, edges=edges)


def summarize_moments(model: Model, q_0: float, moments: Sequence[SpectralMoments]) -> Jacobian:
    """As `summarize_spectra`, without the histogram."""
    alive = [one for one in moments if isfinite(one.log_mean)]
    variance, theory = _mean([one.variance for one in alive]), expected(model, q_0)
    return Jacobian(
        layers=model.shape.depth,
        units=(model.sizes[1], model.sizes[-1]),
        networks=len(moments),
        blocked=len(moments) - len(alive),
        log10_mean=_mean([one.log_mean / LN10 for one in alive]),
        variance=variance,
        largest=_mean([one.largest for one in alive]),
        theory=theory,
        sigmas=None if variance is None else _distance(variance, theory.variance),
    )


def stretch_of(model: Model, measured: Mapping[str, Any]) -> Stretch:
    """What a summary keeps of the `jacobian` that run.json has under `measured`."""
    columns = [measured[name] for name in SpectralMoments._fields]
    moments = [
        SpectralMoments(*(nan if one is None else one for one in row)) for row in zip(*columns, strict=True)
    ]
    if not moments:
        return Stretch(0, reason=measured["reason"])
    found = summarize_moments(model, measured["q_0"], moments)
    document, theory = found.document(), vars(found.theory)
    kept = {field.name: document[field.name] for field in fields(Stretch) if field.name in document}
    expected = {f"expected_{name}": theory[name] for name in ("log10_mean", "variance")}
    return Stretch(**kept, **expected, reason=BLOCKED if found.variance is None else theory["reason"])


def expected(model: Model, q_0: float) -> ExpectedSpectrum:
    """Pennington et al. 2017, eq. 12: the variances over mean^2 of all transitions add up."""
    found = predict(model, q_0, first=1)
    if not len(found.log10_gradient):
        return ExpectedSpectrum(reason=found.reason)
    if len(set(model.sizes[1:])) > 1:
        return ExpectedSpectrum(reason=UNEVEN)
    mean, variance = 2 * float(found.log10_gradient[0]), found.jacobian_variance
    return ExpectedSpectrum(mean, variance and max(variance, 0.0), BROAD if variance is None else None)


def _mean(values: Sequence[float]) -> Estimate | None:
    return over_networks(np.array(values)) if values else None


def _distance(variance: Estimate, expected: Number) -> Number:
    if expected is None:
        return None
    return 0.0 if abs(variance.mean - expected) < EQUAL else variance.sigmas_from(expected)


def _histogram(spectra: Sequence[Spectrum]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Shares and edges of the singular values of all networks."""
    if not spectra:
        return (), ()
    values = np.sqrt(np.concatenate([one.squares for one in spectra]))
    counts, edges = np.histogram(values, BINS, range=(0.0, max(float(values.max()), 2.0)))
    return tuple((counts / len(values)).tolist()), tuple(edges.tolist())
