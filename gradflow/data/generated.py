"""Data drawn from a seed: the samples, the map that labels them and the noise each have their own stream."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sqrt
from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le, doc

from gradflow.data.base import (
    Data,
    Dataset,
    Matrix,
    Seed,
    TestFraction,
    one_hot,
    prepare,
    require_memory,
    standardize_in_place,
)
from gradflow.streams import Purpose, stream

Size = Annotated[int, Ge(1), Le(10**9)]
DRAWN = doc("How many are drawn.")
SampleCount = Annotated[Size, DRAWN]
FeatureCount = Annotated[Size, doc("The width of the input.")]
ClassCount = Annotated[int, Ge(2), Le(10**6), doc("How many there are to tell apart.")]
_X, _MAP, _NOISE = range(3)  # stream indices; a map of depth d takes _MAP from one stream, layer after layer


def _normal(seed: int, index: int, *shape: int) -> Matrix:
    return stream(seed, Purpose.DATA, index).standard_normal(shape)


@dataclass(frozen=True)
class GaussianSamples(Dataset):
    """x ~ N(0, 1), as drawn; the label is the argmax of a random linear map of x, so it can be learnt."""

    name = "gaussian"
    samples: SampleCount = 1024
    features: FeatureCount = 64
    classes: ClassCount = 10
    test_fraction: TestFraction = 0.0
    seed: Seed = 0

    def load(self, base: Path) -> Data:
        values = self.samples * (self.features + self.classes) + self.features * self.classes
        require_memory(16 * values, f"{self.samples:,} samples of {self.features:,} features", "data")
        x = _normal(self.seed, _X, self.samples, self.features)
        labels = (x @ _normal(self.seed, _MAP, self.features, self.classes)).argmax(axis=1)
        return prepare(
            x,
            one_hot(labels, self.classes, "data.classes"),
            classes=True,
            standardize=False,
            test_fraction=self.test_fraction,
            seed=self.seed,
        )


@dataclass(frozen=True)
class Teacher(Dataset):
    """Regression on a random tanh network: x ~ N(0, 1), weights N(0, 1 / fan_in), no biases, linear read-out.

    Targets are standardised; `noise` is the sd of what is added to them, in units of their sd without it.
    """

    name = "teacher"
    regresses = True
    samples: Annotated[int, Ge(2), Le(10**9), DRAWN] = 1024  # one target alone cannot be standardised
    features: FeatureCount = 64
    outputs: Annotated[Size, doc("How many values are regressed on.")] = 1
    width: Annotated[int, Ge(1), Le(4096), doc("Of the teacher's hidden layers.")] = 64
    depth: Annotated[int, Ge(1), Le(100), doc("How many hidden layers the teacher has.")] = 2
    noise: Annotated[float, Ge(0.0), Le(1e6), doc("The sd of what is added to targets of sd 1.")] = 0.0
    seed: Seed = 0

    def load(self, base: Path) -> Data:
        columns = 2 * self.features + 2 * self.width + 3 * self.outputs
        weights = self.width * (self.features + self.width + self.outputs)
        require_memory(8 * (self.samples * columns + weights), f"{self.samples:,} samples", "data")
        x = _normal(self.seed, _X, self.samples, self.features)
        y = self._answer(x)
        standardize_in_place(y, what="target")
        y += self.noise * _normal(self.seed, _NOISE, self.samples, self.outputs)
        standardize_in_place(y, what="target")
        return prepare(x, y, classes=False, standardize=False)

    def _answer(self, x: Matrix) -> Matrix:
        rng = stream(self.seed, Purpose.DATA, _MAP)
        a = x
        for _ in range(self.depth):
            a = np.tanh(a @ (rng.standard_normal((a.shape[1], self.width)) / sqrt(a.shape[1])))
        return a @ (rng.standard_normal((self.width, self.outputs)) / sqrt(self.width))


@dataclass(frozen=True)
class Spirals(Dataset):
    """Arms in the plane, one a class: radius r = sqrt(uniform), angle 2 pi (turns r + class / classes).

    `noise` is the sd of what is added to both coordinates, before they are standardised.
    """

    name = "spirals"
    samples: Annotated[int, Ge(2), Le(10**9), DRAWN] = 1024  # one has no variance to be divided by
    classes: ClassCount = 2
    turns: Annotated[float, Ge(0.0), Le(1e6), doc("How often an arm goes round.")] = 1.0
    noise: Annotated[float, Ge(0.0), Le(1e6), doc("The sd of what is added to arms of radius 1.")] = 0.1
    test_fraction: TestFraction = 0.2
    seed: Seed = 0

    def load(self, base: Path) -> Data:
        require_memory(16 * self.samples * (self.classes + 5), f"{self.samples:,} samples", "data")
        labels = np.arange(self.samples) % self.classes
        radius = np.sqrt(stream(self.seed, Purpose.DATA, _X).random(self.samples))
        angle = 2 * pi * (self.turns * radius + labels / self.classes)
        x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        x += self.noise * _normal(self.seed, _NOISE, self.samples, 2)
        return prepare(
            x,
            one_hot(labels, self.classes, "data.classes"),
            classes=True,
            standardize=True,
            test_fraction=self.test_fraction,
            seed=self.seed,
        )
