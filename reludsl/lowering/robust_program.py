"""Training against perturbations: the robust counterpart of the pattern program (`formulations.md`, section 5).

Its optimum is an upper bound on that of the robust training problem, attained by the network that `recover` builds: on
the whole set around every sample each neuron is active, or is not, so the worst loss of the program is the network's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from reludsl.diagnostics import Diagnostic, Label
from reludsl.ir import Program, RobustForm, WassersteinForm
from reludsl.ir.functions import Order
from reludsl.literals import literal
from reludsl.lowering.base import Instance, Meaning
from reludsl.lowering.pattern_program import PatternProgram, augmented
from reludsl.lowering.scripts import Functions, augment_text, robust_patterns_text
from reludsl.mistakes import Mistakes
from reludsl.model.model import Perturbation, Wasserstein

if TYPE_CHECKING:
    import numpy as np

    from reludsl.data.encoding import Encoding, Samples
    from reludsl.network import Network
    from reludsl.perturbation_sets import PerturbationSet

_ORDERS: dict[str, Order] = {"linf": "inf", "l2": 2, "l1": 1}
LIMITS = ("radius", "lower", "upper", "minimum", "maximum")


@dataclass(frozen=True)
class RobustProgram(PatternProgram):
    """The pattern program of a model whose samples may change within sets around them."""

    @property
    def perturbation(self) -> Perturbation:
        assert isinstance(self.model.perturbation, Perturbation)
        return self.model.perturbation

    @property
    def limited(self) -> bool:
        """Whether there are limits beside a ball."""
        return self.perturbation.limited

    @cached_property
    def robust(self) -> RobustForm:
        norm = self.perturbation.norm
        box = norm == "box" or self.limited
        ball = None if norm == "box" or (norm == "linf" and box) else _ORDERS[norm]
        return RobustForm(self.form, ball, box)

    @cached_property
    def program(self) -> Program:
        return self.robust.program()

    @cached_property
    def meaning(self) -> Meaning:
        scope: Literal["program"] | None = None if self.robust.obstacles else "program"
        exact = self.form.activation.gated and not self.form.several
        if exact:
            return Meaning(
                "equal",
                "For its gates, none of which changes inside of a sample's set, the optimum equals that of robust "
                "training of the gated network.",
                scope,
            )
        sentence = (
            "Every neuron keeps its activation on the whole set around each sample, so the worst loss over the sets is "
            "exact, and the optimum is an upper bound on that of the robust training problem; the network that is "
            "returned attains it."
        )
        if self.form.several:
            sentence = (
                "Every neuron keeps its activation on the whole set around each sample, and each output meets the "
                "change that is worst for it, so the optimum is an upper bound on that of the robust training problem, "
                "and on the worst loss of the network that is returned."
            )
        return Meaning("upper bound", sentence, scope)

    def bind(self, samples: Samples, encoding: Encoding) -> Instance:
        from dataclasses import replace

        from reludsl.lowering.directions import find_patterns
        from reludsl.lowering.perturbed import pulls_at_zero, reach_of, rows_of_outputs

        arrays = self.sets(samples, encoding)
        X = augmented(self.model, samples.X)
        M = arrays.get("M")
        if self.robust.ball is None:
            assert M is not None
            X = X + arrays.pop("M")
        outputs = self.outputs(samples)
        pulls = pulls_at_zero(self.form.loss, samples.y, samples.weights)
        found = find_patterns(self.model, X, outputs, reach_of(arrays, self.robust.ball), pulls)
        instance = self.instance(X, samples, replace(found, complete=False))
        if self.form.several:
            arrays["A"], arrays["T"] = rows_of_outputs(len(X), outputs)
        return replace(instance, arrays={**instance.arrays, **arrays})

    def sets(self, samples: Samples, encoding: Encoding) -> dict[str, np.ndarray]:
        """The arrays of the samples' sets. Raises Mistakes (D324, D341)."""
        from reludsl.lowering.perturbed import set_arrays

        raw = samples.X * encoding.divisor + encoding.offset
        p = self.perturbation
        require_fitting(p, raw)
        limits = {name: getattr(p, name) for name in LIMITS}
        return set_arrays(raw, encoding.divisor, self.model.architecture.hidden_bias, p.norm, self.limited, **limits)

    def objective(self, network: Network, samples: Samples) -> float:
        """With the worst loss of each sample over its set."""
        from reludsl.robustness import robust_objective

        return robust_objective(network, samples, sets_of(self.perturbation, samples.X, network.encoding))

    @property
    def prunes(self) -> bool:
        """Never: merged neurons have the same predictions on the samples, but not around them."""
        return False

    @property
    def arrays_text(self) -> tuple[Functions, str]:
        from reludsl.ir.scalar_source import construction, standalone_classes
        from reludsl.lowering.perturbed import pulls_at_zero, reach_of, rows_of_outputs, set_arrays

        p, model = self.perturbation, self.model
        limits = ", ".join(f"{name}={literal(getattr(p, name))}" for name in LIMITS)
        bias = model.architecture.hidden_bias
        text = f"sets = set_arrays(raw, input_divisor, {bias}, {literal(p.norm)}, {self.limited}, {limits})\n"
        text += augment_text(model)
        if self.robust.ball is None:
            text += 'X = X + sets.pop("M")  # the centres of the boxes\n'
        data = (self.robust.r, self.robust.H, self.robust.M)
        text += "".join(f'{array.name} = sets["{array.name}"]\n' for array in data if array is not None)
        functions, patterns = robust_patterns_text(model)
        text += f"reach = reach_of(sets, {literal(self.robust.ball)})\n"
        if "pulls" in patterns:
            weights = "omega" if self.form.weighted else "None"
            text += f"pulls = pulls_at_zero({construction(self.form.loss)}, {self.form.y.name}, {weights})\n"
            functions = (pulls_at_zero, *standalone_classes(self.form.loss), *functions)
        text += patterns + self.blocks_text
        if self.form.several:
            text += f"A, T = rows_of_outputs(len(X), {self.outputs_text})\n"
            functions = (rows_of_outputs, *functions)
        return (set_arrays, reach_of, *functions), text


def require_fitting(p: Perturbation, raw: np.ndarray) -> None:
    """Raises Mistakes where a perturbation does not fit raw samples (n, d): D324, D341."""
    import numpy as np

    mistakes = []
    labels = () if p.span is None else (Label(p.span, "this perturbation"),)
    for name in LIMITS:
        value = getattr(p, name)
        if isinstance(value, tuple) and len(value) != raw.shape[1]:
            message = f"`{name}` has {len(value)} entries, the data {raw.shape[1]} input columns"
            mistakes.append(Diagnostic("D324", message, labels, help="give one number, or one for each input column"))
    if mistakes:
        raise Mistakes(mistakes)
    slack = 1e-9 * np.maximum(1.0, np.abs(raw))
    for name, sign in (("minimum", 1.0), ("maximum", -1.0)):
        value = getattr(p, name)
        if value is None:
            continue
        outside = sign * (raw - np.asarray(value)) < -slack
        if outside.any():
            row, column = (int(place) for place in np.argwhere(outside)[0])
            message = f"{int(outside.any(axis=1).sum())} of {len(raw)} samples lie outside of the perturbation's limits"
            note = f"the value {raw[row, column]:g} in input column {column + 1}, `{name}` is "
            limit = np.broadcast_to(np.asarray(value), raw.shape[1:])[column]
            raise Mistakes(
                [
                    Diagnostic(
                        "D341",
                        message,
                        labels,
                        notes=(f"{note}{limit:g}",),
                        help="limits are in the units of the raw inputs; choose some that all samples satisfy",
                    )
                ]
            )


def sets_of(perturbation: Perturbation, X: np.ndarray, encoding: Encoding) -> PerturbationSet:
    """The sets around scaled samples X (n, d), in scaled units."""
    from reludsl.perturbation_sets import perturbation_set

    raw = X * encoding.divisor + encoding.offset
    limits = {name: getattr(perturbation, name) for name in LIMITS}
    return perturbation_set(raw, perturbation.norm, **limits).scaled(encoding.divisor)


def dual_order(moved: Wasserstein) -> Order:
    """The order of the norm that slopes are measured by where distances are by the perturbation's."""
    orders: dict[str, Order] = {"linf": 1, "l2": 2, "l1": "inf"}
    return orders[moved.norm]


@dataclass(frozen=True)
class WassersteinProgram(PatternProgram):
    """The pattern program of a model whose samples' distribution may move."""

    @cached_property
    def wasserstein(self) -> WassersteinForm:
        moved = self.model.perturbation
        assert isinstance(moved, Wasserstein)
        return WassersteinForm(self.form, moved.radius, dual_order(moved), moved.span)

    @cached_property
    def program(self) -> Program:
        return self.wasserstein.program()

    @cached_property
    def meaning(self) -> Meaning:
        return Meaning(
            "upper bound",
            "The network's Lipschitz constant is bounded by the sum of its neurons' own, so the optimum is an upper "
            "bound on that of distributionally robust training, and on the worst mean loss of the network.",
            None,
        )

    def bind(self, samples: Samples, encoding: Encoding) -> Instance:
        from dataclasses import replace

        from reludsl.lowering.perturbed import slopes_of_scaling

        instance = super().bind(samples, encoding)
        r = slopes_of_scaling(encoding.divisor, self.model.architecture.hidden_bias)
        return replace(instance, arrays={**instance.arrays, "r": r}, complete=False)

    def objective(self, network: Network, samples: Samples) -> float:
        """With what the worst distribution adds at most."""
        from reludsl.robustness import wasserstein_objective

        return wasserstein_objective(network, samples, self.wasserstein.radius, float(self.wasserstein.order))

    @property
    def prunes(self) -> bool:
        """Never: merged neurons may have steeper slopes between the samples."""
        return False

    @property
    def arrays_text(self) -> tuple[Functions, str]:
        from reludsl.lowering.perturbed import slopes_of_scaling

        functions, text = super().arrays_text
        bias = self.model.architecture.hidden_bias
        return (*functions, slopes_of_scaling), text + f"r = slopes_of_scaling(input_divisor, {bias})\n"
