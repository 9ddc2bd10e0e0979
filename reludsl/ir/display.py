"""The whole program as displayed mathematics: minimize, over, at worst over, subject to, where, given."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from reludsl.ir.expression import Data, Expression, Variable
from reludsl.ir.functions import Huber, Norm
from reludsl.ir.mathematics import Mathematician, natural_view, unicode
from reludsl.ir.mathml import MathMl, math_element
from reludsl.ir.notation import Latex, Notation, Unicode
from reludsl.ir.program import Constraint, Nonnegative, Program, SecondOrder, Semidefinite, Zero
from reludsl.ir.text import sides

Rows = list[tuple[str, str]]  # the heading of a section, or nothing, and a line

_WIDTH: Final = 96  # of the objective in a terminal; a longer one is broken between its terms, also in LaTeX


def program_unicode(program: Program) -> str:
    """The program as mathematics for a terminal."""
    rows = _rows(program, Unicode())
    width = max(len(heading) for heading, _ in rows)
    return "\n".join(f"{heading:{width}}  {line}".rstrip() for heading, line in rows) + "\n"


def program_latex(program: Program) -> str:
    r"""The program as an `aligned` environment, for a document with amsmath."""
    lines = [rf"{_heading(heading)} & {line} \\" for heading, line in _rows(program, Latex())]
    lines[-1] = lines[-1].removesuffix(r" \\")
    return "\n".join([r"\begin{aligned}", *lines, r"\end{aligned}"]) + "\n"


def program_mathml(program: Program) -> Rows:
    """The program for a page: the heading of a section, or nothing where it goes on, and a `<math>` element."""
    spoken = _rows(program, Unicode())
    return [
        (heading, math_element(line, alternative.rstrip()))
        for (heading, line), (_, alternative) in zip(_rows(program, MathMl()), spoken, strict=True)
    ]


def _heading(text: str) -> str:
    return rf"\text{{{text}}}\quad" if text else ""


def _rows(program: Program, notation: Notation) -> Rows:
    data, variables, named = program.data, program.variables, program.named
    taken = [*(array.name for array in data), *(array.name for array in variables), *(node.name for node in named)]
    write = Mathematician(notation, (*taken, *program.sizes))
    rows: Rows = []
    for heading, lines in (
        ("minimize", _objective(program, write, notation)),
        ("over", _spaces([array for array in program.variables if array not in program.opposed], notation)),
        ("at worst over", _spaces(program.opposed, notation)),
        ("subject to", [_relation(constraint, write, notation) for constraint in program.constraints]),
        ("where", _definitions(program, write, notation)),
        ("given", _spaces(program.data, notation)),
    ):
        rows += [(heading if not index else "", line) for index, line in enumerate(lines)]
    return rows


def _objective(program: Program, write: Mathematician, notation: Notation) -> list[str]:
    terms = [write.write(term.expression) for term in program.objective] or [notation.number(0.0)]
    if sum(len(unicode(term.expression)) + 3 for term in program.objective) <= _WIDTH:
        return [f" {notation.plus} ".join(terms)]
    return [terms[0], *(f"{notation.plus} {term}" for term in terms[1:])]


def _relation(constraint: Constraint, write: Mathematician, notation: Notation) -> str:
    match constraint:
        case Nonnegative(_, expression):
            return _compared(expression, notation.at_least, write, notation)
        case Zero(_, expression):
            return _compared(expression, notation.equals, write, notation)
        case SecondOrder(_, bound, vector, None):
            return f"{write.write(Norm(vector, 2))} {notation.at_most} {write.write(bound)}"
        case SecondOrder(_, bound, vector, axis):
            with write.letters(bound.shape) as view:
                norm = write.write(Norm(vector, 2, axis), view)
                return f"{norm} {notation.at_most} {write.write(bound, view)}{_for_all(view, notation)}"
        case Semidefinite(_, matrix):
            return f"{write.write(matrix)} {notation.semidefinite} {notation.number(0.0)}"
    raise NotImplementedError(type(constraint).__name__)


def _compared(expression: Expression, symbol: str, write: Mathematician, notation: Notation) -> str:
    left, right = sides(expression)
    with write.letters(natural_view(expression)) as view:
        texts = [write.write(side, view[: len(side.shape)]) for side in (left, right)]
        return f"{texts[0]} {symbol} {texts[1]}{_for_all(view, notation)}"


def _for_all(view: Iterable[str | None], notation: Notation) -> str:
    letters = [notation.letter(letter) for letter in view if letter is not None]
    return notation.words("for all") + notation.listed(letters) if letters else ""


def _definitions(program: Program, write: Mathematician, notation: Notation) -> list[str]:
    lines = []
    for named in program.named:
        with write.letters(natural_view(named.expression)) as view:
            lines.append(f"{write.write(named, view)} {notation.equals} {write.write(named.expression, view)}")
    for constant in program.constants:
        sign = notation.minus if constant.value < 0 else ""
        lines.append(f"{write.write(constant)} {notation.equals} {sign}{notation.decimal(abs(constant.value))}")
    thresholds = dict.fromkeys(write.write(node.threshold) for node in program.nodes if isinstance(node, Huber))
    for threshold in thresholds:
        t, half = notation.symbol("t"), notation.number(0.5)
        small = notation.absolute(t)
        near = f"{half} {notation.squared(t)}{notation.words('if')}{small} {notation.at_most} {threshold}"
        beyond = notation.parenthesised(f"{small} {notation.minus} {half} {threshold}")
        far = f"{notation.words('else')}{threshold} {beyond}"
        lines.append(f"{notation.function('H', t, index=threshold)} {notation.equals} {near}{notation.comma}{far}")
    return lines


def _spaces(arrays: Iterable[Data] | Iterable[Variable], notation: Notation) -> list[str]:
    """One line for all arrays of a kind: V, W ∈ ℝᵈˣᴾ."""
    kinds: dict[str, list[str]] = {}
    for array in arrays:
        match array:
            case Variable(_, shape, True):
                space = notation.space("S", shape[:1])
            case Variable(_, shape, "blocks"):
                space = f"{notation.space('R', shape)}{notation.words('in symmetric blocks')}"
            case Data(_, shape, values=values) if values:
                space = notation.space(values, shape)
            case Data(_, shape, sign) if sign.is_nonnegative:
                space = notation.listed([notation.space("R", shape), f"{notation.at_least} {notation.number(0.0)}"])
            case _:
                space = notation.space("R", array.shape)
        kinds.setdefault(space, []).append(notation.symbol(array.name))
    return [f"{notation.listed(names)} {notation.element_of} {space}" for space, names in kinds.items()]
