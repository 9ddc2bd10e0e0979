"""Everything that is known about a run: a summary for people, one object for machines."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reludsl.backend import Progress, Status
from reludsl.certificate import Bound, GlobalCertificate
from reludsl.diagnostics import Diagnostic
from reludsl.lowering import Meaning
from reludsl.model.values import Decision
from reludsl.network import Network
from reludsl.plots import Abscissa, Panel, draw_into, draw_on, history_panels, require_matplotlib, save_picture

if TYPE_CHECKING:
    import polars
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class Solution:
    """The result of training. Objectives are in the units of the loss on scaled data.

    `objective` is evaluated on the network itself, `program_objective` on the feasible point it was recovered from, and
    `violation` is how far the solver's own point was outside the cones, relative to its longest column. `bound` is a
    proved lower bound on the optimum that its scope names, None where there is none. `neurons` is how many the
    program's point had before they were merged and pruned to the network's `width`. `history` has the moments that the
    backend recorded, the last one included. `continuation` is for the next solve of a similar spec. `certificate` is
    the bound on the training problem that was asked for, None where none was.
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
    certificate: GlobalCertificate | None = field(default=None, repr=False)

    @property
    def width(self) -> int:
        """The number of hidden neurons."""
        return self.network.width

    @property
    def means(self) -> str:
        """What the objective is for the non-convex problem: equal, upper bound, local or attacked.

        Only a solved program's optimum can equal that of the problem; any network is an upper bound, beside a program
        whose optimum is a lower one as well.
        """
        if self.meaning.relation == "lower bound" or (self.meaning.relation == "equal" and self.status != "solved"):
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
            "certificate": None if self.certificate is None else self.certificate.to_json(),
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
            *self._certificate_rows(),
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
        if "survived" in self.patterns:
            rows.append(("perturbation", self._survivors()))
        rows.append(("seconds", ", ".join(f"{name} {value:.2f}" for name, value in self.seconds.items())))
        return rows

    def _certificate_rows(self) -> list[tuple[str, str]]:
        """The bound on the training problem, and what proved it."""
        certificate = self.certificate
        if certificate is None:
            return []
        rows, bound = [("global bound", "none was proved")], certificate.bound
        if bound is not None:
            text = f"{bound.value:.8g}   the global optimum is in [{bound.value:.8g}, {self.objective:.8g}]"
            rows = [("global bound", f"{text}, relative gap {bound.gap:.2g}, by {bound.by}")]
        for attempt in certificate.attempts:
            rows.append(("certificate", f"{attempt.by}: {attempt.message}, {attempt.seconds:.2f} s"))
        return rows

    def _network_row(self) -> str:
        pruned = f", pruned from {self.neurons}" if self.neurons > self.width else ""
        drawn = "random neurons" if self.formulation == "random_features" else "patterns"
        counts = self.patterns
        active = f", from {counts['active']} active of {counts['kept']} {drawn}" if "active" in counts else ""
        return f"{self.width} hidden neurons{pruned}{active}"

    def _survivors(self) -> str:
        """How many patterns keep on the sets around the samples, and where they come from."""
        survived, kept = self.patterns["survived"], self.patterns["kept"]
        searched = f", {kept - survived} more were found by search" if kept > survived else ""
        return f"survived by {survived} of the patterns that were drawn{searched}"

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        return f"<Solution {self.status}: objective {self.objective:.8g}, {self.width} neurons, {self.backend}>"

    def history_table(self) -> polars.DataFrame:
        """A row for every recorded moment of the solve: its `Progress`, and the gap. Null where it is not known."""
        import polars

        kinds = {"iteration": polars.Int64, "active": polars.Int64}
        rows = [{name: getattr(state, name) for name in _MOMENT} for state in self.history]
        return polars.DataFrame(rows, schema={name: kinds.get(name, polars.Float64) for name in _MOMENT})

    def plot(self, axes: Axes | Iterable[Axes] | None = None, against: Abscissa = "iteration") -> tuple[Axes, ...]:
        """Draws the history with matplotlib (the extra `plot`): a panel each for what the backend knows.

        The panels are objective and bound, the relative gap, the residuals, and the active columns, `against`
        "iteration" or "seconds". They are drawn into the given axes, as many as there are, or into a new figure of
        pyplot. Returns the axes drawn into. Raises ImportError without matplotlib.
        """
        panels = self._panels(against)
        if axes is None:
            require_matplotlib()
            import matplotlib.pyplot as plt

            return draw_on(plt.figure(), panels)
        return draw_into(axes, panels)

    def save_plot(self, path: str | os.PathLike[str], against: Abscissa = "iteration") -> None:
        """Writes the picture of `plot` to a `.png`, `.pdf` or `.svg` file, whole or not at all.

        Raises Mistakes (D302, D330), and ImportError without matplotlib.
        """
        save_picture(path, self._panels(against))

    def _panels(self, against: Abscissa) -> list[Panel]:
        bound = None if self.bound is None else self.bound.value
        return history_panels(self.history, self.objective, bound, against)


_MOMENT = ("iteration", "seconds", "objective", "bound", "gap", "primal_residual", "dual_residual", "active")

_MEANS = {
    "equal": "the global optimum of the training problem to the solver's accuracy",
    "upper bound": "an upper bound on the global optimum",
    "local": "local, an upper bound on the global optimum",
    "attacked": "local, with the worst losses that an attack found: they may be higher",
}


def common_warnings(solutions: Iterable[Solution]) -> tuple[Diagnostic, ...]:
    """What several solutions warn of, each warning once, without how each solve ended (S4xx): their rows tell that."""
    found = (warning for solution in solutions for warning in solution.warnings)
    return tuple(dict.fromkeys(warning for warning in found if not warning.code.startswith("S4")))
