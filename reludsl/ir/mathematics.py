"""A program as mathematics: Unicode for the terminal, LaTeX for a paper, MathML for a page.

Sums and norms along an axis are written with indices, as a person would: a sum over the samples of max(0, 1 - y * f)
becomes Σᵢ max(0, 1 − yᵢ fᵢ), and norms of columns become Σⱼ ‖Vⱼ‖₂. So an expression is printed in a *view*: whole, or
with a letter for some of its axes. A letter belongs to a size (the samples keep theirs in all formulas), and is
given out when that size is first summed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from reludsl.ir.dims import ONE, Dim, Shape
from reludsl.ir.expression import (
    Add,
    Constant,
    Data,
    Divide,
    Expression,
    Full,
    MatMul,
    Multiply,
    Named,
    Negate,
    Placeholder,
    Size,
    Variable,
)
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
from reludsl.ir.mathml import MathMl, math_element
from reludsl.ir.notation import Latex, Notation, Unicode
from reludsl.ir.structure import Block, BlockDiagonal, Diagonal, Expand, Reduction, Slice, Sum, Trace, Transpose

View = tuple[str | None, ...]  # for each axis its letter, or None for all of it

# How tightly a text holds together, to put parentheses where they are needed and nowhere else.
_SUM, _BIG, _HADAMARD, _PRODUCT, _POWER, _ATOM = range(6)

_LETTERS: Final = "ijklmprst"


@dataclass(frozen=True)
class Piece:
    """A printed expression: its text, how tightly it holds together, and whether it is a single number."""

    text: str
    level: int = _ATOM
    scalar: bool = True


class Mathematician:
    """Writes the expressions of one program, so that letters mean the same in all of them."""

    def __init__(self, notation: Notation, taken: Iterable[str] = ()) -> None:
        self._notation = notation
        self._letters = [letter for letter in _LETTERS if letter not in set(taken)]
        self._of_size: dict[Dim, list[str]] = {}
        self._active: list[str] = []  # the letters in use around the expression that is being written

    def write(self, expression: Expression, view: View | None = None) -> str:
        """The expression in a view; whole without one."""
        return self._piece(expression, view or (None,) * len(expression.shape)).text

    @contextmanager
    def letters(self, sizes: Sequence[Dim | None]) -> Iterator[View]:
        """A letter for each size that is given, to be used inside."""
        before = len(self._active)
        view = tuple(None if size is None else self._letter(size) for size in sizes)
        try:
            yield view
        finally:
            del self._active[before:]

    def _letter(self, size: Dim) -> str:
        known = self._of_size.setdefault(size, [])
        letter = next((letter for letter in known if letter not in self._active), None)
        if letter is None:
            given = {letter for letters in self._of_size.values() for letter in letters}
            letter = next((letter for letter in self._letters if letter not in given), "q")
            known.append(letter)
        self._active.append(letter)
        return letter

    def _piece(self, node: Expression, view: View) -> Piece:
        piece = self._written(node, view)
        rank = sum(letter is None and size != ONE for letter, size in zip(view, node.shape, strict=True))
        return Piece(piece.text, piece.level, rank == 0)

    def _written(self, node: Expression, view: View) -> Piece:
        spell = self._notation
        match node:
            case Constant(value, None):
                text = spell.number(abs(value))
                return Piece(text) if value >= 0 else Piece(spell.minus + text, _SUM)
            case Constant(_, str(name)):
                return Piece(spell.symbol(name))
            case Size(dim):
                level = _SUM if len(dim.terms) + bool(dim.constant) > 1 else _ATOM
                return Piece(spell.dim(dim), level)
            case Data(name) | Variable(name) | Named(name) | Placeholder(name):
                return Piece(spell.indexed(spell.symbol(name), view))
            case Full(value, _):
                return self._filled(value, view)
            case Apply():
                return self._written(node.expanded, view)
            case Add(terms):
                return self._added(terms, node.shape, view)
            case Negate(inside):
                return Piece(spell.minus + self._held(inside, view, _BIG), _SUM)
            case Multiply(left, right):
                return self._multiplied(
                    self._piece(left, _adapted(view, left.shape)), self._piece(right, _adapted(view, right.shape))
                )
            case Divide(left, right):
                return self._divided(left, right, view)
            case MatMul(left, right):
                return self._matrix_product(left, right, view)
            case Transpose(inside):
                if None not in view:
                    return self._piece(inside, view[::-1])
                return Piece(spell.transposed(self._held(inside, view[::-1], _ATOM)), _POWER)
            case Trace(inside):
                return Piece(spell.function("tr", self.write(inside)))
            case Expand(inside, axis):
                piece = self._piece(inside, (view[1 - axis],))
                lying = axis == 0 and view[1] is None
                return Piece(spell.transposed(self._enclosed(piece, _ATOM)), _POWER) if lying else piece
            case Norm() | Sum() | Max() | LogSumExp():
                return self._reduction(node, view)
            case SumSquares(inside) if not inside.shape:
                return Piece(spell.squared(self._held(inside, view, _ATOM)), _POWER)
            case SumSquares(inside):
                order = "F" if len(inside.shape) == 2 else "2"
                return Piece(spell.squared(spell.norm(self.write(inside), order)), _POWER)
            case Elementwise() | Huber() | Maximum() | Minimum() | Hypot():
                return self._function(node, view)
            case Diagonal() | BlockDiagonal() | Slice() | Block():
                return self._arrangement(node, view)
        raise NotImplementedError(type(node).__name__)

    def _held(self, node: Expression, view: View, least: int) -> str:
        return self._enclosed(self._piece(node, view), least)

    def _enclosed(self, piece: Piece, least: int) -> str:
        return piece.text if piece.level >= least else self._notation.parenthesised(piece.text)

    def _filled(self, value: float, view: View) -> Piece:
        number = self._notation.number(abs(value))
        ones = self._notation.ones
        entry = number if value == 0 or None not in view else ones if abs(value) == 1 else f"{number} {ones}"
        return Piece(entry, _PRODUCT) if value >= 0 else Piece(self._notation.minus + entry, _SUM)

    def _added(self, terms: tuple[Expression, ...], shape: Shape, view: View) -> Piece:
        sums = [term for term in terms if isinstance(term, Sum)]
        if len(sums) == len(terms) > 1 and len({(term.argument.shape, term.axis) for term in sums}) == 1:
            # Σ a + Σ b is read more easily as Σ (a + b).
            return self._piece(Sum(Add(tuple(term.argument for term in sums)), sums[0].axis), view)
        text = ""
        for term in terms:
            piece = self._piece(term, _adapted(view, term.shape))
            negative = piece.level == _SUM and piece.text.startswith(self._notation.minus)
            if text:
                bare = piece.text.removeprefix(self._notation.minus) if negative else piece.text
                text += f" {self._notation.minus if negative else self._notation.plus} {bare}"
            else:
                text = piece.text
        return Piece(text, _SUM)

    def _multiplied(self, left: Piece, right: Piece) -> Piece:
        if not (left.scalar or right.scalar):
            before = self._enclosed(left, _POWER if left.level != _HADAMARD else _HADAMARD)
            return Piece(f"{before} {self._notation.hadamard} {self._enclosed(right, _POWER)}", _HADAMARD)
        if right.scalar and not left.scalar:
            left, right = right, left
        one = self._notation.number(1.0)
        if left.text == one:
            return right
        if right.text == one:
            return left
        text = self._notation.product(self._enclosed(left, _PRODUCT), self._enclosed(right, _BIG))
        return Piece(text, min(_PRODUCT, max(right.level, _BIG)))

    def _divided(self, left: Expression, right: Expression, view: View) -> Piece:
        spell = self._notation
        numerator = self._piece(left, _adapted(view, left.shape))
        denominator = self._piece(right, _adapted(view, right.shape))
        low = denominator.text if spell.fractions_enclose else self._enclosed(denominator, _ATOM)
        if numerator.level >= _POWER or not denominator.scalar:
            high = numerator.text if spell.fractions_enclose else self._enclosed(numerator, _POWER)
            return Piece(spell.fraction(high, low), _PRODUCT)
        return self._multiplied(Piece(spell.fraction(spell.number(1.0), low), _PRODUCT), numerator)

    def _matrix_product(self, left: Expression, right: Expression, view: View) -> Piece:
        before = self._piece(left, (*view[: len(left.shape) - 1], None))
        after = self._piece(right, (None, *view[len(left.shape) - 1 :]))
        first = self._enclosed(before, _PRODUCT)
        if len(left.shape) == 1:
            first = self._notation.transposed(self._enclosed(before, _ATOM))
        return Piece(f"{first} {self._enclosed(after, _PRODUCT)}", _PRODUCT)

    def _reduction(self, node: Norm | Reduction, view: View) -> Piece:
        inside, spell = node.argument, self._notation
        if node.axis is not None and view == (None,) and not isinstance(node, Sum):
            # A vector of norms or maxima: its typical entry, in parentheses with the letter.
            with self.letters(node.shape) as letters:
                return Piece(spell.indexed(spell.parenthesised(self.write(node, letters)), letters))
        kept = None if node.axis is None else view[0]
        if isinstance(node, Norm):
            if node.axis is None:
                matrix = len(inside.shape) == 2
                text = self.write(inside)
                if matrix and node.order != 2:
                    text = spell.function("vec", text)
                return Piece(spell.norm(text, "F" if matrix and node.order == 2 else str(node.order)))
            text = self.write(inside, (None, kept) if node.axis == 0 else (kept, None))
            return Piece(spell.norm(text, str(node.order)))
        along = [size if node.axis is None or axis == node.axis else None for axis, size in enumerate(inside.shape)]
        with self.letters([None if size == ONE else size for size in along]) as letters:
            line = tuple(kept if size is None else letter for letter, size in zip(letters, along, strict=True))
            runs = [(letter, size) for letter, size in zip(letters, along, strict=True) if letter and size is not None]
            body = self._piece(inside, line)
            total = spell.operator("sum", runs)
            match node:
                case LogSumExp():
                    return Piece(f"{spell.operator('log', [])} {total} {spell.function('exp', body.text)}", _BIG)
                case Max():
                    return Piece(f"{spell.operator('max', runs)} {self._enclosed(body, _BIG)}", _BIG)
        return Piece(f"{total} {self._enclosed(body, _BIG)}", _BIG) if runs else body

    def _function(self, node: Elementwise | Huber | Maximum | Minimum | Hypot, view: View) -> Piece:
        spell = self._notation
        pieces = [self._piece(argument, _adapted(view, argument.shape)) for argument in node.arguments]
        texts = [piece.text for piece in pieces]
        match node:
            case Maximum():
                return Piece(spell.function("max", *texts))
            case Minimum():
                return Piece(spell.function("min", *texts))
            case Hypot():
                return Piece(spell.norm(spell.parenthesised(spell.listed(texts)), "2"))
            case Huber():
                return Piece(spell.function("H", texts[0], index=texts[1]))
        (x,), (text,) = pieces, texts
        match node.operation:
            case "abs":
                return Piece(spell.absolute(text))
            case "pos":
                return Piece(spell.function("max", spell.number(0.0), text))
            case "neg":
                return Piece(spell.function("max", spell.number(0.0), self._written(-node.argument, view).text))
            case "square":
                return Piece(spell.squared(self._enclosed(x, _ATOM)), _POWER)
            case "exp" | "log":
                return Piece(spell.function(node.operation, text))
            case "logistic":
                return Piece(spell.function("log", f"{spell.number(1.0)} {spell.plus} {spell.function('exp', text)}"))
            case "sqrt":
                return Piece(spell.root(text))
            case "step":
                return Piece(spell.indicator(text))
            case "entropy":
                return Piece(f"{spell.minus}{self._enclosed(x, _PRODUCT)} {spell.function('log', text)}", _SUM)

    def _arrangement(self, node: Diagonal | BlockDiagonal | Slice | Block, view: View) -> Piece:
        spell = self._notation
        match node:
            case Diagonal(inside) if len(inside.shape) == 2 and view != (None,):
                return self._piece(inside, view * 2)
            case Diagonal(Full(1.0)):
                whole = Piece(spell.symbol("I"))
            case Diagonal(inside):
                whole = Piece(spell.function("diag", self.write(inside)))
            case BlockDiagonal(inside):
                whole = Piece(spell.function("blkdiag", self.write(inside)))
            case Slice(inside):
                bounds = [
                    self._bounds(start, stop, size, letter)
                    for (start, stop), size, letter in zip(node.ranges, inside.shape, view, strict=True)
                ]
                return Piece(spell.part(self._held(inside, (None,) * len(inside.shape), _ATOM), bounds))
            case Block(rows):
                whole = Piece(spell.blocks([[self.write(block) for block in row] for row in rows]))
        return Piece(spell.indexed(whole.text, view))

    def _bounds(self, start: Dim, stop: Dim, size: Dim, letter: str | None) -> str:
        """A range counted from 1 as in mathematics, both ends included; or what the letter counts within it."""
        spell, dim = self._notation, self._notation.dim
        if letter is not None:
            return spell.letter(letter) if start == 0 else f"{dim(start)} {spell.plus} {spell.letter(letter)}"
        if stop - start == size:
            return spell.colon
        return dim(stop) if stop - start == ONE else f"{dim(start + 1)}{spell.colon}{dim(stop)}"


def _adapted(view: View, shape: Shape) -> View:
    """The view of an operand that may be stretched to the shape of the result."""
    if not shape:
        return ()
    return tuple(None if size == ONE and len(shape) == 2 else letter for letter, size in zip(view, shape, strict=True))


def natural_view(expression: Expression) -> tuple[Dim | None, ...]:
    """The sizes that need a letter, so that nothing elementwise or columnwise is left to be guessed."""
    expanded = {node.axis for node in _outside_names(expression) if isinstance(node, Expand)}
    match expression.shape:
        case (rows, columns):
            return (rows if 1 in expanded else None, columns if 0 in expanded else None)
        case (size,):
            pointed = Elementwise | Huber | Maximum | Minimum | Hypot | Norm | Max | LogSumExp
            return (size if any(isinstance(node, pointed) for node in _outside_names(expression)) else None,)
    return ()


def _outside_names(expression: Expression) -> Iterator[Expression]:
    yield expression
    if not isinstance(expression, Named | Block):
        for argument in (expression.expanded,) if isinstance(expression, Apply) else expression.arguments:
            yield from _outside_names(argument)


def unicode(expression: Expression) -> str:
    """An expression by itself, for a terminal."""
    return _alone(expression, Unicode())


def latex(expression: Expression) -> str:
    """An expression by itself, in LaTeX."""
    return _alone(expression, Latex())


def mathml(expression: Expression) -> str:
    """An expression by itself, as a `<math>` element."""
    return math_element(_alone(expression, MathMl()), unicode(expression))


def _alone(expression: Expression, notation: Notation) -> str:
    mathematician = Mathematician(notation)
    with mathematician.letters(natural_view(expression)) as view:
        return mathematician.write(expression, view)
