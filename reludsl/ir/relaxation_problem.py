"""The losses and costs of a relaxation as numbers, and as statements of a script. Imported where NumPy is needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from reludsl.ir.pattern_problem import PatternProblem, problem_without_columns
from reludsl.ir.relaxation_form import RelaxationForm
from reludsl.ir.scalar_source import construction


def relaxation_problem(form: RelaxationForm, arrays: Mapping[str, np.ndarray]) -> PatternProblem:
    """The losses of the samples and the output biases; `group` is what a unit of a neuron's product of norms costs."""
    problem = problem_without_columns(form, arrays)
    return replace(problem, group=problem.scale * form.penalty.group, offset_l2=problem.scale * form.penalty.offset_l2)


def relaxation_problem_lines(form: RelaxationForm) -> list[str]:
    """Statements that define `problem` from the arrays, for scripts that hold `PatternProblem` and the loss."""
    total = "float(omega.sum())" if form.weighted else "float(len(Y))"
    return [
        f"scale = {total if form.mean else '1.0'}  # of what follows, which is for the sum of the losses",
        "problem = PatternProblem(",
        "    X=np.zeros((len(Y), 1)),",
        "    gates=np.zeros((len(Y), 0)),",
        "    masks=None,",
        f"    loss={construction(form.loss)},",
        "    Y=Y,",
        f"    weights={'omega' if form.weighted else 'None'},",
        f"    group={form.penalty.group!r} * scale,",
        f"    offset={form.output_bias},",
        f"    offset_l2={form.penalty.offset_l2!r} * scale,",
        "    scale=scale,",
        ")",
    ]
