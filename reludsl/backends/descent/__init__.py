"""Descent on the network itself: the local baseline, which trains the same spec without its convex program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from reludsl.backend import LIMITS, Control, Emitted, Outcome, Progress, Status
from reludsl.ir import Changes, Movement, Program, TrainingForm
from reludsl.options import Choice, ChoiceType, NumberType, Option, Selected, Settings

if TYPE_CHECKING:
    import numpy as np

    from reludsl.backends.descent.kernel import Result, State

DEFAULT_WIDTH = 50

_BATCH = Option("batch", NumberType(1, integer=True), "samples a step", default=32)
_EPOCHS = Option("epochs", NumberType(1, integer=True), "passes over the samples", default=200)


def _rate(default: float, name: str = "learning_rate") -> Option:
    return Option(name, NumberType(0, open_minimum=True), "the step, for the objective per sample", default=default)


METHODS = (
    Choice("lbfgs", "a quasi-Newton method, SciPy's L-BFGS-B, with exact gradients"),
    Choice("gradient_descent", "steps of a fixed size along the full gradient", (_rate(0.1, "step_size"),)),
    Choice(
        "sgd",
        "stochastic gradient descent on batches (the extra `torch`)",
        (
            _rate(0.1),
            Option(
                "momentum",
                NumberType(0, 1, open_maximum=True),
                "the share of the last step that is repeated",
                default=0.0,
            ),
            _BATCH,
            _EPOCHS,
        ),
    ),
    Choice("adam", "Adam on batches (the extra `torch`)", (_rate(0.001), _BATCH, _EPOCHS)),
)
_WITH_TORCH = ("sgd", "adam")

_STEPS = {"steps": 7, "step_size": 0.25}
ATTACKS = (
    Choice(
        "pgd",
        "projected gradient ascent from a random point of each set, drawn once a restart",
        (
            Option("steps", NumberType(1, integer=True), "how many steps", default=_STEPS["steps"]),
            Option(
                "step_size",
                NumberType(0, open_minimum=True),
                "the step, as a share of the radius or of a box's longer side",
                default=_STEPS["step_size"],
            ),
        ),
    ),
    Choice("fgsm", "one step from each sample to the border of its set (the fast gradient sign method)"),
)


class DescentBackend:
    """Multistart descent on the training problem, with kernels that also stand in generated code."""

    name = "descent"
    summary = "descent on the network itself, from random starts: the local baseline"
    details = (
        "Trains the network of the spec directly, and keeps the best of its restarts by the training objective. The "
        "problem is not convex: what it finds is a local solution, an upper bound on the optimum that says nothing of "
        "how far away it is. Hidden weights start normal with variance 2/d (He et al. 2015; a hidden bias counts as an "
        "input), output weights with variance 1/m, restart k from the seeds (`seed`, k). With separate outputs the "
        "neurons are divided evenly among them. Weights of polynomial neurons are divided by their norm. `solved` "
        "means that the gradient fell below `tolerance` times its norm at the start; where the objective has kinks, as "
        "with every ReLU, descent often ends at one without that. The step sizes are for the objective per sample: "
        "where losses are summed, it is divided by the number of samples. "
        "Under a perturbation it trains adversarially: whenever the objective is evaluated, an `attack` looks for the "
        "worst change of each sample in its set, the objective is the one there, and so is the gradient (Madry et al. "
        "2018). Gates are those of the samples without changes. Under `wasserstein` it pays the radius times the sum "
        "of the neurons' Lipschitz constants."
    )
    local = True
    by_name = False
    options = (
        Option("method", ChoiceType(METHODS), "how it descends", default="lbfgs"),
        Option(
            "attack",
            ChoiceType(ATTACKS),
            "how it looks for worst changes, under a perturbation",
            default=Selected("pgd", Settings(_STEPS)),
        ),
        Option("restarts", NumberType(1, integer=True), "random starts, of which the best is kept", default=5),
        Option(
            "width",
            NumberType(1, integer=True),
            "hidden neurons, where the architecture leaves their number free",
            default=DEFAULT_WIDTH,
        ),
        Option("seed", NumberType(0, integer=True), "where random numbers begin", default=0),
        Option(
            "max_iterations",
            NumberType(1, integer=True),
            "iterations of a restart until it stops anyway; `sgd` and `adam` count epochs of their own",
            default=2000,
        ),
        Option(
            "tolerance",
            NumberType(0, 1, open_minimum=True),
            "bound on the norm of the gradient, relative to that at the start",
            default=1e-6,
        ),
    )

    def supports(self, program: Program) -> tuple[str, ...]:
        form = TrainingForm.of(program)
        if form is None:
            return ("it trains the network itself, not a convex program",)
        if form.activation.stepwise:
            return (f"a step has no gradient to follow, and so has the activation `{form.activation.name}`",)
        return ()

    def unusable(self, settings: Settings, program: Program) -> tuple[str, ...]:
        method, _ = _method(settings)
        if method in _WITH_TORCH and find_spec("torch") is None:
            return (f"the method `{method}` needs PyTorch, which is not installed: pip install 'reludsl[torch]'",)
        return ()

    def solve(
        self, program: Program, arrays: Mapping[str, np.ndarray], settings: Settings, control: Control
    ) -> Outcome:
        from reludsl.backends.descent.kernel import problem_of, train  # NumPy only when something is solved

        form = _form_of(program)
        gates = (arrays["G"], arrays["g"] if form.hidden_bias else 0.0) if form.activation.gated else None
        omega = arrays["omega"] if form.weighted else None
        X, Y = arrays[form.X.name], arrays[form.y.name]
        result = train(
            problem_of(
                X,
                Y,
                form.loss,
                **_posed(form, settings),
                omega=omega,
                gates=gates,
                **_perturbed(form, arrays, settings),
            ),
            _descent(settings),
            **_limits(settings),
            time_limit=float("inf") if control.time_limit is None else control.time_limit,
            monitor=lambda state: control.monitor(_progress(state)),
        )
        history = tuple(_progress(state) for state in result.history)
        return Outcome(
            _status(result.status),
            _point(form, arrays, result),
            history[-1].iteration,
            0.0,
            result.gradient,
            _message(result, settings["restarts"]),
            history,
        )

    def emit(self, program: Program, settings: Settings) -> Emitted:
        from reludsl.backends.descent.emission import emitted

        form, (method, options) = _form_of(program), _method(settings)
        return emitted(form, _posed(form, settings), method, options, _limits(settings), _attack(settings))


def _form_of(program: Program) -> TrainingForm:
    form = TrainingForm.of(program)
    assert form is not None, "supports() is asked first"
    return form


def _posed(form: TrainingForm, settings: Settings) -> dict[str, Any]:
    """What the kernel is told of the problem beside its arrays and its loss."""
    polynomial = {"coefficients": form.activation.coefficients} if form.activation.polynomial else {}
    return {
        "width": form.width or settings["width"],
        "penalties": tuple((penalty.name, penalty.strength, penalty.biases) for penalty, _ in form.penalties),
        "slope": form.activation.slope,
        "mean": form.mean,
        "hidden_bias": form.hidden_bias,
        "output_bias": form.output_bias,
        **({"shared": True} if form.shared else {}),
        **polynomial,
    }


def _perturbed(form: TrainingForm, arrays: Mapping[str, np.ndarray], settings: Settings) -> dict[str, Any]:
    """What the kernel is told of a perturbation."""
    from reludsl.backends.descent.perturbed import ProjectedAscent, price_of_slopes, sets_around

    match form.perturbed:
        case Changes(order) as changes:
            sets = sets_around(arrays[form.X.name], order, **{name: arrays[name] for name in changes.names})
            return {"attack": ProjectedAscent(sets, **_attack(settings))}
        case Movement(radius, order):
            counted = 1.0 if form.mean else arrays["omega"].sum() if form.weighted else len(arrays[form.X.name])
            strength = radius * form.steepest * float(counted)
            return {"price": partial(price_of_slopes, scale=arrays["r"], order=float(order), strength=strength)}
    return {}


def _attack(settings: Settings) -> dict[str, Any]:
    """The steps of the attack."""
    match settings["attack"]:
        case Selected(_, steps):
            return {**steps, "random": True}
    return {"steps": 1, "step_size": 1.0, "random": False}


def _method(settings: Settings) -> tuple[str, dict[str, Any]]:
    """The method's name and its own options."""
    match settings["method"]:
        case Selected(name, options):
            return name, {key: value for key, value in options.items() if key != "epochs"}
        case name:
            return name, {}


def _limits(settings: Settings) -> dict[str, Any]:
    """The starts and the ends: an iteration of a method that counts epochs is an epoch."""
    limits = {name: settings[name] for name in ("restarts", "seed", "tolerance", "max_iterations")}
    match settings["method"]:
        case Selected(_, options) if "epochs" in options:
            return limits | {"max_iterations": options["epochs"]}
    return limits


def _descent(settings: Settings) -> Callable[..., None]:
    from reludsl.backends.descent import kernel, torch_methods

    name, options = _method(settings)
    method: Callable[..., None] = getattr(torch_methods if name in _WITH_TORCH else kernel, name)
    return partial(method, **options)


def _point(form: TrainingForm, arrays: Mapping[str, np.ndarray], result: Result) -> Mapping[str, np.ndarray] | None:
    from reludsl.backends.descent.perturbed import in_radii

    if result.weights is None:
        return None
    variables = {"U": form.U, "b": form.b, "alpha": form.alpha, "c0": form.c0}
    point = {
        variable.name: getattr(result.weights, name) for name, variable in variables.items() if variable is not None
    }
    if isinstance(form.perturbed, Changes) and result.changes is not None:
        point[form.perturbed.variable.name] = in_radii(result.changes, arrays.get("radius"))
    return point


def _progress(state: State) -> Progress:
    return Progress(state.iteration, state.objective, 0.0, state.gradient, state.seconds)


def _status(status: str) -> Status:
    match status:
        case "solved" | "interrupted":
            return status
        case "diverged":
            return "failed"
    return "limit"


_ENDS: Mapping[str, str] = {
    **LIMITS,
    "solved": "met the tolerance",
    "stalled": "ended where no step along its gradient went down, as at a kink",
    "diverged": "diverged: a smaller step size may help",
    "interrupted": "was interrupted",
}


def _message(result: Result, restarts: int) -> str:
    """How many restarts there were, how far apart they ended, and how it ended."""
    finite = [value for value in result.objectives if value < float("inf")]
    spread = f" with objectives from {min(finite):.6g} to {max(finite):.6g}" if len(finite) > 1 else ""
    return f"{len(result.objectives)} of {restarts} restarts{spread}; descent {_ENDS[result.status]}"
