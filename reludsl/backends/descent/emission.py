"""The generated script's `solve`: the call of the kernel that the direct solve makes, as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reludsl.backend import Emitted
from reludsl.backends.descent import kernel, perturbed, torch_methods
from reludsl.ir import Changes, Movement, TrainingForm
from reludsl.ir.scalar_source import construction, standalone_classes
from reludsl.literals import literal

KERNEL = (
    kernel.Loss,
    kernel.Weights,
    kernel.Attack,
    kernel.TrainingProblem,
    kernel.State,
    kernel.Result,
    kernel.Watch,
    kernel.train,
    kernel.begun,
    kernel.attacked,
    kernel.problem_of,
    kernel.initial_weights,
    kernel.value_and_gradient,
    kernel.unit_weights,
    kernel.tangential,
    kernel.only_trained,
    kernel.penalty_and_gradient,
    kernel.hidden_size,
    kernel.output_size,
    kernel.pack,
    kernel.unpack,
    kernel.balanced_weights,
)
METHODS: Mapping[str, tuple[Any, ...]] = {
    "lbfgs": (kernel.lbfgs,),
    "gradient_descent": (kernel.gradient_descent,),
    "sgd": (torch_methods.sgd, torch_methods.descend_in_batches, torch_methods.batch_of),
    "adam": (torch_methods.adam, torch_methods.descend_in_batches, torch_methods.batch_of),
}


def emitted(
    form: TrainingForm,
    problem: Mapping[str, Any],
    method: str,
    options: Mapping[str, Any],
    limits: Mapping[str, Any],
    attack: Mapping[str, Any],
) -> Emitted:
    """The code for a training form.

    `problem` are the keyword arguments of `problem_of`, `options` those of the method, `limits` those of `train`,
    `attack` those of `ProjectedAscent`.
    """
    data = [entry.name for entry in form.program().data]
    arrays = {"omega": "omega"} if form.weighted else {}
    if form.activation.gated:
        arrays["gates"] = "(G, g)" if form.hidden_bias else "(G, 0.0)"
    posed = [f"{name}={literal(value)}" for name, value in problem.items()]
    posed += [f"{name}={text}" for name, text in arrays.items()]
    against, functions = _perturbed(form, attack)
    posed += against
    chosen = ", ".join([method, *(f"{name}={literal(value)}" for name, value in options.items())])
    trained = [f"partial({chosen})" if options else chosen]
    trained += [f"{name}={literal(value)}" for name, value in limits.items()]
    variables = {"U": form.U, "b": form.b, "alpha": form.alpha, "c0": form.c0}
    point = [f'"{entry.name}": weights.{name}' for name, entry in variables.items() if entry is not None]
    if isinstance(form.perturbed, Changes):
        changes = "in_radii(result.changes, radius)" if form.perturbed.ball else "result.changes"
        point.append(f'"{form.perturbed.variable.name}": {changes}')
    solve = f'''def solve({", ".join(data)}):
    """Trains the network by descent from random starts; returns its weights and the status."""
    problem = problem_of(
        {form.X.name},
        {form.y.name},
        {construction(form.loss)},
{_lines(posed)}
    )

    def report(state):
        """Prints the progress now and then; never ends the descent."""
        if state.iteration % 500 == 0:
            print(f"iteration {{state.iteration}}, best objective {{state.objective:.8g}}")
        return False

    result = train(
        problem,
{_lines(trained)}
        monitor=report,
    )
    weights = result.weights
    if weights is None:
        sys.exit("no start had a finite objective")
    return {{{", ".join(point)}}}, result.status
'''
    library = {"lbfgs": ("scipy",), "sgd": ("torch",), "adam": ("torch",)}.get(method, ())
    functions = (*standalone_classes(form.loss), *KERNEL, *METHODS[method], *functions)
    imports = ("from functools import partial",) if options or isinstance(form.perturbed, Movement) else ()
    return Emitted(("numpy", *library), functions, solve, imports)


def _perturbed(form: TrainingForm, attack: Mapping[str, Any]) -> tuple[list[str], tuple[Any, ...]]:
    """The arguments of `problem_of` that tell of a perturbation, and the functions that they call."""
    match form.perturbed:
        case Changes(ball) as changes:
            sets = ", ".join(
                [form.X.name, *([f"order={ball}"] if ball else []), *(f"{name}={name}" for name in changes.names)]
            )
            steps = ", ".join(f"{name}={literal(value)}" for name, value in attack.items())
            functions = (perturbed.ProjectedAscent, perturbed.sets_around, *([perturbed.in_radii] if ball else []))
            return [f"attack=ProjectedAscent(sets_around({sets}), {steps})"], functions
        case Movement(radius, order):
            counted = [] if form.mean else ["omega.sum()" if form.weighted else f"len({form.X.name})"]
            strength = " * ".join([repr(radius * form.steepest), *counted])
            dual = "np.inf" if order == "inf" else repr(float(order))
            priced = f"partial(price_of_slopes, scale=r, order={dual}, strength={strength})"
            return [f"price={priced}"], (perturbed.price_of_slopes,)
    return [], ()


def _lines(arguments: list[str]) -> str:
    return "\n".join(f"        {argument}," for argument in arguments)
