"""The text of a program: aligned, exact, and stable, so that it can be kept beside a spec as a golden file.

It is written by the same walk as generated code, with words of its own; only functions stay names, and are defined
under "where". What is subtracted in a constraint is printed on its right-hand side.
"""

from __future__ import annotations

from typing import TypeVar

from reludsl.ir.builders import Builder, Code, Source, number
from reludsl.ir.dims import show
from reludsl.ir.expression import Add, Constant, Data, Expression, Full, Negate, Variable
from reludsl.ir.functions import (
    Apply,
    Elementwise,
    Huber,
    Hypot,
    LogSumExp,
    Max,
    Maximum,
    Minimum,
    Norm,
    SumSquares,
)
from reludsl.ir.program import Constraint, Nonnegative, Program, SecondOrder, Semidefinite, Zero
from reludsl.ir.structure import Block, BlockDiagonal, Diagonal, Expand, Sum, Trace
from reludsl.ir.translate import Translator, Vocabulary, axis_keyword

T = TypeVar("T")


class TextVocabulary(Vocabulary):
    """The words of the printed program."""

    expands_functions = False

    def spell(self, node: Expression, parts: tuple[T, ...], build: Builder[T]) -> T:
        match node, parts:
            case Apply(function), _:
                return build.call(function.name, *parts)
            case Elementwise("logistic"), (x,):
                # A loss has this name and another sign, so the formula says it better.
                one = build.number(1)
                return build.call("log", build.infix("+", one, build.call("exp", x)))
            case Elementwise(operation), _:
                return build.call(operation, *parts)
            case Huber(), _:
                return build.call("huber_penalty", *parts)
            case Maximum(), _:
                return build.call("maximum", *parts)
            case Minimum(), _:
                return build.call("minimum", *parts)
            case Hypot(), _:
                return build.call("hypot", *parts)
            case Sum(_, axis), _:
                return build.call("sum", *parts, **axis_keyword(axis))
            case Max(_, axis), _:
                return build.call("max", *parts, **axis_keyword(axis))
            case LogSumExp(_, axis), _:
                return build.call("log_sum_exp", *parts, **axis_keyword(axis))
            case Norm(_, order, axis), _:
                return build.call(f"norm{order}", *parts, **axis_keyword(axis))
            case SumSquares(), _:
                return build.call("sum_squares", *parts)
            case Trace(), _:
                return build.call("trace", *parts)
            case Diagonal(), _:
                return build.call("diag", *parts)
            case BlockDiagonal(), _:
                return build.call("block_diagonal", *parts)
            case Expand(_, axis), _:
                return build.call("row" if axis == 0 else "column", *parts)
            case Block(rows), _:
                blocks = iter(parts)
                return build.call("block", *(build.sequence([next(blocks) for _ in row]) for row in rows))
            case Full(value, shape), _:
                return build.call("full", value, build.sequence([build.size(dim) for dim in shape]))
        return super().spell(node, parts, build)


def expression_text(expression: Expression) -> str:
    """An expression by itself. Named expressions and scalar functions are printed as names."""
    return Translator(TextVocabulary(), Source())(expression).text


def described(expression: Expression, most: int = 72) -> str:
    """An expression for a message, cut short when it is long."""
    text = expression_text(expression)
    return text if len(text) <= most else f"{text[: most - 4]} ..."


def program_text(program: Program) -> str:
    """The whole program, as `.ir` files hold it."""
    write = Translator(TextVocabulary(), build := Source())
    objective = [(term.name, write(term.expression).text) for term in program.objective]
    constraints = [(constraint.name, _relation(constraint, write)) for constraint in program.constraints]
    definitions = [(f"{function.name}(t)", expression_text(function.definition())) for function in program.functions]
    bodies = dict(build.statements)
    named = [(name, bodies[name], expression.meaning) for expression in program.named if (name := expression.name)]
    head = f"program {program.name}"
    lines = [f"{head}  {program.meaning}" if program.meaning else head]
    if program.sizes:
        lines.append(f"  sizes  {', '.join(program.sizes)}")
    constants = [(constant.name or "", "=", number(constant.value), "") for constant in program.constants]
    data = [(array.name, ":", _data_kind(array), array.meaning) for array in program.data]
    variables = [(array.name, ":", _variable_kind(array), array.meaning) for array in program.variables]
    where = [(name, "=", body, "") for name, body in definitions]
    where += [(name, "=", body, meaning) for name, body, meaning in named]
    for title, rows in (
        ("constants", constants),
        ("data", data),
        ("variables", variables),
        ("minimize", [(name, "", body, "") for name, body in objective]),
        ("where", where),
        ("subject to", [(name, "", body, "") for name, body in constraints]),
    ):
        if rows:
            lines += ["", f"  {title}", *_aligned(rows)]
    return "\n".join(lines) + "\n"


def sides(expression: Expression) -> tuple[Expression, Expression]:
    """What to print left and right of `>=` or `==` for an expression that is compared with 0."""
    if isinstance(expression, Add):
        negative = tuple(-term for term in expression.terms if _is_negative(term))
        positive = tuple(term for term in expression.terms if not _is_negative(term))
        if negative and positive:
            return _sum(positive), _sum(negative)
    return expression, Constant(0.0)


def _is_negative(term: Expression) -> bool:
    return isinstance(term, Negate) or (isinstance(term, Constant) and term.name is None and term.value < 0)


def _sum(terms: tuple[Expression, ...]) -> Expression:
    return terms[0] if len(terms) == 1 else Add(terms)


def _relation(constraint: Constraint, write: Translator[Code]) -> str:
    match constraint:
        case Nonnegative(_, expression):
            left, right = sides(expression)
            return f"{write(left)} >= {write(right)}"
        case Zero(_, expression):
            left, right = sides(expression)
            return f"{write(left)} == {write(right)}"
        case SecondOrder(_, bound, vector, axis):
            return f"{write(Norm(vector, 2, axis))} <= {write(bound)}"
        case Semidefinite(_, matrix):
            return f"{write(matrix)} is positive semidefinite"
    raise NotImplementedError(type(constraint).__name__)


def _data_kind(array: Data) -> str:
    if array.values:
        return f"{show(array.shape)} in {array.values}"
    known = f" {array.sign.value}" if array.sign.is_nonnegative or array.sign.is_nonpositive else ""
    return show(array.shape) + known


def _variable_kind(array: Variable) -> str:
    kind = {True: " symmetric", "blocks": " of symmetric blocks"}.get(array.symmetric, "")
    return show(array.shape) + kind


def _aligned(rows: list[tuple[str, str, str, str]]) -> list[str]:
    """Name, mark, body and meaning in columns, indented."""
    names = max(len(name) for name, *_ in rows)
    bodies = max((len(body) for _, _, body, meaning in rows if meaning), default=0)
    lines = []
    for name, mark, body, meaning in rows:
        joint = f" {mark} " if mark else "  "
        lines.append(f"    {name:{names}}{joint}{body:{bodies}}  {meaning}".rstrip())
    return lines
