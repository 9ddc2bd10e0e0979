"""Pattern programs that grow while they are solved, and the same in a standalone script.

`growth.py` has the loop in numbers alone; here it meets programs, backends, and what a solve reports. The patterns that
a solve ends with are those of the instance that it gives.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reludsl.backend import Backend, Control, Guess, Outcome, Progress, Status
from reludsl.ir.scalar_source import standalone_classes
from reludsl.lowering import Instance, PatternProgram
from reludsl.lowering.scripts import Functions, augment_text, patterns_text
from reludsl.model.model import Adaptive
from reludsl.model.values import Decision
from reludsl.options import Settings

if TYPE_CHECKING:
    import numpy as np

    from reludsl.adaptive.growth import Grown, Round
    from reludsl.adaptive.neurons import Neurons, Solved
    from reludsl.ir.pattern_problem import PatternProblem


def grow_patterns(
    lowered: PatternProgram,
    instance: Instance,
    backend: Backend,
    settings: Settings,
    control: Control,
    propose: np.ndarray | None = None,
) -> tuple[Instance, Outcome]:
    """The last program of a growth, as an instance with the patterns that it holds, and the outcome of its solve.

    `propose` are directions (d, k) of neurons whose patterns are held from the beginning.
    """
    assert isinstance(lowered.model.formulation, Adaptive)
    return _Solve(lowered, instance, backend, settings, control).run(lowered.model.formulation, propose)


@dataclass(frozen=True)
class GrowingScript(PatternProgram):
    """The pattern program in a standalone script, which searches for its patterns before it solves it."""

    @property
    def arrays_text(self) -> tuple[Functions, str]:
        """The functions and the statements that make the program's arrays."""
        from reludsl.adaptive.growth import Search, grown_patterns
        from reludsl.backends.pattern_script import posed_lines
        from reludsl.ir.pattern_problem import PatternProblem

        formulation, form = self.model.formulation, self.form
        assert isinstance(formulation, Adaptive)
        functions, text = patterns_text(self.model)
        text = augment_text(self.model) + text
        # The patterns drawn are those of one output; the form has them repeated.
        text += "".join(f"{line}\n" for line in posed_lines(replace(form, several=False), form.several))
        limit = "float('inf')" if formulation.time_limit is None else repr(formulation.time_limit)
        directions = "directions" if formulation.descends else "None"
        search = f"Search(tolerance={formulation.tolerance!r}, seed={formulation.draw.seed})"
        arguments = f"problem, {form.activation.slope!r}, {search}, {directions}, {limit}"
        text += f"D = grown_patterns({arguments})\n"
        used = (*functions, *standalone_classes(form.loss), PatternProblem, Search, grown_patterns)
        return used, text + self.blocks_text


class _Solve:
    """One growth by a backend. What the caller sees of all solves is one run; its iterations are the rounds."""

    def __init__(
        self, lowered: PatternProgram, instance: Instance, backend: Backend, settings: Settings, control: Control
    ) -> None:
        from reludsl.ir.pattern_problem import pattern_problem
        from reludsl.presolve import input_basis

        self.lowered, self.instance, self.backend, self.settings = lowered, instance, backend, settings
        self.control = control
        problem = pattern_problem(lowered.program, instance.arrays)
        assert problem is not None
        self.basis = input_basis(problem)
        self.problem = problem if self.basis is None else replace(problem, X=problem.X @ self.basis)
        self.latest = Progress(0, float("inf"), 0.0, float("inf"), 0.0)
        self.outcome, self.compiling = Outcome("failed", None), 0.0

    def run(self, formulation: Adaptive, propose: np.ndarray | None) -> tuple[Instance, Outcome]:
        """The growth, and what it comes to."""
        from reludsl.adaptive.growth import Search, grow

        self.tolerance = formulation.tolerance
        limits = [limit for limit in (formulation.time_limit, self.control.time_limit) if limit is not None]
        start = self._start()
        grown = grow(
            self.problem,
            self.lowered.model.activation.slope,
            self.solved,
            Search(formulation.tolerance, formulation.draw.seed),
            start=start,
            initial=self._initial() if formulation.descends and start is None else None,
            propose=None if propose is None else self._within(propose),
            time_limit=min(limits, default=float("inf")),
            monitor=self._show,
        )
        return self._held(grown), self._outcome(grown)

    def solved(self, posed: PatternProblem, start: Solved, accuracy: float, seconds: float) -> Solved:
        """The solution of a program by the backend, inside of its cones."""
        import numpy as np

        from reludsl.adaptive.neurons import Solved
        from reludsl.certificate import feasible_point
        from reludsl.ir.pattern_problem import as_columns

        program, arrays, settings = self.lowered.program, self._arrays(posed), self.settings
        if settings.get("tolerance") is not None:
            settings = Settings({**settings, "tolerance": max(settings["tolerance"], accuracy)}, settings.spans)
        limit = None if seconds == float("inf") else seconds
        begun = self.latest

        def monitor(state: Progress) -> bool:
            least = min(begun.objective, state.objective)
            return self.control.monitor(replace(begun, objective=least, seconds=begun.seconds + state.seconds))

        outcome = self.backend.solve(program, arrays, settings, Control(limit, monitor, self._guess(start)))
        self.compiling += outcome.compile_seconds
        ended = "interrupted" if outcome.status == "interrupted" else ""
        if not outcome.has_point or outcome.point is None:
            self.outcome = replace(outcome, point=None)
            return start._replace(ended=ended or "failed")
        u, offset = as_columns(program, feasible_point(program, arrays, outcome.point).point)
        u, dual = self._within(u), outcome.dual
        offset = offset + np.zeros(posed.Y.shape[1])  # one zero where the program has none
        if dual is None:
            dual = -posed.loss_gradient(posed.predictions(u, offset))
        self.outcome = replace(outcome, dual=dual)
        return Solved(u, offset, dual, ended)

    def _start(self) -> Solved | None:
        """Where the growth of a similar program has ended, with the patterns that this instance has."""
        import numpy as np

        from reludsl.adaptive.neurons import Solved
        from reludsl.ir.pattern_problem import as_columns

        left = self.control.start
        if not isinstance(left, Guess):
            return None
        u, offset = as_columns(self.lowered.program, left.point)
        return Solved(self._within(u), offset + np.zeros(self.problem.Y.shape[1]), left.dual)

    def _initial(self) -> Neurons:
        """A network whose hidden weights are the directions drawn."""
        from reludsl.adaptive.growth import first_neurons

        assert self.instance.directions is not None
        return first_neurons(self.problem, self._within(self.instance.directions))

    def _within(self, u: np.ndarray) -> np.ndarray:
        """Columns (d, k) in the coordinates of the search."""
        return u if self.basis is None else self.basis.T @ u

    def _guess(self, solved: Solved) -> Guess:
        """A point of the search as one of the program."""
        from reludsl.ir.pattern_problem import as_point

        columns = solved.columns if self.basis is None else self.basis @ solved.columns
        return Guess(as_point(self.lowered.program, columns, solved.offset), solved.dual)

    def _arrays(self, posed: PatternProblem) -> dict[str, np.ndarray]:
        """The arrays of the program over these patterns."""
        assert posed.masks is not None
        return {**self.instance.arrays, **self.lowered.blocks_of(posed.masks, posed.Y.shape[1])}

    def _progress(self, state: Round) -> Progress:
        """A round: what it misses is its search's gap, against the tolerance."""
        missed = min(state.gap, 1.0) / self.tolerance
        objective = state.objective / self.problem.scale
        return Progress(max(state.number, 0), objective, 0.0, missed, state.seconds, None, state.active)

    def _show(self, state: Round) -> bool:
        self.latest = self._progress(state)
        return self.control.monitor(self.latest)

    def _held(self, grown: Grown) -> Instance:
        """The instance with the patterns held at the end."""
        kept, rounds = grown.posed.gates.shape[1], len(grown.rounds)
        found = (
            "no neuron was searched for"
            if grown.dearest is None
            else f"the dearest neuron found brings {grown.dearest:.6g} times what it costs; a local search is no proof"
        )
        decision = Decision("formulation.adaptive", f"{rounds} rounds, {kept} patterns held at the end", found)
        return replace(
            self.instance,
            arrays=self._arrays(grown.posed),
            directions=None,
            counts={**self.instance.counts, "kept": kept},
            decisions=(*self.instance.decisions, decision),
            origin=f"{kept} patterns held after {rounds} rounds",
        )

    def _outcome(self, grown: Grown) -> Outcome:
        """What the run reports. It is solved where the search has ended by itself and its last program is solved."""
        last, guess = self.outcome, self._guess(grown.solved)
        own = last.dual is grown.solved.dual  # the last point is that of the last solve
        status: Status
        match grown.status:
            case "solved":
                status, message = last.status, last.message
            case "time limit":
                status, message = "limit", "the search for patterns reached the time limit"
            case "interrupted":
                status, message = "interrupted", last.message
            case _:
                status, message = last.status, last.message
        return Outcome(
            status,
            None if grown.status == "failed" else guess.point,
            len(grown.rounds),
            last.primal_residual if own else None,
            last.dual_residual if own else None,
            message,
            tuple(self._progress(state) for state in grown.rounds),
            self.compiling,
            guess,
            grown.solved.dual,
            last.supports if own else None,
        )
