"""What the backends over modelling libraries share: dual points out of multipliers, and the frame of their scripts.

A modelling library is handed the program as it stands. What a solver leaves behind is the same with each: a value of
every variable, and a multiplier of every constraint.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from reludsl.ir import (
    CellForm,
    Expression,
    FeatureForm,
    Named,
    PatternForm,
    PolynomialForm,
    Program,
    RelaxationForm,
    RobustForm,
    Semidefinite,
    as_dim,
)
from reludsl.ir.builders import Objects
from reludsl.ir.functions import Elementwise, LogSumExp
from reludsl.ir.robust_form import Reach
from reludsl.literals import literal

if TYPE_CHECKING:
    import numpy as np

    from reludsl.relaxation import RelaxationDual

_EXPONENTIALS = ("exp", "log", "logistic", "entropy")


def has_exponential_cones(program: Program) -> bool:
    """Whether a node of the program becomes an exponential cone."""
    return any(
        isinstance(node, LogSumExp) or (isinstance(node, Elementwise) and node.operation in _EXPONENTIALS)
        for node in program.nodes
    )


def has_semidefinite_cones(program: Program) -> bool:
    return any(isinstance(constraint, Semidefinite) for constraint in program.constraints)


def first_line(error: Exception) -> str:
    """What an error of a library says, in a line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


# -- dual points ---------------------------------------------------------------------------------------------------


class Splitting(Objects):
    """Carries a translation out, but makes a variable of one named expression, by a constraint.

    `variable` makes one of a shape. The multiplier of `constraint`, which is None until the expression is met, is a
    dual point.
    """

    def __init__(
        self,
        namespace: Mapping[str, Any],
        values: Mapping[str, Any],
        sizes: Mapping[str, int],
        split: Expression | None,
        variable: Callable[[Any], Any],
    ) -> None:
        super().__init__(namespace, values, sizes)
        self._split = split.name if isinstance(split, Named) else None
        self._variable = variable
        self.constraint: Any = None

    def let(self, name: str, value: Any) -> Any:
        if name != self._split:
            return super().let(name, value)
        variable = self._variable(value.shape)
        self.constraint = variable == value
        return variable


def split_expression(program: Program) -> Expression | None:
    """The named expression that becomes a variable of its own, where its multiplier tells a dual point.

    The predictions of a pattern, feature, cell or polynomial program and of a relaxation; of a robust program the
    slopes of the network.
    """
    if (robust := RobustForm.of(program)) is not None:
        return None if robust.obstacles else Reach(robust).slopes
    form = _predicting_form(program)
    return None if form is None else form.prediction


def dual_point(program: Program, arrays: Mapping[str, np.ndarray], multiplier: Any) -> np.ndarray | None:
    """Minus a subgradient of the sum of the losses at the predictions (n, c), None where the solver has none.

    `multiplier` is that of f - what it is = 0. The Lagrangian is L(f) + zᵀ(f - what it is): stationary in f for
    z = -∇L(f).
    """
    import numpy as np

    robust = RobustForm.of(program)
    form = robust.clean if robust is not None else _predicting_form(program)
    if form is None or multiplier is None:
        return None
    z = np.asarray(multiplier, dtype=float)
    return _scale(form.mean, len(z), arrays) * z.reshape(len(z), -1)


def relaxation_dual(
    program: Program, arrays: Mapping[str, np.ndarray], multiplier: Callable[[str], Any], z: np.ndarray | None
) -> np.ndarray | RelaxationDual | None:
    """The dual point of a relaxation: that of the predictions with the multipliers of the products of each piece.

    `multiplier` gives that of a constraint by name, or None. Other programs have that of the predictions alone.
    """
    import numpy as np

    from reludsl.relaxation import RelaxationDual, coordinates, sample_multipliers

    form = RelaxationForm.of(program)
    if form is None or z is None:
        return z
    scale = _scale(form.mean, len(z), arrays)
    at = coordinates(arrays["X"], form.activation.slope, form.split)
    S = []
    for piece, ending in enumerate(form.pieces):
        end = f"_{ending}" if ending else ""
        values = [multiplier(f"{kind}{end}") for kind in ("both_positive", "mixed", "both_negative", "same_sample")]
        if any(value is None for value in values):
            return None
        aa, ab, bb, same = (scale * np.asarray(value, dtype=float) for value in values)
        ab = 0.5 * (ab - np.diag(same.ravel()))
        S.append(sample_multipliers(at, piece, 0.5 * (aa + aa.T), ab, 0.5 * (bb + bb.T)))
    return RelaxationDual(z, tuple(S))


def _scale(mean: bool, n: int, arrays: Mapping[str, np.ndarray]) -> float:
    """How many times larger the sum of the losses is than their term."""
    weights = arrays.get("omega")
    return 1.0 if not mean else float(n if weights is None else weights.sum())


def _predicting_form(
    program: Program,
) -> PatternForm | FeatureForm | CellForm | PolynomialForm | RelaxationForm | None:
    """The form of a program whose predictions are a named expression that tells a dual point."""
    forms = (PatternForm, FeatureForm, CellForm, PolynomialForm, RelaxationForm)
    return next((form for kind in forms if (form := kind.of(program)) is not None), None)


# -- scripts -------------------------------------------------------------------------------------------------------


def size_and_constant_lines(program: Program, texts: Iterable[str]) -> list[str]:
    """The assignments of the sizes that these texts use, and of the program's named constants."""
    used = set(re.findall(r"\w+", " ".join(texts)))
    sizes = [f"{name} = {text}" for name, text in _sizes(program) if name in used]
    return [*sizes, *(f"{constant.name} = {literal(constant.value)}" for constant in program.constants)]


def _sizes(program: Program) -> list[tuple[str, str]]:
    """The program's sizes and the shapes of its data that tell them, sums of sizes after the sizes in them."""
    found: dict[str, str] = {}
    sides = [(data.name, axis, dim) for data in program.data for axis, dim in enumerate(data.shape)]
    for name, axis, dim in sorted(sides, key=lambda side: len(side[2].terms)):
        unknown = [(size, times) for size, times in dim.terms if size not in found]
        if len(unknown) == 1 and unknown[0][1] == 1:
            rest = (dim - as_dim(unknown[0][0])).written(times=" * ")
            less = f" - ({rest})" if " " in rest else f" - {rest}"
            found[unknown[0][0]] = f"{name}.shape[{axis}]" + ("" if rest == "0" else less)
    return list(found.items())
