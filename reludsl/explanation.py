"""`reludsl explain SPEC`: what the compiler understood, in mathematics and in sentences."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from reludsl.backend import Backend
from reludsl.diagnostics import listed
from reludsl.ir import (
    Changes,
    Constant,
    FeatureForm,
    Movement,
    PatternForm,
    Program,
    RobustForm,
    Shape,
    TrainingForm,
    WassersteinForm,
    infer_sizes,
    program_latex,
    program_text,
    program_unicode,
    unicode,
)
from reludsl.lowering import Instance, Lowered
from reludsl.model.model import Exact, Gated, Guarantee, Model, RandomFeatures, Wasserstein
from reludsl.model.problem import one_hot, targets, training_problem
from reludsl.options import Settings
from reludsl.pipeline import Compilation

if TYPE_CHECKING:
    from reludsl.data.binding import Bound

_WIDTH = 100


def explain_compilation(compilation: Compilation, bound: Bound | None, *, stage: str | None, latex: bool) -> str:
    """The whole explanation, or one stage of it: "model", the training problem, or "program", the convex one."""
    backend, settings, chosen = compilation.backend()
    model, lowered = compilation.model, compilation.lowered_for(backend)
    problem = lowered.program if backend.local else training_problem(model).program()
    write: Callable[[Program], str] = program_latex if latex else program_unicode
    if stage == "model":
        return write(problem).rstrip()
    if stage == "program":
        return (program_latex if latex else program_text)(lowered.program).rstrip()
    decisions = [*model.decisions, *chosen]
    threshold = ""
    if bound is None:
        sizes = "" if backend.local else _sizes(lowered.program, {})
    else:
        instance = lowered.bind(bound.train, bound.encoding)
        known = infer_sizes(lowered.program.expressions, {name: a.shape for name, a in instance.arrays.items()})
        decisions += instance.decisions
        counted = _dimensions(known) if backend.local else _sizes(lowered.program, known)
        sizes = "\n".join(filter(None, (instance.origin, counted)))
        threshold = "" if backend.local else _zero_network(model, lowered.program, instance)
    sections = [
        ("The training problem (not convex; m is the number of hidden neurons)", write(problem)),
        ("The perturbation", "\n\n".join(map(_filled, _perturbation(model, backend)))),
        ("The convex program", "" if backend.local else write(lowered.program)),
        ("What its optimum means", "\n\n".join(map(_filled, _meaning(model, lowered, backend)))),
        ("The lower bound", _filled(_bound(lowered, backend))),
        ("How many neurons", _filled(_width(model, lowered, backend, settings))),
        ("Where the symbols come from", _table(_symbols(model, problem, lowered.program))),
        ("Sizes" if bound is not None else "Sizes (their numbers come with --data)", sizes),
        ("When hidden neurons cost more than they bring", threshold),
        ("Backend", f"{backend.name}: {backend.summary}"),
        ("Decisions taken", "\n".join(map(str, decisions)) or "none: the spec says everything"),
    ]
    return "\n\n".join(f"{title}\n\n{textwrap.indent(text.rstrip(), '  ')}" for title, text in sections if text)


def _filled(text: str) -> str:
    return textwrap.fill(text, _WIDTH)


# -- what the optimum means --------------------------------------------------------------------------------------


def _meaning(model: Model, lowered: Lowered, backend: Backend) -> Iterator[str]:
    """Paragraphs on what the optimum says of the non-convex problem, and what else decides it."""
    if isinstance(model.formulation, Gated) and not model.architecture.activation.gated:
        yield (
            "The network is gated: `formulation gated` switches each neuron by a fixed gate, where the architecture "
            "alone would let its own weights decide."
        )
    yield lowered.meaning.sentence
    if backend.local:
        return
    notes = [*_notes_on_penalties(model), *_notes_on_biases(model), *_notes_on_outputs(model)]
    if notes:
        yield " ".join(notes)
    if guarantee := _guarantee(model):
        yield guarantee


def _notes_on_penalties(model: Model) -> Iterator[str]:
    """Which regularizers keep the convex program equivalent to the training problem, but for missing patterns."""
    parts = [part for part in model.regularizers if part.strength > 0]
    exact = _names(part.name for part in parts if part.penalty.exact)
    if isinstance(model.formulation, RandomFeatures):
        if exact:
            yield f"The random neurons are scaled to the penalty 1, so that {exact} is the l1 norm of output weights."
        return
    if all(part.penalty.exact for part in parts):
        if exact:
            yield f"The convex program counts {exact} by a norm of each neuron, which keeps the equivalence exact."
        return
    alone = f"; {exact} would by itself" if exact else ""
    if model.activation.gated:
        yield f"`l2` keeps the equivalence exact for one neuron a gate only{alone}."
    else:
        yield f"`l2` does not keep the equivalence exact, as two half neurons cost less than one{alone}."


def _notes_on_biases(model: Model) -> Iterator[str]:
    architecture = model.architecture
    parts = [part for part in model.regularizers if part.strength > 0]
    if not (architecture.hidden_bias or architecture.output_bias) or not parts:
        return
    biases = "The output bias is" if architecture.bias == "output" and not model.target.several else "Biases are"
    free = [part for part in parts if not part.penalty.biases]
    exact = all(part.penalty.exact for part in parts) and not isinstance(model.formulation, RandomFeatures)
    keeps = ", which keeps the equivalence exact as well" if exact else ""
    if not free:
        yield f"{biases} penalized like weights{keeps}."
        return
    limit = ""
    decay = any(part.name == "weight_decay" for part in free)
    if architecture.hidden_bias and decay and len(free) == len(parts) and exact:
        limit = (
            " The optimum may be approached without being attained: a neuron that is all bias costs nothing in the "
            "limit of a large bias and a small output weight."
        )
    yield f"{biases} not penalized by {_names(part.name for part in free)}{keeps}.{limit}"


def _notes_on_outputs(model: Model) -> Iterator[str]:
    if model.target.several:
        yield "Each output has hidden neurons of its own; outputs that share them would need another program."


def _guarantee(model: Model) -> str:
    """What a guarantee says, in the words of Campi and Garatti (2008): a probability, and no distance."""
    formulation = model.formulation
    if isinstance(formulation, Exact) or formulation.draw.gates is not None:
        return ""
    match formulation.draw.count:
        case Guarantee(violation, confidence):
            one = "neuron" if isinstance(formulation, RandomFeatures) else "pattern"
            return (
                f"The guarantee: with probability {confidence:g} over the draw, one further random {one} lowers the "
                f"optimal value with probability at most {violation:g}. It says nothing about the distance to the "
                "global optimum."
            )
    return ""


def _names(names: Iterable[str]) -> str:
    return listed(dict.fromkeys(names), "and")


# -- the perturbation --------------------------------------------------------------------------------------------


def _perturbation(model: Model, backend: Backend) -> Iterator[str]:
    """What the network has to withstand, with its numbers."""
    perturbation = model.perturbation
    if perturbation is None:
        return
    if perturbation.changes_nothing:
        yield "It changes nothing: the problem is that without it."
        return
    if isinstance(perturbation, Wasserstein):
        yield (
            "In place of the mean loss on the samples stands the worst one over all distributions of inputs that are "
            f"within {perturbation.radius:g} of them in the order-1 Wasserstein distance; how far one sample is from "
            f"another is measured by the {perturbation.norm} norm, in the units of the raw inputs."
        )
        return
    names = ("radius", "lower", "upper", "minimum", "maximum")
    given = [(name, getattr(perturbation, name)) for name in names]
    numbers = ", ".join(f"{name} {_numbers(value)}" for name, value in given if value is not None)
    yield (
        "In place of each sample's loss stands the worst one over all changes of its inputs in the set of "
        f"`{perturbation.name}` ({numbers}), in the units of the raw inputs. Biases do not change."
    )
    if backend.local:
        return
    if model.loss.function.one_hot:
        yield "Each other class meets the change that favours it most: a safe upper bound on one change for all."
    elif model.target.several:
        yield "Each output meets the change that is worst for it: a safe upper bound on one change for all outputs."


def _numbers(value: float | tuple[float, ...]) -> str:
    return f"[{', '.join(f'{number:g}' for number in value)}]" if isinstance(value, tuple) else f"{value:g}"


# -- the bound ---------------------------------------------------------------------------------------------------


def _bound(lowered: Lowered, backend: Backend) -> str:
    """Whether a solve will prove a lower bound, and why not."""
    match lowered.meaning.scope:
        case None if backend.local:
            return f"None: `{backend.name}` trains the network itself."
        case None:
            return "None: it is not known for this perturbation together with this loss, penalty or output bias."
        case "global":
            return (
                "The result comes with a proved lower bound on the program's optimum, by duality; with every pattern "
                "it is one on the optimum of the training problem."
            )
    return "The result comes with a proved lower bound on the program's optimum, by duality."


# -- how many neurons --------------------------------------------------------------------------------------------


def _width(model: Model, lowered: Lowered, backend: Backend, settings: Settings) -> str:
    wanted = model.architecture.width
    if backend.local:
        shared = ", divided evenly among the outputs" if model.target.several else ""
        if model.activation.gated:
            return "One for each gate" + (" and output." if model.target.several else ".")
        if wanted is None:
            return f"{settings['width']}, by the option `width` of `{backend.name}`{shared}."
        return f"{wanted}, by the `width` of the architecture{shared}."
    form = PatternForm.of(lowered.program)
    found = "As many as the solution of the convex program has."
    if form is not None and not (form.activation.gated or form.penalty.total.l2 or form.penalty.mixed):
        found = (
            "As many as the solution of the convex program has, after neurons of the same pattern, sign and output "
            "are merged and those that the others can replace are removed; neither changes a prediction on the "
            "training samples or raises the penalty."
        )
    if wanted is None:
        return found
    return f"{found} At most {wanted} are wanted: that is checked then, and a wider network comes with a warning."


def _zero_network(model: Model, program: Program, instance: Instance) -> str:
    """The strength from which on the program's optimum has no hidden neurons; nothing where that is not known."""
    from reludsl.certificate import zero_strength

    found = zero_strength(program, instance.arrays)
    parts = [part for part in model.regularizers if part.strength > 0]
    if found is None or not parts:
        return ""
    strengths = " and ".join(f"{found.multiple * part.strength:.6g} of `{part.name}`" for part in parts)
    times = "" if len(parts) == 1 else f", {found.multiple:.4g} times those of the spec"
    latest = "" if found.exact else " at the latest"
    reached = " That is so here." if found.multiple <= 1 else ""
    name = "strength" if len(parts) == 1 else "strengths"
    return _filled(f"The network without any is optimal from the {name} {strengths} on{latest}{times}.{reached}")


# -- symbols -----------------------------------------------------------------------------------------------------


def _symbols(model: Model, problem: Program, program: Program) -> Iterator[tuple[str, str]]:
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
    if model.target.several:
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


def _table(rows: Iterable[tuple[str, str]]) -> str:
    lines = list(rows)
    width = max(len(symbols) for symbols, _ in lines)
    return "\n".join(f"{symbols:{width}}  {text}" for symbols, text in lines)


# -- sizes -------------------------------------------------------------------------------------------------------


def _sizes(program: Program, sizes: Mapping[str, int]) -> str:
    """How large the program is: in numbers where the sizes are known, in symbols otherwise."""
    lines = [_dimensions(sizes)] if sizes else []
    unknowns = [variable.shape for variable in program.variables]
    conditions = [part.shape for constraint in program.constraints for part in constraint.expressions]
    lines += [f"{_count(unknowns, sizes)} unknowns", f"{_count(conditions, sizes)} inequalities"]
    return "\n".join(lines)


def _dimensions(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name} = {size}" for name, size in sizes.items())


def _count(shapes: Iterable[Shape], sizes: Mapping[str, int]) -> str:
    shapes = list(shapes)
    if not shapes:
        return "no"
    if sizes:
        return str(sum(math.prod(dim.evaluate(sizes) for dim in shape) for shape in shapes))
    return " + ".join("·".join(_factor(str(dim)) for dim in shape) or "1" for shape in shapes)


def _factor(text: str) -> str:
    return f"({text})" if " " in text else text
