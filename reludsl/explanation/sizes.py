"""How large a program is: unknowns, equations, inequalities and cones."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from reludsl.ir import BlockDiagonal, Program, Semidefinite, Shape, Zero


def sizes_text(program: Program, sizes: Mapping[str, int]) -> str:
    """How large the program is: in numbers where the sizes are known, in symbols otherwise."""
    lines = [dimensions(sizes)] if sizes else []
    unknowns = [variable.shape for variable in program.variables]
    lines += [f"{_count(unknowns, sizes)} unknowns"]
    matrices = [constraint.matrix for constraint in program.constraints if isinstance(constraint, Semidefinite)]
    cones = [matrix for matrix in matrices if not isinstance(matrix, BlockDiagonal)]
    if cones:
        orders = [matrix.shape[0].evaluate(sizes) if sizes else matrix.shape[0] for matrix in cones]
        lines[-1] += ", counting both halves of symmetric matrices"
        lines += [f"{len(cones)} semidefinite matrices of order {_distinct(orders)}"]
    equations = [part.shape for entry in program.constraints if isinstance(entry, Zero) for part in entry.expressions]
    if equations:
        lines += [f"{_count(equations, sizes)} equations"]
    others = [
        constraint
        for constraint in program.constraints
        if not isinstance(constraint, Zero)
        and not (isinstance(constraint, Semidefinite) and not isinstance(constraint.matrix, BlockDiagonal))
    ]
    parts = [part for constraint in others for part in constraint.expressions]
    conditions = [part.argument.shape if isinstance(part, BlockDiagonal) else part.shape for part in parts]
    if conditions or not program.constraints:
        lines += [f"{_count(conditions, sizes)} inequalities"]
    return "\n".join(lines)


def _distinct(values: Iterable[object]) -> str:
    """Values without repetitions."""
    return " and ".join(dict.fromkeys(map(str, values)))


def dimensions(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name} = {size}" for name, size in sizes.items())


def _count(shapes: Iterable[Shape], sizes: Mapping[str, int]) -> str:
    shapes = list(shapes)
    if not shapes:
        return "no"
    if sizes:
        return str(sum(math.prod(dim.evaluate(sizes) for dim in shape) for shape in shapes))
    return " + ".join("·".join(_factor(str(dim)) for dim in shape) or "1" for shape in shapes)


def _factor(text: str) -> str:
    return f"({text})" if " " in text else text
