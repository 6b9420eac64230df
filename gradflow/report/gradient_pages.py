"""The pages of the chain rule itself: one sample's chain link by link, and the check of backpropagation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradflow.report.numbers import count, counted, duration, number, power
from gradflow.report.page import Block, Column, Facts, Heading, Page, Sentence, Table

if TYPE_CHECKING:
    from gradflow.nn.gradcheck import Check, TensorCheck
    from gradflow.trace import Chain, LastLayer, Link, Neuron

DIGITS = 10  # of the textbook's scalars, so that paper and screen can be compared
TABLED = 6  # of those that stand side by side
OUTPUTS = 20  # outputs whose derivatives are listed
ERRORS = 12  # tensors of a check that are listed: those with the largest errors


def trace_page(run: str, chain: Chain) -> Page:
    """The chain of network 0 on one sample, from the loss down to the first layer."""
    when = f"after {counted(chain.step, 'step')}" if chain.step else "at initialization"
    words = (
        f"network 0 {when}, training sample {count(chain.sample)}, the first of minibatch {count(chain.step)}"
    )
    blocks: list[Block] = [Sentence(words)]
    if chain.neurons is not None and chain.x is not None and chain.y is not None:
        blocks += _textbook(chain, chain.neurons, chain.x, chain.y)
    elif chain.last_layer is not None:
        blocks += _loss(chain.last_layer)
    blocks += [
        Heading("Local factors, from the last layer down"),
        Sentence(_start(chain)),
        _links(chain.links),
    ]
    return Page(f"{run}: chain", tuple(blocks))


def _start(chain: Chain) -> str:
    """What the factors multiply, and over which samples it is."""
    factors = " x ".join(chain.links[0].factors)
    words = f"||delta_out|| = {power(chain.log10_delta_out)}; each layer multiplies it by {factors}."
    if chain.samples == 1:
        return words
    over = f"the {count(chain.samples)} samples of minibatch {count(chain.step)}"
    return f"{words} Norms are root mean squares over {over}, which depend on each other."


def _loss(last: LastLayer) -> list[Block]:
    """dLoss/da of each output, and the steps to it."""
    shown, n = min(len(last.a), OUTPUTS), len(last.a)
    words = f"loss {last.loss}, n = {counted(n, 'output')}"
    words += f"; the first {OUTPUTS} of them:" if shown < n else ":"
    *before, derivative = last.steps
    titles = "output", "a", "y", *before, f"dLoss/da = {derivative}"
    columns = last.a, last.y, *last.steps.values()
    rows = tuple((count(i + 1), *(_exact(column[i], TABLED) for column in columns)) for i in range(shown))
    return [
        Heading("dLoss/da of the last layer"), Sentence(words), Table(tuple(map(Column, titles)), rows)
    ]  # fmt: skip


def _links(links: tuple[Link, ...]) -> Table:
    titles = ("layer", *links[0].factors, "local factor", "product so far", "||delta||")
    rows = (
        (count(link.layer), *map(number, link.factors.values()), number(link.local_factor),
         power(link.log10_product), power(link.log10_delta))
        for link in links
    )  # fmt: skip
    return Table(tuple(map(Column, titles)), tuple(rows))


def _textbook(chain: Chain, neurons: tuple[Neuron, ...], x: float, y: float) -> list[Block]:
    """The scalars in the order in which they are worked out by hand."""
    forward = [("x", _exact(x))]
    for n in neurons:
        forward += [(f"w{n.layer}", _exact(n.w)), (f"b{n.layer}", _exact(n.b)), (f"z{n.layer}", _exact(n.z)),
                    (f"a{n.layer}", _exact(n.a)), (f"f'(z{n.layer})", _exact(n.slope))]  # fmt: skip
    forward += [("y", _exact(y)), ("loss", _exact(chain.loss))]
    above = (None, *reversed(neurons))
    backward = _derivative(chain.last_layer, neurons[-1].layer) if chain.last_layer else []
    for n, upper in zip(reversed(neurons), above, strict=False):
        backward += [(f"delta{n.layer}", _delta(n, upper)), *_gradients(n)]
    return [
        Heading("Forward: z = w a + b, a = f(z)"), Facts(tuple(forward)),
        Heading("Backward: the chain rule"), Facts(tuple(backward)),
    ]  # fmt: skip


def _derivative(last: LastLayer, layer: int) -> list[tuple[str, str]]:
    """The steps to dLoss/da of a single output, whose name is that of its layer."""
    *before, (formula, (found,)) = last.steps.items()
    rows = [(name, f"{_exact(value)} with a = a{layer}") for name, (value,) in before]
    return [*rows, (f"dLoss/da{layer}", f"{_exact(found)} = {formula} with n = 1")]


def _delta(neuron: Neuron, above: Neuron | None) -> str:
    if above is None:
        return f"{_exact(neuron.delta)} = dLoss/da{neuron.layer} f'(z{neuron.layer})"
    i, j = neuron.layer, above.layer
    product = f"{_exact(above.delta)} x {_exact(above.w)} x {_exact(neuron.slope)}"
    return f"{_exact(neuron.delta)} = delta{j} w{j} f'(z{i}) = {product}"


def _gradients(neuron: Neuron) -> list[tuple[str, str]]:
    i = neuron.layer
    below = "x" if i == 1 else f"a{i - 1}"
    dw = f"{_exact(neuron.dw)} = delta{i} {below}"
    return [(f"dL/dw{i}", dw), (f"dL/db{i}", f"{_exact(neuron.db)} = delta{i}")]


def _exact(value: float, digits: int = DIGITS) -> str:
    return f"{value + 0.0:.{digits}g}"  # so that -0 reads 0


def check_page(name: str, found: Check) -> Page:
    """Whether backpropagation is right, how far off the worst tensors are, and what it saves."""
    verdict = "passed" if found.passed else "FAILED"
    words = (
        f"{verdict}: the largest error is {found.max_relative_error:.1e} of its gradient's norm "
        f"(bound {found.bound:.0e}), against the complex step in float64"
    )
    blocks: list[Block] = [Sentence(words, "" if found.passed else "warning"), Facts(_facts(found))]
    worst = sorted(found.layers, key=lambda tensor: -tensor.relative_error)[:ERRORS]
    rows = tuple((count(t.layer), t.parameter, f"{t.relative_error:.1e}") for t in sorted(worst, key=_place))
    title = "Errors" if len(worst) == len(found.layers) else f"The {ERRORS} largest errors"
    columns = Column("layer"), Column("parameter", False), Column("error / gradient norm")
    return Page(f"{name}: gradient check", (*blocks, Heading(title), Table(columns, rows)))


def _place(tensor: TensorCheck) -> tuple[int, str]:
    return tensor.layer, tensor.parameter


def _facts(found: Check) -> tuple[tuple[str, str], ...]:
    rows = [("forward", f"{found.forward_error:.1e}, activations and loss, relative")]
    if found.slope_error is not None:
        slope = f"{found.slope_error:.1e} (bound {found.slope_bound:.0e}), against central differences"
        rows.append(("slopes", slope))
    saved = f"{duration(found.backward_seconds)} for all of {counted(found.parameters, 'parameter')}"
    apart = f"a forward pass for each would take {duration(found.parameters * found.forward_seconds)}"
    rows.append(("backward", f"{saved}; {apart}, {number(found.saving)} times as long"))
    return tuple(rows)
