"""Do the convex backends agree? Every loss on two real data sets: `python benchmarks/agreement.py`.

Each program is solved by `newton`, `admm` and `cvxpy`, all as they are without any option. The strength is a tenth of
that from which on the zero network is optimal for the sampled patterns, so that the solutions are not trivial. The
table shows how far the objectives are apart, relative to the smaller one, and the relative duality gap that is proved
for each answer where there is one.

`wine.csv` is the data of Aeberhard and Forina, Wine, UCI Machine Learning Repository, 1991 (CC BY 4.0), as scikit-learn
has it; the other data are those of the examples.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reludsl import Solution
from reludsl.api import compilation_of
from reludsl.certificate import zero_strength
from reludsl.pipeline import Compilation

ROOT = Path(__file__).parent.parent
BACKENDS = ("newton", "admm", "cvxpy")


@dataclass(frozen=True)
class Dataset:
    """A table, its target column and its type, and the input columns, where they are not all others."""

    name: str
    path: Path
    target: str
    type: str


DIABETES = Dataset("diabetes", ROOT / "examples/diabetes/diabetes.csv", "progression", "vector[n] { scale = standard }")
ALCOHOL = Dataset("wine, alcohol", ROOT / "benchmarks/wine.csv", "alcohol", "vector[n] { scale = standard }")
TUMOURS = Dataset(
    "breast cancer", ROOT / "examples/breast_cancer/breast_cancer.csv", "diagnosis", 'binary[n] { positive = "M" }'
)
WINE = Dataset("wine", ROOT / "benchmarks/wine.csv", "cultivar", "categorical[n, k]")
IRIS = Dataset("iris", ROOT / "examples/iris/iris.csv", "species", "categorical[n, k]")

CASES: tuple[tuple[str, Dataset], ...] = (
    *(
        (loss, data)
        for loss in ("squared", "absolute", "huber", "quantile { level = 0.8 }")
        for data in (DIABETES, ALCOHOL)
    ),
    *((loss, data) for loss in ("hinge", "squared_hinge", "logistic") for data in (TUMOURS, WINE)),
    *(("cross_entropy", data) for data in (IRIS, WINE)),
)


@dataclass(frozen=True)
class Comparison:
    """What the backends made of one loss on one data set."""

    loss: str
    data: str
    strength: float
    solutions: dict[str, Solution]
    seconds: dict[str, float]

    @property
    def difference(self) -> float:
        """Between the objectives, relative to the smaller one."""
        values = [solution.program_objective for solution in self.solutions.values()]
        return (max(values) - min(values)) / min(values)

    @property
    def gaps(self) -> dict[str, float]:
        """The gaps of the answers that have a bound."""
        return {name: found.bound.gap for name, found in self.solutions.items() if found.bound is not None}

    def __str__(self) -> str:
        gaps = [f"{self.gaps[name]:.1e}" if name in self.gaps else "-" for name in BACKENDS]
        objectives = [f"{self.solutions[name].program_objective:.6g}" for name in BACKENDS]
        seconds = [f"{self.seconds[name]:.1f} s" for name in BACKENDS]
        numbers = [f"{self.strength:.3g}", *objectives, f"{self.difference:.1e}", *gaps, *seconds]
        width = self.solutions["cvxpy"].width
        return "  ".join([f"{self.loss:<24}", f"{self.data:<14}", *(f"{text:>9}" for text in numbers), f"{width:>6}"])


HEADING = "  ".join(
    [
        f"{'loss':<24}",
        f"{'data':<14}",
        *(f"{text:>9}" for text in ("beta", *BACKENDS, "apart", *(f"gap {name}" for name in BACKENDS), *BACKENDS)),
        f"{'width':>6}",
    ]
)


def spec_of(loss: str, data: Dataset, strength: float, patterns: int) -> str:
    inputs = "{ scale = standard }"
    if data.type.startswith("vector") and data is ALCOHOL:  # the cultivar is a text
        names = data.path.read_text(encoding="utf-8").splitlines()[0].split(",")
        listed = ", ".join(f'"{name}"' for name in names if name not in (data.target, "cultivar"))
        inputs = f"{{ scale = standard, columns = [{listed}] }}"
    outputs = "outputs = separate, " if data.type.startswith("categorical") else ""
    return f"""reludsl 1
data {{
  input  X : matrix[n, d] {inputs}
  target {data.target} : {data.type}
}}
architecture two_layer {{ {outputs}bias = hidden }}
loss {loss}
regularizer weight_decay {{ strength = {strength!r} }}
formulation sampled {{ patterns = {patterns} }}
"""


def greatest_strength(loss: str, data: Dataset, patterns: int) -> float:
    """The strength from which on the network without neurons is optimal."""
    compilation: Compilation = compilation_of(spec_of(loss, data, 1.0, patterns))
    bound = compilation.bind(str(data.path))
    found = zero_strength(compilation.lowered.program, compilation.lowered.bind(bound.train, bound.encoding).arrays)
    assert found is not None
    return found.multiple


def comparisons(patterns: int = 30, share: float = 0.1) -> Iterator[Comparison]:
    """Every loss on its two data sets."""
    for loss, data in CASES:
        strength = share * greatest_strength(loss, data, patterns)
        solutions, seconds = {}, {}
        for backend in BACKENDS:
            compilation = compilation_of(spec_of(loss, data, strength, patterns))
            bound = compilation.bind(str(data.path))
            started = time.perf_counter()
            solutions[backend] = compilation.solve(bound, backend)
            seconds[backend] = time.perf_counter() - started
        yield Comparison(loss, data.name, strength, solutions, seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--patterns", type=int, default=30, help="activation patterns of each program")
    parser.add_argument("--share", type=float, default=0.1, help="strength, of that of the zero network")
    options = parser.parse_args()
    print(HEADING)
    for comparison in comparisons(options.patterns, options.share):
        print(comparison, flush=True)


if __name__ == "__main__":
    main()
