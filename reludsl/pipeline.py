"""The compiler on one page: text → tree → model → convex program → solution or code, with a stop after any stage."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from reludsl.backend import Backend, Control, Outcome, Progress
from reludsl.backends import backends
from reludsl.certifying import Certify, certified, certifier_for, missing_neurons
from reludsl.choice import choose_backend, language, refuse_unusable
from reludsl.diagnostics import Diagnostic, has_errors, listed
from reludsl.grammar import parse, tree
from reludsl.interrupt import interruptible
from reludsl.mistakes import Mistakes
from reludsl.model.checker import by_place, check
from reludsl.model.model import Model
from reludsl.model.values import Decision
from reludsl.options import Settings
from reludsl.source import Source
from reludsl.threads import blas_threads
from reludsl.versions import versions

if TYPE_CHECKING:
    import numpy as np

    from reludsl.certificate import Certifier
    from reludsl.data.binding import Bound
    from reludsl.lowering import Instance, Lowered
    from reludsl.solution import Solution


Trained = tuple["Instance", Outcome, "Solution"]

_PHASES = ("check", "bind", "lower", "compile", "solve", "recover", "certify")


class NoSolution(Mistakes):
    """The solver ended without any iterate: nobody's mistake, but no result either. `outcome` says how it ended."""

    def __init__(self, diagnostic: Diagnostic, outcome: Outcome) -> None:
        super().__init__([diagnostic])
        self.outcome = outcome


@dataclass(eq=False)
class Compilation:
    """One spec on its way through the compiler; each stage is carried out when it is first asked for."""

    source: Source
    overrides: Mapping[str, tree.Value] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def _timed(self, phase: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[phase] = self.seconds.get(phase, 0.0) + time.perf_counter() - started

    @cached_property
    def checked(self) -> tuple[Model | None, tuple[Diagnostic, ...]]:
        """The model, or None, and every diagnostic of the spec."""
        with self._timed("check"):
            spec, diagnostics = parse(self.source)
            if spec is None:
                return None, tuple(diagnostics)
            model, found = check(spec, language(), self.overrides)
            return (None if diagnostics else model), tuple(sorted((*diagnostics, *found), key=by_place))

    @property
    def model(self) -> Model:
        """The checked model. Raises Mistakes."""
        model, diagnostics = self.checked
        if model is None:
            raise Mistakes(diagnostics)
        return model

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        return tuple(diagnostic for diagnostic in self.checked[1] if not has_errors([diagnostic]))

    @cached_property
    def lowered(self) -> Lowered:
        """The convex program, proved convex."""
        from reludsl.ir import require_convex
        from reludsl.lowering import lower

        model = self.model
        with self._timed("lower"):
            lowered = lower(model)
            require_convex(lowered.program)
        return lowered

    @cached_property
    def training(self) -> Lowered:
        """The training problem as it is."""
        from reludsl.lowering import TrainingProgram

        return TrainingProgram(self.model)

    def backend(self, name: str | None = None) -> tuple[Backend, Settings, tuple[Decision, ...]]:
        """The backend that solves the program, its settings, and the defaults taken; see `choose_backend`."""
        return choose_backend(lambda backend: self.lowered_for(backend).program, self.model.solver, name)

    def lowered_for(self, backend: Backend) -> Lowered:
        """What a backend is given: the convex program, or the training problem itself."""
        return self.training if backend.local else self.lowered

    def identity(self, decisions: tuple[Decision, ...] = ()) -> dict[str, Any]:
        """What a network and generated code say about their origin."""
        return {
            "spec": self.source.text,
            "digest": "sha256:" + hashlib.sha256(self.source.text.encode()).hexdigest(),
            "hyperparameters": dict(self.model.hyperparameters),
            "versions": versions(),
            "seed": self.model.seed,
            "decisions": [str(decision) for decision in (*self.model.decisions, *decisions)],
        }

    def code(self, name: str | None = None) -> str:
        """Standalone solver code for a backend."""
        from reludsl.adaptive import growing_script, grows
        from reludsl.emission import emit_script

        backend, settings, decisions = self.backend(name)
        lowered = self.lowered_for(backend)
        refuse_unusable(backend, settings, lowered.program, self.model.solver)
        if grows(lowered):
            lowered = growing_script(lowered)
        emitted = backend.emit(lowered.program, settings)
        return emit_script(self.model, lowered, emitted, backend.name, self.identity(decisions))

    def bind(self, data: Any, **options: Any) -> Bound:
        """The model's data, see `data.binding.bind`; `data` and `test` are whatever `read_table` takes."""
        from reludsl.data.binding import array_names, bind
        from reludsl.data.tables import read_table

        model = self.model
        with self._timed("bind"):
            names = array_names(model, options.get("target"))
            test = options.pop("test", None)
            held_out = None if test is None else read_table(test, names)
            return bind(model, read_table(data, names), test=held_out, **options)

    def solve(
        self,
        bound: Bound,
        backend_name: str | None = None,
        time_limit: float | None = None,
        monitor: Callable[[Progress], bool] = lambda progress: False,
        after: Solution | None = None,
        threads: int | None = None,
        certify: Certify | None = None,
        propose: np.ndarray | None = None,
    ) -> Solution:
        """Trains the network. Raises Mistakes, and NoSolution when the solver ends without an iterate.

        Ctrl-C, the time limit and a monitor that returns True all end the solver, whose best iterate becomes a network.
        `threads` are those of linear algebra, see `threads.blas_threads`. With `certify`, a bound on the non-convex
        training problem follows; where none can be had, it is refused before anything is solved. Under `formulation
        adaptive` neurons that the certificate finds missing join, for as long as that helps.

        `after` is the solution of a similar spec on the same `bound`: what still holds of it is used again, and the
        solver may start from where it ended.

        `propose` are directions (d, k) of neurons, hidden biases included, in the units of the scaled samples, that
        are known to help: `formulation adaptive` begins with their patterns too.
        """
        from reludsl.recovery import shared_with

        backend, settings, chosen = self.backend(backend_name)
        lowered = self.lowered_for(backend)
        refuse_unusable(backend, settings, lowered.program, self.model.solver)
        certifier = None if certify is None else certifier_for(self.model, lowered, bound.train)
        with blas_threads(threads), interruptible() as interruption:
            with self._timed("lower"):
                earlier = shared_with(after, self.model, bound, backend.name)
                instance = lowered.bind(bound.train, bound.encoding) if earlier is None else earlier.instance
            control = Control(
                time_limit,
                lambda progress: monitor(progress) or interruption.requested,
                None if earlier is None else earlier.start,
            )
            run = (lowered, bound, (backend, settings))
            trained = self._trained(*run, instance, control, propose)
            solution = trained[-1]
            if certify is not None:
                asked = replace(certify, monitor=lambda progress: certify.monitor(progress) or interruption.requested)
                solution = self._proved(run, trained, certifier, asked, control)
        return replace(
            solution,
            network=replace(solution.network, description=self.identity()),
            decisions=(*self.model.decisions, *solution.decisions, *chosen),
            warnings=(*self.warnings, *bound.warnings, *solution.warnings),
            seconds={phase: self.seconds[phase] for phase in _PHASES if phase in self.seconds},
        )

    def _trained(
        self,
        lowered: Lowered,
        bound: Bound,
        solver: tuple[Backend, Settings],
        instance: Instance,
        control: Control,
        propose: np.ndarray | None,
    ) -> Trained:
        """The instance that was solved in the end, the outcome, and the solution that follows. Raises NoSolution."""
        from reludsl.adaptive import grows, solve_growing
        from reludsl.certificate import solved_at_once
        from reludsl.recovery import solution_of

        backend, settings = solver
        decisions: tuple[Decision, ...] = ()
        with self._timed("solve"):
            if grows(lowered):
                instance, outcome = solve_growing(lowered, instance, backend, settings, control, propose)
            elif (zero := None if backend.local else solved_at_once(lowered.program, instance.arrays)) is not None:
                outcome = replace(zero, start=control.start)
                decisions = (Decision("solve", "no hidden neurons", "none brings more than it costs"),)
            else:
                outcome = backend.solve(lowered.program, instance.arrays, settings, control)
        self.seconds["compile"] = self.seconds.get("compile", 0.0) + outcome.compile_seconds
        self.seconds["solve"] -= outcome.compile_seconds
        if not outcome.has_point:
            raise self._without_solution(backend, outcome)
        with self._timed("recover"):
            solution = solution_of(self.model, lowered, bound, instance, outcome, backend.name)
        return instance, outcome, replace(solution, decisions=(*instance.decisions, *decisions))

    def _proved(
        self,
        run: tuple[Lowered, Bound, tuple[Backend, Settings]],
        trained: Trained,
        certifier: Certifier | None,
        certify: Certify,
        control: Control,
    ) -> Solution:
        """The solution with its certificate. What a certificate finds missing joins a program that grows, and so on.

        It goes on as long as that lowers the objective or closes a fifth of the gap: neurons that bring little more
        than they cost gain nearly nothing, and keep the gap open all the same.
        """
        from reludsl.adaptive import grows

        instance, outcome, solution = trained
        limit, seconds = control.time_limit, certify.seconds
        best: Solution | None = None
        while True:
            with self._timed("certify"):
                solution = certified(solution, certifier, outcome, certify, control.monitor)
            if best is not None and solution.objective >= best.objective * (1 - 0.01 * certify.gap):
                gaps = [self._open_gap(entry) for entry in (best, solution)]
                if not gaps[1] < 0.8 * gaps[0]:
                    return solution if gaps[1] <= gaps[0] else best
            best = solution
            missing = missing_neurons(solution, certify) if grows(run[0]) else None
            solving = None if limit is None else limit - self.seconds["solve"]
            proving = None if seconds is None else seconds - self.seconds["certify"]
            if missing is None or min(left for left in (solving, proving, 1.0) if left is not None) <= 0:
                return solution
            certify = replace(certify, seconds=proving)
            control = replace(control, time_limit=solving, start=outcome.start)
            try:
                instance, outcome, solution = self._trained(*run, instance, control, missing)
            except NoSolution:
                return best

    @staticmethod
    def _open_gap(solution: Solution) -> float:
        """The gap that a certificate left, inf where it has no bound."""
        certificate = solution.certificate
        return float("inf") if certificate is None or certificate.bound is None else certificate.bound.gap

    def _without_solution(self, backend: Backend, outcome: Outcome) -> NoSolution:
        code, what = ("S403", "was interrupted") if outcome.status == "interrupted" else ("S402", "failed")
        message = f"the solver {what} before it had any solution"
        others = [
            other.name
            for other in backends().values()
            if other.name != backend.name and not other.supports(self.lowered_for(other).program)
        ]
        remedy = "try other options of the backend" + (f", or another backend: {listed(others)}" if others else "")
        notes = (outcome.message,) if outcome.message else ()
        return NoSolution(Diagnostic(code, message, notes=notes, help=remedy), outcome)
