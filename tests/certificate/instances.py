"""Programs of every form that has a dual bound, with data, feasible points and optima by another solver."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import product

import numpy as np

from reludsl.backends.cvxpy import build_problem
from reludsl.backends.modelling import dual_point
from reludsl.certificate.cones import PatternCones
from reludsl.ir import (
    Activation,
    BlockPenalty,
    CrossEntropy,
    Data,
    Distance,
    FeatureForm,
    Margin,
    PatternForm,
    Program,
    SampleLoss,
    sizes,
)
from reludsl.ir.pattern_problem import PatternProblem, masks_of_one_output, pattern_problem
from reludsl.lowering.patterns import sample_patterns
from reludsl.model.losses.hinge import Hinge
from reludsl.model.losses.huber import HuberFunction
from reludsl.model.losses.logistic import Logistic
from reludsl.model.losses.quantile import Pinball
from reludsl.model.losses.squared import HalfSquare
from reludsl.model.losses.squared_hinge import SquaredHinge

SMOOTH: dict[str, SampleLoss] = {
    "squared": Distance(HalfSquare()),
    "huber": Distance(HuberFunction(0.4)),
    "squared hinge": Margin(SquaredHinge()),
    "logistic": Margin(Logistic()),
    "cross-entropy": CrossEntropy(),
}
LOSSES = {
    **SMOOTH,
    "hinge": Margin(Hinge()),
    "hinge, margin 2": Margin(Hinge(2.0)),
    "absolute": Distance(Pinball()),
    "quantile": Distance(Pinball(0.7, 0.3)),
}


def _both(counting: str, leaving: str, beta: float) -> BlockPenalty:
    """Biases are counted by one penalty and left out by the other."""
    return BlockPenalty(**{counting: beta, f"{leaving}_without_biases": 0.7 * beta})


PENALTIES: dict[str, Callable[[float], BlockPenalty]] = {
    "group": lambda beta: BlockPenalty(group=beta),
    "ridge": lambda beta: BlockPenalty(l2=beta),
    "group, ridge": lambda beta: BlockPenalty(group=beta, l2=0.5 * beta),
    "l1": lambda beta: BlockPenalty(l1=beta),
    "sparse group": lambda beta: BlockPenalty(group=beta, l1=0.5 * beta),
    "l1, ridge": lambda beta: BlockPenalty(l1=0.5 * beta, l2=beta),
    "free": lambda beta: BlockPenalty(group_without_biases=beta),
    "free ridge": lambda beta: BlockPenalty(group_without_biases=beta, l2_without_biases=0.5 * beta),
    "free l1": lambda beta: BlockPenalty(l1_without_biases=beta),
    "free sparse group": lambda beta: BlockPenalty(group_without_biases=beta, l1_without_biases=0.5 * beta),
    "free l1, ridge": lambda beta: BlockPenalty(l1_without_biases=0.5 * beta, l2_without_biases=beta),
    **{
        f"biased {counting}, {leaving}": partial(_both, counting, leaving)
        for counting, leaving in product(("group", "l1", "l2"), repeat=2)
    },
    "biased all": lambda beta: BlockPenalty(0.5 * beta, 0.2 * beta, 0.1 * beta, 0.3 * beta, 0.2 * beta, 0.4 * beta),
}
"""Of columns, by strength; the free ones leave their last entry out, and of the biased ones some do."""
OFFSETS = {
    "none": None,
    "free": BlockPenalty(),
    "absolute": BlockPenalty(offset_l1=0.3),
    "squared": BlockPenalty(offset_l2=0.5),
    "both": BlockPenalty(offset_l1=0.2, offset_l2=0.4),
}
"""Output biases: none, or their penalties."""
ACTIVATIONS = {
    "relu": Activation(),
    "leaky": Activation("leaky_relu", 0.2),
    "absolute": Activation("absolute", -1.0),
    "gated": Activation("gated_relu"),
}
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Instance:
    """What a program is made of; `activation` "features" stands for a program over fixed neurons.

    `one_sided` adds the pattern that lets all samples through, which exists where columns have a bias.
    """

    loss: str = "squared"
    activation: str = "relu"
    offset: str = "none"
    several: bool = False
    weighted: bool = False
    mean: bool = False
    beta: float = 0.3
    seed: int = 0
    n: int = 12
    d: int = 3
    penalty: str = "group"
    one_sided: bool = False

    @property
    def features(self) -> bool:
        return self.activation == "features"

    @property
    def biased(self) -> bool:
        """Whether the last entry of a column is a bias of its own."""
        return not self.features and self.penalty.startswith(("free", "biased"))

    @property
    def form(self) -> PatternForm | FeatureForm:
        n, c = sizes("n, c")
        loss, offset = LOSSES[self.loss], OFFSETS[self.offset] or BlockPenalty()
        strength = self.beta / self.n if self.mean else self.beta
        penalties = {"offset_l1": offset.offset_l1, "offset_l2": offset.offset_l2}
        y = Data("Y", (n, c), meaning="targets") if self.several else Data("y", (n,), meaning="targets")
        shared = (self.mean, self.weighted, self.several, self.offset != "none", y)
        if self.features:
            return FeatureForm(loss, BlockPenalty(l1=strength, **penalties), *shared)
        return PatternForm(
            loss, replace(PENALTIES[self.penalty](strength), **penalties), ACTIVATIONS[self.activation], *shared
        )

    @property
    def program(self) -> Program:
        return self.form.program("p")

    @property
    def arrays(self) -> Arrays:
        return _arrays(self)

    @property
    def problem(self) -> PatternProblem:
        problem = pattern_problem(self.program, self.arrays)
        assert problem is not None
        return problem

    @property
    def outputs(self) -> int:
        return 3 if self.several else 1


def _arrays(given: Instance) -> Arrays:
    generator = np.random.default_rng([given.seed, given.n])
    X = generator.standard_normal((given.n, given.d))
    real = generator.standard_normal((given.n, given.outputs)) + X[:, :1]
    if isinstance(LOSSES[given.loss], CrossEntropy):
        real = np.eye(3)[real.argmax(axis=1)]
    elif isinstance(LOSSES[given.loss], Margin):
        real = np.where(real > 0.2, 1.0, -1.0)
    arrays: Arrays = {"Y": real} if given.several else {"y": real[:, 0]}
    if given.weighted:  # every fourth sample does not count
        arrays["omega"] = np.where(np.arange(given.n) % 4 == 1, 0.0, generator.uniform(0.5, 3.0, given.n))
    if given.features:
        return arrays | {"Z": np.maximum(X @ generator.standard_normal((given.d, 10)), 0.0)}
    if given.biased:
        X = np.column_stack([X, np.ones(given.n)])
    D, _, _ = sample_patterns(X, 6, given.seed, slope=ACTIVATIONS[given.activation].slope)
    if given.biased and given.one_sided:
        D = np.unique(np.column_stack([D, np.ones(given.n, dtype=bool)]), axis=1)
    if not given.several:
        return arrays | {"X": X, "D": D}
    return arrays | {"X": X, "D": np.tile(D, 3), "S": np.kron(np.eye(3), np.ones((D.shape[1], 1)))}


def random_feasible(given: Instance, seed: int, scale: float) -> Arrays:
    """A point of the program that satisfies its constraints."""
    generator = np.random.default_rng(seed)
    arrays, form = given.arrays, given.form
    point: Arrays = {}
    if isinstance(form, FeatureForm):
        neurons = arrays["Z"].shape[1]
        point["a"] = scale * generator.standard_normal((neurons, 3) if given.several else neurons)
    else:
        cones = PatternCones(arrays["X"], arrays["D"])
        for block in form.blocks:
            columns = scale * generator.standard_normal((arrays["X"].shape[1], arrays["D"].shape[1]))
            if not form.activation.gated:
                columns = cones.project(columns)
            point[block.name] = columns
    if form.c0 is not None:
        point["c0"] = scale * generator.standard_normal(3 if given.several else ())
    return point


@cache
def solved(given: Instance) -> tuple[Arrays, float, np.ndarray]:
    """The point, optimal value and dual point that CVXPY finds for the program."""
    problem, variables, predictions = build_problem(given.program, given.arrays)
    problem.solve(solver="CLARABEL", tol_gap_abs=1e-9, tol_gap_rel=1e-9, tol_feas=1e-9)
    assert problem.status in ("optimal", "optimal_inaccurate")
    point = {name: np.asarray(variable.value) for name, variable in variables.items()}
    dual = dual_point(given.program, given.arrays, predictions.dual_value)
    assert dual is not None
    return point, float(problem.value), dual


def patterns_of(given: Instance) -> np.ndarray:
    """The patterns of one output (n, P)."""
    form = given.form
    assert isinstance(form, PatternForm)
    masks: np.ndarray = given.arrays["D"][:, : masks_of_one_output(form, given.arrays)]
    return masks
