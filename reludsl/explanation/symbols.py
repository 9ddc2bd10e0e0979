"""Where the symbols of a problem and of its program come from."""

from __future__ import annotations

from collections.abc import Iterator

from reludsl.diagnostics import listed
from reludsl.ir import (
    CellForm,
    Changes,
    Constant,
    FeatureForm,
    Movement,
    PatternForm,
    PolynomialForm,
    Program,
    RelaxationForm,
    RobustForm,
    TrainingForm,
    WassersteinForm,
    unicode,
)
from reludsl.model.model import Adaptive, Model, RandomFeatures
from reludsl.model.problem import one_hot, targets


def symbols(model: Model, problem: Program, program: Program) -> Iterator[tuple[str, str]]:
    """Each symbol of the two problems with where it comes from."""
    yield from _symbols_of_data(model, convex=program.form != problem.form)
    yield from _symbols_of_network(model, problem)
    if isinstance(problem.form, TrainingForm):
        yield from _symbols_of_changes(problem.form)
    match program.form:
        case FeatureForm():
            yield from _symbols_of_features(model)
        case PatternForm() as form:
            yield from _symbols_of_patterns(model, form)
        case CellForm() as form:
            yield from _symbols_of_cells(form)
        case PolynomialForm():
            yield (
                "V, W",
                "sums of |α| (u, 1)(u, 1)ᵀ over the neurons u with a positive output weight α, and a negative one",
            )
            yield "", "their last diagonal entries are the sums of |α|"
        case RelaxationForm() as form:
            yield from _symbols_of_moments(form)
        case RobustForm() as form:
            yield from _symbols_of_patterns(model, form.clean)
            yield from _symbols_of_sets(form)
        case WassersteinForm() as form:
            yield from _symbols_of_patterns(model, form.clean)
            yield "r", "how much a unit of each raw input is after scaling; 0 for a bias"
            yield "ε", "the radius of the perturbation"
    yield from _strengths(model, problem, program)


def _symbols_of_data(model: Model, convex: bool) -> Iterator[tuple[str, str]]:
    target, y = model.target, targets(model).name
    yield "X", f"the input `{model.input.name}`, {_SCALED[model.input.scale]}"
    if convex and model.architecture.hidden_bias:
        yield "", "in the convex program a column of ones is appended: its weights are the hidden biases"
    if target.binary:
        positive = "1" if target.positive is None else f"`{target.positive}`"
        yield y, f"the target `{target.name}`: +1 for the label {positive}, −1 for the other"
    elif target.categorical:
        others = "0" if one_hot(model) else "−1"
        yield y, f"the target `{target.name}`, a column a class: 1 for the class of a sample, {others} elsewhere"
    else:
        yield y, f"the target `{target.name}`, {_SCALED[target.scale]}"
    if model.weight is not None:
        yield "ω", f"the weights `{model.weight.name}` of the samples"


def _symbols_of_network(model: Model, problem: Program) -> Iterator[tuple[str, str]]:
    names = {variable.name for variable in problem.variables}
    hidden = "U, b" if "b" in names else "U"
    yield f"{hidden}, α", "the hidden neurons, one a column of U, and their output weights"
    if model.target.several and not model.architecture.shared:
        yield "", "a neuron feeds one output, so each row of α has one entry that is not 0"
    if "c0" in names:
        yield "c₀", "the output bias" + ("es, one an output" if model.target.several else "")
    if model.activation.gated:
        gates = "G, g" if "b" in names else "G"
        yield gates, "the fixed gates of the neurons, one a column: a neuron is open where its gate is not negative"


def _symbols_of_changes(form: TrainingForm) -> Iterator[tuple[str, str]]:
    match form.perturbed:
        case Changes(ball, box):
            yield ("Δ" if ball is None else "Z"), form.perturbed.variable.meaning
            if ball is not None:
                yield _symbol("radius"), "the radii of the perturbation, as the inputs are scaled"
            if box:
                limits = f"{_symbol('lower')}, {_symbol('upper')}"
                yield limits, "the least and the greatest changes, as the inputs are scaled"
        case Movement():
            yield "r", "how much a unit of each raw input is after scaling"
            yield "ε", "the radius of the perturbation"


def _symbols_of_features(model: Model) -> Iterator[tuple[str, str]]:
    if isinstance(model.formulation, Adaptive):
        yield "Z", "the neurons that the search holds on the samples, one a column, of directions of norm 1"
        yield "a", "output weights, a row for each column of Z"
        return
    if isinstance(model.formulation, RandomFeatures):
        yield "Z", "the random neurons on the samples, one a column, each scaled so that its penalty is 1"
    else:
        yield "Z", "activation patterns, one a column: steps of the height 1"
    yield "a", "output weights, one for each column of Z" + (" and output" if model.target.several else "")


def _symbols_of_patterns(model: Model, form: PatternForm) -> Iterator[tuple[str, str]]:
    yield "D", "activation patterns: D_ki = 1 where pattern i lets sample k through"
    if any(node.name == "Gamma" for node in form.program().named):
        slope = _number(form.activation.slope)
        yield "Γ", f"the activation's slopes on the patterns: 1 where D is 1, {slope} elsewhere"
    if form.several:
        yield "S", "which column of D belongs to which output: the patterns are repeated for each"
    if form.activation.gated:
        yield "U", "in the convex program: column i becomes one neuron with the gate of pattern i"
    else:
        yield "V, W", "column i of V becomes one neuron with a positive output weight, of W a negative one"


def _symbols_of_cells(form: CellForm) -> Iterator[tuple[str, str]]:
    yield "D", "the pattern of each cell, repeated for the rows of its block"
    if any(node.name == "Gamma" for node in form.program().named):
        slope = _number(form.activation.slope)
        yield "Γ", f"the activation's slopes on the patterns: 1 where D is 1, {slope} elsewhere"
    yield "B", "the coordinate vectors of each cell: along its middle, and across in units of its width"
    yield "W", "in the convex program: Σ [α; y][α; y]ᵀ over the neurons (By, α) of each cell, a block each"
    yield "H", "what these moments cost: the squared norms of By and α"
    yield "L, M", "pairs of coordinates in which the generators of a cell are the unit vectors"


def _symbols_of_moments(form: RelaxationForm) -> Iterator[tuple[str, str]]:
    if form.splits:
        signs = f"each combination of the signs of neurons at {form.splits} of the samples"
        yield "", f"there is an N, and so on, for {signs}, where it is plus or minus XB"
    yield (
        "Z",
        "in the convex program: second moments of the output weights, first, and of coordinates of the hidden ones",
    )
    yield "B", "takes the coordinates z to hidden weights u = Bz"
    yield "N", "takes them to |Xu|, as far as a linear map can: a coordinate for each sample in another direction"
    yield "P, M", "the positive and the negative parts of Xu; their products are not negative, and 0 within a sample"


def _symbols_of_sets(form: RobustForm) -> Iterator[tuple[str, str]]:
    if form.M is None and form.H is not None:
        yield "", "X holds the centres of the boxes around the samples"
    if form.r is not None:
        yield "r", "the radii of the perturbation, as the inputs are scaled; 0 for a bias"
    if form.H is not None:
        yield "H", "the half-widths of the boxes around the samples, as the inputs are scaled; 0 for a bias"
    if form.M is not None:
        yield "M", "the centres of the boxes, seen from the samples"
        yield "B", "in the convex program: which part of slopes and neurons the box bounds, and not the ball"
    if form.clean.several:
        yield "A, T", "which sample and which output each row belongs to"


def _strengths(model: Model, problem: Program, program: Program) -> Iterator[tuple[str, str]]:
    """The strengths, where more than one symbol stands for them or the two problems call them differently."""
    parts = [part for part in model.regularizers if part.strength > 0]
    if len(parts) > 1:
        symbols = ", ".join(_symbol(f"beta_{k + 1}") for k in range(len(parts)))
        names = listed([part.name for part in parts], "and")
        yield symbols, f"in the training problem: the strengths of {names}, in this order"
    feature = isinstance(program.form, FeatureForm)
    for name in (constant.name for constant in program.constants):
        if program.form != problem.form and name in _STRENGTHS and not (name == "beta" and len(parts) == 1):
            meaning = "the sum of the strengths" if feature and name == "beta_l1" else _STRENGTHS[name]
            yield _symbol(name), meaning


_STRENGTHS = {
    "beta": "the strength on norms of neurons, by `weight_decay` and `path_norm`",
    "beta_l1": "the strength on absolute weights, by `l1`",
    "beta_l2": "the strength on squared norms of neurons, by `l2`",
    "beta_free": "the strength on norms of neurons without their biases, the last row of V and W",
    "beta_l1_free": "the strength on absolute weights without the biases, the last row of V and W",
    "beta_l2_free": "the strength on squared norms of neurons without their biases, the last row of V and W",
    "beta_bias": "the strength on absolute output biases, by `path_norm` and `l1`",
    "beta_bias_2": "the strength on squared output biases, by `weight_decay` and `l2`",
}

_SCALED = {
    "none": "not scaled",
    "standard": "each column minus its mean, divided by its standard deviation",
    "minmax": "each column mapped to [0, 1]",
    "unit_columns": "each column divided by its Euclidean norm",
}


def _symbol(name: str) -> str:
    return unicode(Constant(0.0, name))


def _number(value: float) -> str:
    return unicode(Constant(value))
