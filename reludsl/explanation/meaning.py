"""What the optimum of a program means, in sentences: for training, under a perturbation, and what is proved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reludsl.backend import Backend
from reludsl.diagnostics import listed
from reludsl.ir import (
    CellForm,
    FeatureForm,
    PatternForm,
    PolynomialForm,
    RelaxationForm,
)
from reludsl.lowering import Lowered
from reludsl.model.model import Adaptive, Exact, Gated, Guarantee, Model, RandomFeatures, SdpRelaxation, Wasserstein
from reludsl.options import Settings


def meaning(model: Model, lowered: Lowered, backend: Backend) -> Iterator[str]:
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
    if isinstance(model.formulation, Adaptive) and not model.architecture.shared:
        yield _search(model.formulation)


def _notes_on_penalties(model: Model) -> Iterator[str]:
    """Which regularizers keep the convex program equivalent to the training problem, but for missing patterns."""
    parts = [part for part in model.regularizers if part.strength > 0]
    exact = _names(part.name for part in parts if part.penalty.exact)
    if model.activation.polynomial:
        bias = ", hidden bias included," if model.architecture.hidden_bias else ""
        length = f", so {exact} is the l1 norm of the output weights" if exact else ""
        yield f"The hidden weights of every neuron{bias} have norm 1{length}."
        return
    if isinstance(model.formulation, RandomFeatures):
        if exact:
            yield f"The random neurons are scaled to the penalty 1, so that {exact} is the l1 norm of output weights."
        return
    if model.architecture.shared:
        yield (
            f"The directions have norm 1, so {exact} is the sum of the norms of the neurons' output weights."
            if isinstance(model.formulation, Adaptive)
            else f"The convex program counts {exact} by the moments of the neurons, in which it is linear."
        )
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
    hidden = architecture.hidden_bias and not model.activation.polynomial  # there it is a part of the norm 1
    if not (hidden or architecture.output_bias) or not parts:
        return
    biases = "Biases are" if hidden or model.target.several else "The output bias is"
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
    if isinstance(model.formulation, SdpRelaxation):
        yield (
            "The relaxation as published is over moments Z = Σ [v; a; b; u][v; a; b; u]ᵀ of outputs v, positive parts "
            "a, negative parts b and hidden weights u, of order 2n + d + c: Z ⪰ 0, Z_aa, Z_ab, Z_bb ≥ 0, diag Z_ab = 0 "
            "and (a − b − Xu) Z = 0. The last says that the range of Z lies where a − b = Xu, so Z = T Z' Tᵀ with a "
            "basis T of that space and Z' ⪰ 0 of order n + rank + c; conversely every such Z satisfies it. The program "
            "below is over Z', with the same optimum: it is facially reduced, without directions in which every "
            "feasible point is flat."
        )
    elif isinstance(model.formulation, Adaptive) and model.architecture.shared:
        yield (
            "All outputs share the hidden neurons. With their directions held the program is a group lasso; directions "
            "join where they bring more than they cost at its dual point, and move in descent on the training problem."
        )
    elif model.architecture.shared:
        yield (
            "All outputs share the hidden neurons. In the coordinates of a cell's generators the moments of its "
            "neurons are the completely positive matrices, and up to order four these are the ones with neither "
            "negative eigenvalues nor negative entries (Maxfield, Minc 1962)."
        )
    elif model.target.several:
        yield "Each output has hidden neurons of its own; outputs that share them would need another program."


def _guarantee(model: Model) -> str:
    """What a guarantee says, in the words of Campi and Garatti (2008): a probability, and no distance."""
    formulation = model.formulation
    if isinstance(formulation, Exact | SdpRelaxation) or formulation.draw.gates is not None:
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


def _search(formulation: Adaptive) -> str:
    """Where searched patterns come from, and when the search ends."""
    count = formulation.draw.count
    begins = (
        f"those of a network of {count} neurons after a short descent from random weights"
        if formulation.descends
        else f"those of random directions, up to {count}"
    )
    limit = "" if formulation.time_limit is None else f", or after {formulation.time_limit:g} seconds"
    return (
        f"The first patterns are {begins}. Each round solves the program over the patterns held, drops those that take "
        "no part, searches for neurons that bring more than they cost, and lets the network descend with them. The "
        f"search ends where what it still finds would leave a gap of at most {formulation.tolerance:g}, or a round "
        f"gains less than three tenths of that, also after four times as many starts{limit}. It is local, so that it "
        "proves nothing of patterns that it did not find: the bound is on the program over the patterns held at the "
        "end."
    )


def _names(names: Iterable[str]) -> str:
    return listed(dict.fromkeys(names), "and")


# -- the perturbation --------------------------------------------------------------------------------------------


def perturbation(model: Model, backend: Backend) -> Iterator[str]:
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


def bound_sentence(lowered: Lowered, backend: Backend) -> str:
    """Whether a solve will prove a lower bound, and why not."""
    match lowered.meaning.scope:
        case None if backend.local:
            return f"None: `{backend.name}` trains the network itself."
        case None:
            return "None: it is not known for this perturbation together with this loss, penalty or output bias."
        case "global" if RelaxationForm.of(lowered.program) is not None:
            return (
                "The result comes with a proved lower bound on the global optimum, by relaxation: whatever dual point "
                "the solver ends at is scaled until no neuron of any direction can bring more than it costs."
            )
        case "global" if CellForm.of(lowered.program) is not None:
            return (
                "The result comes with a proved lower bound on the global optimum, by enumeration: the dual point is "
                "scaled until no neuron of any cell brings more than it costs."
            )
        case "global" if PolynomialForm.of(lowered.program) is not None:
            return "The result comes with a proved lower bound on the optimum over all networks, by duality."
        case "global":
            return (
                "The result comes with a proved lower bound on the program's optimum, by duality; with every pattern "
                "it is one on the optimum of the training problem."
            )
    if (form := FeatureForm.of(lowered.program)) is not None and form.shared:
        return (
            "The result comes with a proved lower bound. In up to three dimensions, where the cells of the samples are "
            "few enough to enumerate, it is one on the global optimum: no neuron of any cell brings more than it costs "
            "at the dual point. Otherwise it is one on the program over the neurons found, by duality."
        )
    return "The result comes with a proved lower bound on the program's optimum, by duality."


# -- how many neurons --------------------------------------------------------------------------------------------


def width(model: Model, lowered: Lowered, backend: Backend, settings: Settings) -> str:
    wanted = model.architecture.width
    if backend.local:
        shared = ", divided evenly among the outputs" if model.architecture.separate else ""
        if model.activation.gated:
            return "One for each gate" + (" and output." if model.architecture.separate else ".")
        if wanted is None:
            return f"{settings['width']}, by the option `width` of `{backend.name}`{shared}."
        return f"{wanted}, by the `width` of the architecture{shared}."
    form = PatternForm.of(lowered.program)
    found = "As many as the solution of the convex program has."
    if model.activation.polynomial:
        found = (
            "As many as the two matrices of the solution have rank, after those that the others can replace on the "
            "training samples are removed; that changes no prediction on them and does not raise the penalty."
        )
    if isinstance(model.formulation, SdpRelaxation):
        drawn = f"{model.formulation.neurons} are drawn from the moments"
        if model.formulation.rounding == "eigenvectors":
            drawn = "Two for each eigenvector of the moments"
        if model.formulation.rounding == "three_operator":
            drawn += ", brought near to neurons that have them by three-operator splitting,"
        found = f"{drawn} and trained by descent; those that the others can replace are removed."
    if isinstance(model.formulation, Adaptive):
        found = "As many as the search ends with; those that the others can replace are removed."
    if form is not None and not (form.activation.gated or form.penalty.total.l2 or form.penalty.mixed):
        found = (
            "As many as the solution of the convex program has, after neurons of the same pattern, sign and output "
            "are merged and those that the others can replace are removed; neither changes a prediction on the "
            "training samples or raises the penalty."
        )
    if wanted is None:
        return found
    return f"{found} At most {wanted} are wanted: that is checked then, and a wider network comes with a warning."
