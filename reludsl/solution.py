"""Everything that is known about a run: a summary for people, one object for machines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reludsl.backend import Progress, Status
from reludsl.certificate import Bound
from reludsl.diagnostics import Diagnostic
from reludsl.lowering import Meaning
from reludsl.model.values import Decision
from reludsl.network import Network

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class Solution:
    """The result of training. Objectives are in the units of the loss on scaled data.

    `objective` is evaluated on the network itself, `program_objective` on the feasible point it was recovered from, and
    `violation` is how far the solver's own point was outside the cones, relative to its longest column. `bound` is a
    proved lower bound on the optimum that its scope names, None where there is none. `neurons` is how many the
    program's point had before they were merged and pruned to the network's `width`. `continuation` is for the next
    solve of a similar spec.
    """

    status: Status
    formulation: str
    backend: str
    objective: float
    program_objective: float
    violation: float
    bound: Bound | None
    meaning: Meaning
    network: Network
    neurons: int
    patterns: Mapping[str, int]
    iterations: int | None
    primal_residual: float | None
    dual_residual: float | None
    seconds: Mapping[str, float]
    metrics: Mapping[str, Mapping[str, float]]
    decisions: tuple[Decision, ...]
    warnings: tuple[Diagnostic, ...] = ()
    message: str = ""
    history: tuple[Progress, ...] = field(default=(), repr=False)
    continuation: object = field(default=None, repr=False)

    @property
    def width(self) -> int:
        """The number of hidden neurons."""
        return self.network.width

    @property
    def means(self) -> str:
        """What the objective is for the non-convex problem: equal, upper bound, lower bound or local.

        Only a solved program's optimum can equal that of the problem; any network is an upper bound.
        """
        if self.meaning.relation == "equal" and self.status != "solved":
            return "upper bound"
        return self.meaning.relation

    def to_json(self, network_path: str | None = None) -> dict[str, Any]:
        """The result as a JSON-ready object; `network_path` is where the network was saved."""
        bound = self.bound
        return {
            "status": self.status,
            "formulation": self.formulation,
            "backend": self.backend,
            "objective": self.objective,
            "program_objective": self.program_objective,
            "violation": self.violation,
            "bound": None
            if bound is None
            else {"value": bound.value, "gap": bound.gap, "scope": bound.scope, "by": bound.by},
            "means": self.means,
            "width": self.width,
            "neurons": self.neurons,
            "patterns": dict(self.patterns),
            "iterations": self.iterations,
            "seconds": {name: round(value, 6) for name, value in self.seconds.items()},
            "metrics": {part: dict(values) for part, values in self.metrics.items()},
            "decisions": [str(decision) for decision in self.decisions],
            "network": network_path,
        }

    def summary(self) -> str:
        """The result in a few lines."""
        return "\n".join(f"{name:<18} {text}" for name, text in self.rows())

    def rows(self) -> list[tuple[str, str]]:
        """The lines of the summary: name and text."""
        bound = self.bound
        rows = [
            ("status", self.status + (f": {self.message}" if self.message else "")),
            ("objective", f"{self.objective:.8g}   of the network, {_MEANS[self.means]}"),
            (
                "bound",
                "no bound for this program"
                if bound is None
                else f"{bound.value:.8g}   relative gap {bound.gap:.2g}, scope: {bound.scope}, by {bound.by}",
            ),
            ("program objective", f"{self.program_objective:.8g}   cone violation {self.violation:.2g}"),
            ("network", self._network_row()),
        ]
        for part, values in self.metrics.items():
            rows.append((part, ", ".join(f"{name} {value:.4g}" for name, value in values.items())))
        residuals = [
            f"{name} residual {value:.2g}"
            for name, value in (("primal", self.primal_residual), ("dual", self.dual_residual))
            if value is not None
        ]
        count = [] if self.iterations is None else [f"{self.iterations} iterations"]
        rows.append(("solver", ", ".join([self.backend, *count, *residuals])))
        rows.append(("seconds", ", ".join(f"{name} {value:.2f}" for name, value in self.seconds.items())))
        return rows

    def _network_row(self) -> str:
        pruned = f", pruned from {self.neurons}" if self.neurons > self.width else ""
        drawn = "random neurons" if self.formulation == "random_features" else "patterns"
        counts = self.patterns
        active = f", from {counts['active']} active of {counts['kept']} {drawn}" if "active" in counts else ""
        return f"{self.width} hidden neurons{pruned}{active}"

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        return f"<Solution {self.status}: objective {self.objective:.8g}, {self.width} neurons, {self.backend}>"

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draws objective and residuals against the iterations, with matplotlib (the extra `plot`).

        Returns the axes.
        """
        if axes is None:
            import matplotlib.pyplot as plt

            axes = plt.subplots()[1]
        iterations = [state.iteration for state in self.history]
        axes.plot(iterations, [state.objective for state in self.history], label="objective")
        axes.plot(iterations, [state.primal_residual for state in self.history], "--", label="primal residual")
        axes.plot(iterations, [state.dual_residual for state in self.history], ":", label="dual residual")
        if self.bound is not None:
            axes.axhline(self.bound.value, color="gray", linewidth=0.8, label="lower bound")
        axes.set_yscale("log")
        axes.set_xlabel("iteration")
        axes.set_ylabel("objective; residuals relative to the tolerance")
        axes.legend()
        return axes


_MEANS = {
    "equal": "the global optimum of the training problem to the solver's accuracy",
    "upper bound": "an upper bound on the global optimum",
    "lower bound": "a lower bound on the global optimum",
    "local": "local, an upper bound on the global optimum",
}


def common_warnings(solutions: Iterable[Solution]) -> tuple[Diagnostic, ...]:
    """What several solutions warn of, each warning once, without how each solve ended (S4xx): their rows tell that."""
    found = (warning for solution in solutions for warning in solution.warnings)
    return tuple(dict.fromkeys(warning for warning in found if not warning.code.startswith("S4")))
