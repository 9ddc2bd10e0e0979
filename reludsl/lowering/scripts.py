"""What lowerings write into a standalone script: how patterns or neurons are found, and how biases are split off.

Functions that stand in a script bring along what they call.
"""

from __future__ import annotations

from typing import Any

from reludsl.literals import literal
from reludsl.lowering.directions import MOST_DRAWN, pattern_slope
from reludsl.model.model import Draw, Drawn, Exact, Guarantee, Model, RandomFeatures

Functions = tuple[Any, ...]


def augment_text(model: Model) -> str:
    """The column of ones."""
    if not model.architecture.hidden_bias:
        return ""
    return "X = np.column_stack([X, np.ones(len(X))])  # a bias is a column of ones\n"


def split_bias_text(model: Model) -> str:
    """Hidden biases from the last row of the hidden weights, and so for gates; an output bias where there is one."""
    several = model.target.several
    bias = model.architecture.hidden_bias
    text = ""
    for weights, offsets in (("hidden_weights", "hidden_bias"), *([("gates", "gate_bias")] if _gated(model) else [])):
        text += (
            f"{weights}, {offsets} = {weights}[:-1], {weights}[-1]\n"
            if bias
            else f"{offsets} = np.zeros({weights}.shape[1])\n"
        )
    zeros = "np.zeros(output_weights.shape[1])" if several else "np.zeros(())"
    text += f"output_bias = {'c0' if model.architecture.output_bias else zeros}\n"
    return text if several else text + "output_weights = output_weights[:, 0]\n"


def _gated(model: Model) -> bool:
    return model.activation.gated


def robust_patterns_text(model: Model) -> tuple[Functions, str]:
    """Those of `patterns_text` where patterns have to keep on sets: the statements use a `reach`."""
    from reludsl.lowering import robust_cones, robust_patterns

    formulation, slope = model.formulation, pattern_slope(model)
    nothing = 'if not D.shape[1]:\n    sys.exit("no activation pattern survives this perturbation")\n'
    assert isinstance(formulation, Exact | Drawn), "a relaxation has no patterns"
    if isinstance(formulation, Exact) or formulation.draw.gates is not None:
        functions, text = patterns_text(model)
        if model.activation.gated:
            text += "alive = inside(X, directions, reach)\n"
            return (*functions, robust_cones.inside), text + _ALIVE + nothing
        text += "alive, directions = surviving(X, D, reach)\n"
        return (*functions, robust_cones.surviving), text + _ALIVE + nothing
    functions, text, count = _count(formulation.draw, model)
    draws = ", draws=True" if isinstance(formulation.draw.count, Guarantee) else ""
    pulls = "" if draws else ", pulls=pulls"
    arguments = f"X, {count}, {formulation.draw.seed}, reach, {slope!r}{draws}{pulls}"
    text += f"D, directions, drawn, survived = robust_patterns({arguments})\n"
    return (*functions, robust_patterns.robust_patterns), text + nothing


_ALIVE = "D, directions = D[:, alive], directions[:, alive]\n"


def patterns_text(model: Model) -> tuple[Functions, str]:
    """The functions that find a model's patterns, and the statements that define `D` and `directions`."""
    from reludsl.lowering import patterns

    formulation, slope = model.formulation, pattern_slope(model)
    if isinstance(formulation, Exact):
        functions: Functions = (patterns.count_patterns, patterns.enumerate_patterns)
        text = (
            f"if count_patterns(X) > {formulation.limit}:\n"
            f'    sys.exit(f"up to {{count_patterns(X)}} activation patterns: the limit is {formulation.limit}")\n'
            f"D, complete = enumerate_patterns(X, slope={slope!r})\n"
        )
        if model.activation.gated or model.activation.stepwise:
            text += "directions = interior_directions(X, D)\n"
            text += f"D, directions = patterns_of(X, directions, slope={slope!r})\n"
            return (*functions, patterns.interior_directions, patterns.patterns_of), text
        return functions, text
    assert isinstance(formulation, Drawn), "a relaxation has no patterns"
    draw = formulation.draw
    if draw.gates is not None:
        from reludsl import script_parts

        text = f"given = gate_directions({literal(draw.gates)}, X.shape[1])\n"
        text += f"D, directions = patterns_of(X, given, slope={slope!r})\n"
        return (script_parts.gate_directions, patterns.patterns_of), text
    functions, text, count = _count(draw, model)
    draws = ", draws=True" if isinstance(draw.count, Guarantee) else ""
    text += f"D, directions, drawn = sample_patterns(X, {count}, seed={draw.seed}, slope={slope!r}{draws})\n"
    return (*functions, patterns.sample_patterns), text


def features_text(model: Model, strengths: tuple[float, ...]) -> tuple[Functions, str]:
    """The functions that draw random neurons, and the statements that define `Z` and `directions`."""
    from reludsl.lowering import features, patterns

    assert isinstance(model.formulation, RandomFeatures)
    functions, text, count = _count(model.formulation.draw, model)
    text += (
        f"directions = random_directions(X.shape[1], {count}, seed={model.formulation.draw.seed})\n"
        f"directions = directions / penalty_norms(directions, {', '.join(map(repr, strengths))})\n"
        f"Z = feature_values(X, directions, {model.activation.slope!r}, {model.activation.stepwise})\n"
    )
    return (*functions, patterns.random_directions, features.penalty_norms, features.feature_values), text


def _count(draw: Draw, model: Model) -> tuple[Functions, str, str]:
    """How many directions: a number, or what a guarantee needs for the samples at hand."""
    if not isinstance(draw.count, Guarantee):
        return (), "", str(draw.count)
    from reludsl.lowering.guarantee import smallest_count

    predictions = "Y.size" if model.target.several else "len(y)"
    violation, confidence = draw.count.violation, draw.count.confidence
    text = f"count = smallest_count({predictions} + 1, {violation!r}, {confidence!r})\n"
    text += f'if count > {MOST_DRAWN}:\n    sys.exit(f"the guarantee needs {{count}} random directions")\n'
    return (smallest_count,), text, "count"
