"""The programs of the papers, each with the same mathematics written by hand in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from reludsl.ir import (
    Apply,
    Block,
    BlockPenalty,
    CellForm,
    Constant,
    Data,
    Diagonal,
    Distance,
    Expression,
    Full,
    Huber,
    LogSumExp,
    Maximum,
    Named,
    Nonnegative,
    Norm,
    Program,
    ScalarFunction,
    SecondOrder,
    Semidefinite,
    Sign,
    Size,
    Sum,
    SumSquares,
    Term,
    Trace,
    Variable,
    Zero,
    absolute,
    array_functions,
    logistic,
    pos,
    row,
    sizes,
    square,
)

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Shape(ScalarFunction):
    """A scalar function of which only the definition matters here."""

    def derivative(self, t: Any) -> Any:
        raise NotImplementedError

    def conjugate(self, s: Any) -> Any:
        raise NotImplementedError

    @property
    def conjugate_domain(self) -> tuple[float, float]:
        raise NotImplementedError

    def prox(self, v: Any, tau: float) -> Any:
        raise NotImplementedError

    def prox_derivative(self, v: Any, tau: float) -> Any:
        raise NotImplementedError


@dataclass(frozen=True)
class Hinge(Shape):
    name: ClassVar[str] = "hinge"

    def expression(self, t: Expression) -> Expression:
        return pos(1 - t)

    def derivative(self, t: Any) -> Any:
        return array_functions(t).where(t < 1, -1.0, 0.0)


@dataclass(frozen=True)
class Squared(Shape):
    name: ClassVar[str] = "squared"

    def expression(self, t: Expression) -> Expression:
        return 0.5 * square(t)


@dataclass(frozen=True)
class Logistic(Shape):
    name: ClassVar[str] = "logistic"

    def expression(self, t: Expression) -> Expression:
        return logistic(-t)


@dataclass(frozen=True)
class Quantile(Shape):
    name: ClassVar[str] = "quantile"
    level: float = 0.3

    def expression(self, t: Expression) -> Expression:
        q = Constant(self.level, "q")
        return Maximum((q * t, (q - 1) * t))


@dataclass(frozen=True)
class HuberLoss(Shape):
    name: ClassVar[str] = "huber"
    delta: float = 0.5

    def expression(self, t: Expression) -> Expression:
        return Huber(t, Constant(self.delta, "delta"))


@dataclass(frozen=True)
class Case:
    """A program, the lengths of its sizes for a test, and its objective and constraints in plain NumPy."""

    program: Program
    objective: Callable[[Values], float]
    sizes: Mapping[str, int]
    violations: Mapping[str, Callable[[Values], float]] = field(default_factory=dict)

    def point(self, seed: int) -> dict[str, np.ndarray]:
        """Random data and variables, of the declared kinds."""
        generator = np.random.default_rng(seed)
        values = {}
        for array in (*self.program.data, *self.program.variables):
            shape = tuple(dim.evaluate(self.sizes) for dim in array.shape)
            match array:
                case Data(values="{0, 1}"):
                    values[array.name] = generator.integers(0, 2, shape).astype(bool)
                case Data(values="{-1, +1}"):
                    values[array.name] = generator.choice([-1.0, 1.0], shape)
                case Data(sign=Sign.NONNEGATIVE):
                    values[array.name] = generator.uniform(size=shape)
                case _:
                    values[array.name] = generator.normal(size=shape)
            if isinstance(array, Variable) and array.symmetric:
                blocks = values[array.name].reshape(-1, shape[1], shape[1])
                values[array.name] = (blocks + np.swapaxes(blocks, 1, 2)).reshape(shape)
        return values


n, d, P, c, m, Q = sizes("n, d, P, c, m, Q")
X = Data("X", (n, d), meaning="samples, one a row")
y = Data("y", (n,), meaning="targets")
labels = Data("y", (n,), values="{-1, +1}", meaning="labels")
D = Data("D", (n, P), Sign.NONNEGATIVE, values="{0, 1}", meaning="activation patterns, one a column")
V = Variable("V", (d, P), meaning="neurons that add")
W = Variable("W", (d, P), meaning="neurons that subtract")
beta = Constant(1e-3, "beta")
epsilon = Constant(0.1, "epsilon")
f = Named("f", Sum(D * (X @ (V - W)), axis=1), meaning="predictions")
E = Named("E", 2 * D - 1, meaning="sides")
cones = (Nonnegative("cone_v", E * (X @ V)), Nonnegative("cone_w", E * (X @ W)))
path_norm = Term("regularizer", beta * (Sum(Norm(V, 2, axis=0)) + Sum(Norm(W, 2, axis=0))))
SMALL = {"n": 7, "d": 3, "P": 4}


def mean(expression: Expression) -> Expression:
    return Sum(expression) / Size(n)


def columns(matrix: np.ndarray, order: float = 2) -> np.ndarray:
    return np.linalg.norm(matrix, order, axis=0)


def fitted(v: Values) -> np.ndarray:
    return np.einsum("np,nd,dp->n", v["D"], v["X"], v["V"] - v["W"])


def weights(v: Values) -> float:
    return float(1e-3 * (columns(v["V"]).sum() + columns(v["W"]).sum()))


def below(value: np.ndarray) -> float:
    return float(max(0.0, -value.min()))


def cone(name: str) -> Callable[[Values], float]:
    return lambda v: below((2.0 * v["D"] - 1) * (v["X"] @ v[name]))


def pattern(function: ScalarFunction, argument: Expression) -> Program:
    loss = Term("loss", mean(Apply(function, argument)))
    return Program(f"pattern_{function.name}", (loss, path_norm), cones)


def pattern_case(function: ScalarFunction, argument: Expression, by_hand: Callable[[Values], Any]) -> Case:
    both = {"cone_v": cone("V"), "cone_w": cone("W")}
    return Case(pattern(function, argument), lambda v: float(by_hand(v).mean()) + weights(v), SMALL, both)


def random_features() -> Case:
    U = Data("U", (d, m), meaning="hidden neurons, drawn on the sphere")
    alpha = Variable("alpha", (m,), meaning="output weights")
    prediction = Named("f", pos(X @ U) @ alpha)
    loss = Term("loss", mean(Apply(Squared(), prediction - y)))
    program = Program("random_features", (loss, Term("regularizer", beta * Norm(alpha, 1))))

    def by_hand(v: Values) -> float:
        residual = np.maximum(v["X"] @ v["U"], 0) @ v["alpha"] - v["y"]
        return float((residual**2).mean() / 2 + 1e-3 * np.abs(v["alpha"]).sum())

    return Case(program, by_hand, {"n": 7, "d": 3, "m": 5})


def gated() -> Case:
    U = Variable("U", (d, P), meaning="gated neurons")
    prediction = Named("f", Sum(D * (X @ U), axis=1))
    program = Program(
        "gated",
        (
            Term("loss", mean(Apply(Logistic(), labels * prediction))),
            Term("regularizer", beta * Sum(Norm(U, 2, axis=0))),
        ),
    )

    def by_hand(v: Values) -> float:
        margins = v["y"] * np.einsum("np,nd,dp->n", v["D"], v["X"], v["U"])
        return float(np.log1p(np.exp(-margins)).mean() + 1e-3 * columns(v["U"]).sum())

    return Case(program, by_hand, SMALL)


def robust_parts() -> tuple[Data, Variable, Variable, Expression, Expression, tuple[Nonnegative, ...]]:
    """A bias column, which nobody perturbs, stands last: the norms leave it out."""
    samples = Data("X", (n, d + 1), meaning="samples and a column of ones")
    plus, minus = Variable("V", (d + 1, P)), Variable("W", (d + 1, P))
    slopes = Named("C", D @ (plus - minus).T, meaning="the slope of the network at each sample")
    prediction = Named("f", Sum(samples * slopes, axis=1))
    radius = Named("r", epsilon * Norm(slopes[:, :d], 1, axis=1), meaning="largest change of a prediction")
    robust = tuple(
        Nonnegative(name, E * (samples @ part) - epsilon * row(Norm(part[:d, :], 1, axis=0)))
        for name, part in (("cone_v", plus), ("cone_w", minus))
    )
    return samples, plus, minus, prediction, radius, robust


def robust_slopes(v: Values) -> np.ndarray:
    return np.asarray(v["D"] @ (v["V"] - v["W"]).T)


def robust_cone(name: str) -> Callable[[Values], float]:
    def violation(v: Values) -> float:
        product = (2.0 * v["D"] - 1) * (v["X"] @ v[name])
        return below(product - 0.1 * np.abs(v[name][:-1]).sum(axis=0)[None, :])

    return violation


def robust(structure: str) -> Case:
    _, plus, minus, prediction, radius, robust_cones = robust_parts()
    penalty = beta * (Sum(Norm(plus, 2, axis=0)) + Sum(Norm(minus, 2, axis=0)))
    if structure == "margin":
        loss = mean(Apply(Hinge(), labels * prediction - radius))
    else:
        loss = mean(Apply(Squared(), absolute(prediction - y) + radius))
    program = Program(
        f"robust_{structure}", (Term("loss", loss), Term("regularizer", penalty)), robust_cones, "linf ball"
    )

    def by_hand(v: Values) -> float:
        slopes = robust_slopes(v)
        fit, change = (v["X"] * slopes).sum(axis=1), 0.1 * np.abs(slopes[:, :-1]).sum(axis=1)
        if structure == "margin":
            losses = np.maximum(0, 1 - v["y"] * fit + change)
        else:
            losses = (np.abs(fit - v["y"]) + change) ** 2 / 2
        return float(losses.mean()) + weights(v)

    return Case(program, by_hand, SMALL, {"cone_v": robust_cone("V"), "cone_w": robust_cone("W")})


def several_outputs() -> Case:
    """Blocks (output, pattern) are columns; S adds those of one output."""
    S = Data("S", (Q, c), Sign.NONNEGATIVE, values="{0, 1}", meaning="which block belongs to which output")
    Y = Data("Y", (n, c), Sign.NONNEGATIVE, values="{0, 1}", meaning="classes, one-hot")
    masks = Data("D", (n, Q), Sign.NONNEGATIVE, values="{0, 1}", meaning="the pattern of each block")
    plus, minus = Variable("V", (d, Q)), Variable("W", (d, Q))
    F = Named("F", (masks * (X @ (plus - minus))) @ S, meaning="predictions")
    side = Named("E", 2 * masks - 1)
    program = Program(
        "several_outputs",
        (
            Term("loss", mean(LogSumExp(F, axis=1)) - Sum(Y * F) / Size(n)),
            Term("regularizer", beta * (Sum(Norm(plus, 2, axis=0)) + Sum(Norm(minus, 2, axis=0)))),
        ),
        (Nonnegative("cone_v", side * (X @ plus)), Nonnegative("cone_w", side * (X @ minus))),
    )

    def by_hand(v: Values) -> float:
        fit = np.zeros(v["Y"].shape)
        for block in range(v["S"].shape[0]):
            part = v["D"][:, block] * (v["X"] @ (v["V"] - v["W"])[:, block])
            fit += part[:, None] * v["S"][block][None, :]
        losses = np.log(np.exp(fit).sum(axis=1)) - (v["Y"] * fit).sum(axis=1)
        return float(losses.mean()) + weights(v)

    return Case(program, by_hand, {"n": 7, "d": 3, "Q": 6, "c": 3}, {"cone_v": cone("V"), "cone_w": cone("W")})


def relaxation() -> Case:
    """The facially reduced semidefinite relaxation."""
    Y = Data("Y", (n, c), meaning="targets")
    Z = Variable("Z", (n + d + c, n + d + c), symmetric=True, meaning="second moments of (a, u, v)")
    gamma = Constant(0.1, "gamma")
    A = Named("A", Z[:n, :n])
    au = Named("Z_au", Z[:n, n : n + d])
    uu = Named("Z_uu", Z[n : n + d, n : n + d])
    av = Named("Z_av", Z[:n, n + d :])
    vv = Named("Z_vv", Z[n + d :, n + d :])
    ab = Named("A_ab", A - au @ X.T, meaning="moments of active and inactive parts")
    bb = Named("A_bb", A - au @ X.T - X @ au.T + X @ uu @ X.T)
    program = Program(
        "relaxation",
        (
            Term("loss", 0.5 * SumSquares(av - Y)),
            Term("regularizer", gamma / 2 * (Trace(uu) + Trace(vv))),
        ),
        (
            Semidefinite("moments", Z),
            Nonnegative("active", A),
            Nonnegative("mixed", ab),
            Zero("complementary", Diagonal(ab)),
            Nonnegative("inactive", bb),
        ),
    )

    def blocks(v: Values) -> tuple[np.ndarray, ...]:
        rows, inner = v["X"].shape
        z = v["Z"]
        return z[:rows, :rows], z[:rows, rows : rows + inner], z[rows : rows + inner, rows : rows + inner]

    def by_hand(v: Values) -> float:
        rows, inner = v["X"].shape
        fit = v["Z"][:rows, rows + inner :] - v["Y"]
        return float(0.5 * (fit**2).sum() + 0.05 * np.trace(v["Z"][rows:, rows:]))

    def mixed(v: Values) -> np.ndarray:
        a, u, _ = blocks(v)
        return np.asarray(a - u @ v["X"].T)

    def inactive(v: Values) -> float:
        _, u, uu = blocks(v)
        return below(mixed(v) - v["X"] @ u.T + v["X"] @ uu @ v["X"].T)

    by_name: dict[str, Callable[[Values], float]] = {
        "moments": lambda v: max(0.0, -float(np.linalg.eigvalsh(v["Z"])[0])),
        "active": lambda v: below(blocks(v)[0]),
        "mixed": lambda v: below(mixed(v)),
        "complementary": lambda v: float(np.abs(np.diag(mixed(v))).max()),
        "inactive": inactive,
    }
    return Case(program, by_hand, {"n": 4, "d": 2, "c": 2}, by_name)


def certificate() -> Case:
    """The smallest t with t E_uu − E_a L Lᵀ E_aᵀ − Tᵀ S T ⪰ 0: a bound from a given dual point L."""
    L = Data("L", (n, c), meaning="a dual point")
    S = Variable("S", (2 * n, 2 * n), symmetric=True, meaning="multipliers of the products")
    t = Variable("t", ())
    unit = Diagonal(Full(1, (n,)))
    T = Named("T", Block(((unit, Full(0, (n, d))), (unit, -X))))
    fixed = Block(
        ((-(L @ L.T), Full(0, (n, d))), (Full(0, (d, n)), t * Diagonal(Full(1, (d,))))),
    )
    program = Program(
        "certificate",
        (Term("bound", t),),
        (
            Semidefinite("dual", fixed - T.T @ S @ T),
            Nonnegative("products", S[:n, :n]),
            SecondOrder("size", t, S[:n, n:]),
            SecondOrder("sizes", t * Full(1, (2 * n,)), S, axis=1),
        ),
    )

    def dual(v: Values) -> float:
        rows, inner = v["X"].shape
        t_matrix = np.block([[np.eye(rows), np.zeros((rows, inner))], [np.eye(rows), -v["X"]]])
        matrix = -t_matrix.T @ v["S"] @ t_matrix
        matrix[:rows, :rows] -= v["L"] @ v["L"].T
        matrix[rows:, rows:] += v["t"] * np.eye(inner)
        return max(0.0, -float(np.linalg.eigvalsh(matrix)[0]))

    by_name: dict[str, Callable[[Values], float]] = {
        "dual": dual,
        "products": lambda v: below(v["S"][: len(v["X"]), : len(v["X"])]),
        "size": lambda v: max(0.0, float(np.sqrt((v["S"][: len(v["X"]), len(v["X"]) :] ** 2).sum()) - v["t"])),
        "sizes": lambda v: max(0.0, float(np.sqrt((v["S"] ** 2).sum(axis=1)).max() - v["t"])),
    }
    return Case(program, lambda v: float(v["t"]), {"n": 4, "d": 2, "c": 2}, by_name)


def polynomial() -> Case:
    """Neural spectrahedra: exact for the activation a t² + b t + c."""
    a, b, constant = Constant(0.09, "a"), Constant(0.5, "b"), Constant(0.47, "c")
    plus = Variable("Z", (d + 1, d + 1), symmetric=True)
    minus = Variable("R", (d + 1, d + 1), symmetric=True)
    moments = Named("M", plus - minus)
    quadratic = Sum(X * (X @ moments[:d, :d]), axis=1)
    prediction = Named(
        "f", a * quadratic + b * (X @ moments[:d, d:]) @ Full(1, (1,)) + constant * Trace(moments[:d, :d])
    )
    program = Program(
        "polynomial",
        (
            Term("loss", mean(Apply(Squared(), prediction - y))),
            Term("regularizer", beta * (Trace(plus[:d, :d]) + Trace(minus[:d, :d]))),
        ),
        (Semidefinite("plus", plus), Semidefinite("minus", minus), Zero("unit", Trace(plus[:d, :d]) - plus[d:, d:])),
    )

    def by_hand(v: Values) -> float:
        z = v["Z"] - v["R"]
        quad = np.einsum("ni,ij,nj->n", v["X"], z[:-1, :-1], v["X"])
        fit = 0.09 * quad + 0.5 * v["X"] @ z[:-1, -1] + 0.47 * np.trace(z[:-1, :-1])
        penalty = 1e-3 * (np.trace(v["Z"][:-1, :-1]) + np.trace(v["R"][:-1, :-1]))
        return float(((fit - v["y"]) ** 2).mean() / 2 + penalty)

    return Case(program, by_hand, {"n": 7, "d": 3})


def cells() -> Case:
    """Shared neurons: a block of moments for each of three cells of two dimensions, with two outputs."""
    form = CellForm(Distance(Squared()), BlockPenalty(group=0.1, offset_l2=0.3), output_bias=True)

    def by_hand(v: Values) -> float:
        blocks = v["W"].reshape(3, 4, 4)
        F = np.zeros((5, 2)) + v["c0"]
        cost = 0.3 * np.sum(v["c0"] ** 2)
        for k, block in enumerate(blocks):
            part = slice(4 * k, 4 * k + 4)
            F += v["D"][:, part] * (v["X"] @ v["B"][:, part]) @ block[:, :2]
            cost += 0.1 * np.sum(v["H"][part] * block)
        return float(np.sum((F - v["Y"]) ** 2) / 2 + cost / 2)

    def smallest(v: Values) -> float:
        return max(0.0, *(-np.linalg.eigvalsh(block)[0] for block in v["W"].reshape(3, 4, 4)))

    def products(v: Values) -> float:
        blocks = v["W"].reshape(3, 4, 4)
        return max(
            0.0, *(-row @ blocks[k // 2] @ other for k, (row, other) in enumerate(zip(v["L"], v["M"], strict=True)))
        )

    lengths = {"n": 5, "d": 2, "Q": 12, "P": 6, "r": 2, "c": 2}
    return Case(form.program("cells"), by_hand, lengths, {"moments": smallest, "generators": products})


def cases() -> dict[str, Case]:
    """Every program by its name."""
    every = [
        pattern_case(Hinge(), labels * f, lambda v: np.maximum(0, 1 - v["y"] * fitted(v))),
        pattern_case(Logistic(), labels * f, lambda v: np.log1p(np.exp(-v["y"] * fitted(v)))),
        pattern_case(Squared(), f - y, lambda v: (fitted(v) - v["y"]) ** 2 / 2),
        pattern_case(Quantile(), y - f, lambda v: _quantile(v["y"] - fitted(v))),
        pattern_case(HuberLoss(), f - y, lambda v: _huber(np.abs(fitted(v) - v["y"]))),
        random_features(),
        gated(),
        robust("margin"),
        robust("distance"),
        several_outputs(),
        relaxation(),
        certificate(),
        polynomial(),
        cells(),
    ]
    return {case.program.name: case for case in every}


def _quantile(residual: np.ndarray) -> np.ndarray:
    return np.where(residual > 0, 0.3 * residual, -0.7 * residual)


def _huber(size: np.ndarray) -> np.ndarray:
    return np.where(size <= 0.5, size**2 / 2, 0.5 * (size - 0.25))
