"""What a flow, its theory and its training say, in one or two sentences each, with their numbers."""

from __future__ import annotations

from math import inf, log, prod
from typing import Any

from gradflow.analysis.differences import EXPRESSION, RECORDED
from gradflow.analysis.summary import Flip, Flow, Summary, Symptom, Theory
from gradflow.analysis.summary_parts import Samples
from gradflow.analysis.verdict import BOUNDED, HALF, WIDTH, causes, divided_out, fitted_share, unstable_depth
from gradflow.report.headlines import kept_of
from gradflow.report.numbers import ENTRIES, count, counted, decades, half_width, number, power, scalar

LAWS = {"power": "a power of the layer", "stretched": "an exponential of its square root"}
EQUAL = 1e-6  # relative difference below which only rounding is left to compare
FIRST_ORDER = 0.1  # of ln c: a larger correction for the width leaves out terms that count
SKIP = "skip"
BLAMED = {"slopes": "activation"}  # what a factor is called when it is to blame
MOST_NAMES = 8  # of recorded layers that are named
EPS = 1e-5  # of a norm, if not told
ZERO_BY_DEFAULT = {  # keys of choices that are 0 or false by default, whatever the choice
    "affine", "final", "momentum", "nesterov", "seed", "sigma_b", "train_scale", "warmup", "weight_decay"
}  # fmt: skip
CLOSE = 2.0  # standard errors within which measurement and theory agree


def measured_sentence(flow: Flow, stable_decades: float) -> str:
    """The ratio of the ends, which the verdict stands on, and whatever qualifies it; "" where it has none.

    It says how many factors there are between L layers, L - 1, since the verdict's sentence has c^L.
    """
    if flow.log_c is None or flow.log10_ratio is None:
        return ""
    depth = count(flow.transitions + 1)
    ratio = f"{power(flow.log10_ratio)} ({decades(flow.log10_ratio)} decades)"
    parts = [
        f"Measured from layer {depth} to layer 1, {counted(flow.transitions, 'factor')}: {ratio}.",
        _outside(flow),
        _borderline(flow, stable_decades),
        _too_deep(flow, stable_decades),
        _law(flow),
        reason_sentence(flow),
    ]
    return " ".join(part for part in parts if part)


def _law(flow: Flow) -> str:
    """What the law is, where c^L is not all of it and the headline has not said it."""
    if flow.law is None and flow.c_power_depth:
        return "The factors are too few to tell c^L from a power of the depth."
    if flow.law == BOUNDED:
        return "The scale 1/sqrt(depth) bounds it at any depth: c^L is that of this depth alone."
    if flow.law_exponent is not None or flow.law not in LAWS:
        return ""
    return f"The norms follow {LAWS[flow.law]} better than {number(flow.c)}^L."


def reason_sentence(flow: Flow) -> str:
    """What a flow that has a c says beside it, as which networks and samples it leaves out, or ""."""
    if flow.log_c is None:
        return ""
    lost = flow.lost_samples
    left = "" if lost is None or lost.are_most else f"The measurement is over the {kept_of(lost)} in layer 1"
    words = [f"{one[0].upper()}{one[1:]}." for one in (flow.reason, left) if one]
    return " ".join(words)


def _outside(flow: Flow) -> str:
    """Where the gradient changes, if the layers that c is fitted over are not what changes it."""
    share = fitted_share(flow)
    if share is None or share >= HALF:
        return ""
    change = "The change" if share <= 0 else "Most of the change"
    return f"{change} lies in layers 1 to {count(flow.layers[0])}, outside the fit of c."


def _borderline(flow: Flow, stable_decades: float) -> str:
    if not flow.borderline:
        return ""
    edge = " or ".join(power(sign * stable_decades) for sign in (-1, 1))
    low, high = power(flow.log10_ratio_low), power(flow.log10_ratio_high)
    return f"Borderline: its 95% interval, {low} to {high}, crosses the edge of stable at {edge}."


def _too_deep(flow: Flow, stable_decades: float) -> str:
    depth = unstable_depth(flow, stable_decades) if flow.verdict == "stable" else None
    by = "At this c" if flow.law_exponent is None else "By this law"
    return "" if depth is None else f"{by} it would not be stable from depth {count(depth)} on."


def theory_sentence(theory: Theory, flow: Flow, trained: bool) -> str:
    """How far the measured c is from the one that theory expects at this depth and width."""
    expected = theory.expected_c
    if expected is None:
        return f"Theory predicts no c here ({theory.reason or 'it does not cover this network'})."
    error, narrow = half_width(flow.c, flow.c_low, flow.c_high), narrow_sentence(theory)
    late = theory.settling is not None and theory.settling > min(flow.layers, default=theory.settling)
    where, measured = _over(theory, flow) if late else ("at this depth and width", "c")
    words = f"Theory expects {number(expected, error)} {where}"
    if flow.c is not None and not late and abs(flow.c - expected) < EQUAL * expected:
        words += "; c at initialization equals it to six digits"
    elif flow.c is not None and theory.sigmas is not None:
        told = number_of_sigmas(theory.sigmas, judged=not narrow)
        words += f"; {measured} at initialization is {told} from it"
    elif theory.reason:
        words += f" ({theory.reason})"
    words += f". {narrow}" if narrow else "."
    after = " After training the theory of initialization no longer applies." if trained else ""
    return f"{words}{after}"


def spread_sentence(theory: Theory, flow: Flow) -> str:
    """How far single networks are apart, beside what theory expects; "" where there is one network alone."""
    if flow.log10_ratio_sd is None or theory.log10_ratio_sd is None:
        return ""
    found, expected = number(flow.log10_ratio_sd), number(theory.log10_ratio_sd)
    if not flow.log10_ratio_sd and not theory.log10_ratio_sd:
        return "All networks' ratios are the same, as theory expects."
    return (
        f"Single networks' ratios have a standard deviation of {found} decades; theory expects {expected} "
        "of one sample, and a mean over a batch strays less."
    )


def _over(theory: Theory, flow: Flow) -> tuple[str, str]:
    """Where c holds of a batch norm that has not settled by the first layer fitted, and what was measured."""
    if theory.sigmas is not None:
        layer = count(theory.settling or 0)
        return f"from layer {layer} on, when batch norm has settled", "c of those layers"
    too_few = (theory.settling or 0) >= max(flow.layers)
    return f"where batch norm has settled{', which takes more layers than these' if too_few else ''}", "c"


def narrow_sentence(theory: Theory) -> str:
    """What the correction for the width is worth, where the next order may well count too; else ""."""
    if not theory.c or not theory.c_finite_width or abs(log(theory.c_finite_width / theory.c)) <= FIRST_ORDER:
        return ""
    words = "The correction for the width, of first order in 1 / width, is too large here to be trusted"
    return f"{words}: c without it is {number(theory.c)}."


def number_of_sigmas(sigmas: float, judged: bool = True) -> str:
    """0.8 standard errors; beyond 2 it says, if that is to be `judged`, that they disagree."""
    words = f"{abs(sigmas):.1f} standard errors"
    return words if abs(sigmas) <= CLOSE or not judged else f"{words} (more than chance explains)"


def cause_sentence(flow: Flow, activation: str, theory: Theory | None = None) -> str:
    """Which of its factors make c what it is; "" where they are not known."""
    factors = {name: value for name in known_factors(flow) if (value := flow.factors[name]) is not None}
    if len(factors) < len(known_factors(flow)) or not factors:
        return ""
    error = half_width(flow.c, flow.c_low, flow.c_high)
    words = ", ".join(
        f"{_passes(name, activation)} {number(one, error)}" for name, one in factors.items() if name != SKIP
    )
    if SKIP in factors:
        return _branch(flow, factors, words)
    if one := divided_out(flow, theory):
        words += f"; weights and norm, which divides their scale out, pass {number(one, error)} together"
    return f"{words[0].upper()}{words[1:]}{_blame(flow, theory)}."


def _branch(flow: Flow, factors: dict[str, float], words: str) -> str:
    """What a branch passes: the skip passes all, so that its own factor only says how little that is."""
    passed = prod(value for name, value in factors.items() if name != SKIP)
    where = "" if is_product(flow) else "where a branch passes anything, "
    said = f"{where}{words}: a branch passes {number(passed)} beside the skip, which passes all"
    return f"{said[0].upper()}{said[1:]}."


def known_factors(*flows: Flow) -> list[str]:
    """The factors that are known of any of these flows, in their order."""
    names = dict.fromkeys(name for flow in flows for name in flow.factors)
    return [name for name in names if any(flow.factors.get(name) is not None for flow in flows)]


def is_product(flow: Flow) -> bool:
    """Whether the factors make c: where a branch beside a skip passes nothing, c is the stream's alone."""
    if SKIP not in flow.factors:
        return True
    logs = [-inf if not value else log(value) for value in flow.factors.values() if value is not None]
    return bool(flow.c) and abs(sum(logs) - log(flow.c or 1)) < EQUAL * max(1, len(logs))


def _passes(name: str, activation: str) -> str:
    """A factor in a sentence: the slopes of tanh pass, the norm passes."""
    called = f"{name} of {activation}" if name == "slopes" and activation else name
    return f"the {called} {'pass' if name.endswith('s') else 'passes'}"


def _blame(flow: Flow, theory: Theory | None) -> str:
    """Names what is to blame for the verdict; those that have their part, where none does most of it."""
    found = causes(flow, theory)
    if not found:
        return ""
    if found == (WIDTH,):
        c = theory.c if theory else None
        return f": the width is to blame, as infinitely wide layers would pass {number(c)}"
    if len(found) > 1:
        return f": {'both' if len(flow.factors) == 2 else ' and '.join(found)} have their part"
    are = "are" if found[0] == "weights" else "is"
    return f": the {BLAMED.get(found[0], found[0])} {are} to blame"


def flip_sentence(flip: Flip) -> str:
    """When the verdict changed for good."""
    return f"From step {count(flip.step)} on {flip.after}: until then {flip.before}."


def symptom_sentence(symptom: Symptom) -> str:
    """Where a symptom was first seen, its value and threshold, and what that means."""
    place = f"step {count(symptom.step)}" + (f", layer {count(symptom.layer)}" if symptom.layer else "")
    value, threshold = number(symptom.value), number(symptom.threshold)
    seen = "" if symptom.value is None else f"{value} (threshold {threshold}): "
    return f"{symptom.name}, {place}: {seen}{symptom.message}"


SPELT_OUT = 8  # widths of a network that are named one by one
READOUTS = {"linear": " + read-out", "zeros": " + read-out that starts at zero", "none": ""}


def what_was_run(summary: Summary) -> tuple[tuple[str, str], ...]:
    """Network, data and training in a few words each."""
    config = summary.config
    if config["data"]["name"] == RECORDED:
        return _what_was_recorded(config)
    model, training = config["model"], config["training"]
    layers = counted(model["depth"], "hidden layer") + READOUTS[model["readout"]]
    first, seeds = config["seed"], config["seeds"]
    batch = min(training["batch_size"], summary.data.samples if summary.data else training["batch_size"])
    networks = (
        f"seed {first}" if seeds == 1 else f"{count(seeds)} networks, seeds {first} to {first + seeds - 1}"
    )
    return (
        ("network", f"{layers}, {widths(model['width'])}, {', '.join(_layer(model))}"),
        ("init", f"{entry(model['init'])}; bias {entry(model['bias'])}"),
        ("data", _data(config["data"], summary.data)),
        ("training", f"{counted(training['steps'], 'step')} of {entry(training['optimizer'])}, "
                     f"batch {count(batch)}, {training['loss']}, {training['dtype']}"),
        ("networks", networks),
    )  # fmt: skip


def widths(width: int | list[int]) -> str:
    """width 128; widths 256, 128, 64; of many the first, the last, the least and the most."""
    if isinstance(width, int):
        return f"width {count(width)}"
    if len(width) <= SPELT_OUT:
        return f"widths {', '.join(map(count, width))}"
    ends, within = (width[0], width[-1]), (min(width), max(width))
    return "widths {} to {}, between {} and {}".format(*map(count, (*ends, *within)))


def _layer(model: dict[str, Any]) -> list[str]:
    """What a layer is made of: tanh, residual (scale 0.3, trained), layer norm after."""
    block, norm = ({"name": found} if isinstance(found, str) else found
                   for found in (model.get("block", "plain"), model.get("norm", "none")))  # fmt: skip
    words = [entry(model["activation"])]
    if block["name"] != "plain":
        keys = [f"{key} {scalar(block[key])}" for key in block if key not in ("name", "train_scale")]
        keys += ["trained"] if block.get("train_scale") else []
        words.append(f"{block['name']} ({', '.join(keys)})" if keys else block["name"])
    if norm["name"] != "none":
        eps = f", eps {scalar(norm['eps'])}" if norm.get("eps", EPS) != EPS else ""
        affine = ", affine" if norm.get("affine") else ""
        words.append(f"{norm['name']} norm {norm.get('place', 'before')}{eps}{affine}")
    return words


def _data(config: dict[str, Any], data: Samples | None) -> str:
    """The data set, how many samples of what, the task, and whether they were left as they are."""
    words = entry({key: config[key] for key in ("name", "path") if key in config})
    if data is None:
        return words
    held_out = f" + {count(data.held_out)} held out" if data.held_out else ""
    parts = [counted(data.samples, "sample") + held_out, counted(data.features, "feature")]
    if data.task == "classification":
        parts.append(f"classification, {count(data.outputs)} classes")
    else:
        parts.append(f"{data.task or 'target'}, {counted(data.outputs, 'value')} a sample")
    if config.get("standardize") is False:
        parts.append("standardize: false")
    return f"{words}: {', '.join(parts)}"


def _what_was_recorded(config: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    data = config["data"]
    layers = data["layers"]
    named = f"{counted(len(layers), 'layer')}, {layers[0]} to {layers[-1]} from the input on"
    networks = f"{counted(config['seeds'], 'network')}"
    few = layers if len(layers) <= MOST_NAMES else [*layers[:4], "...", *layers[-3:]]
    order = (("order", f"{data['order']}: {', '.join(few)}"),) if "order" in data else ()
    place = "of" if "watched" in data else "in"  # the model that was watched, or the file that was read
    recorded = f"{data['kind']} norms {place} {data['path']}"
    return ("recorded", recorded), ("layers", named), *order, ("networks", networks)


def activation_name(activation: dict[str, Any]) -> str:
    """What the slopes are of: tanh, or a formula; "" where it is not known."""
    return str(activation.get("value" if activation.get("name") == EXPRESSION else "name", ""))


def entry(choice: dict[str, Any] | str, most: int | None = ENTRIES) -> str:
    """A choice of the config in words: gaussian (sigma_w 1.5), without a 0 by default; a formula is its own.

    Its lists are of `most` entries; None: everything.
    """
    if isinstance(choice, str):
        return choice
    if choice["name"] == EXPRESSION:
        return activation_name(choice)
    keys = [
        f"{key} {scalar(value, most)}"
        for key, value in choice.items()
        if key != "name" and (most is None or value or key not in ZERO_BY_DEFAULT)
    ]
    return f"{choice['name']} ({', '.join(keys)})" if keys else str(choice["name"])
