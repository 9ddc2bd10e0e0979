"""Sizes that are not known yet: linear forms of named sizes, and the shapes made of them.

A program is lowered, verified, printed and turned into code before any data is seen, so the shape of an
array is a tuple of `Dim`: `(n, d)`, or `(n + d + c, n + d + c)`. A named size is a whole number of at
least 1; that is what makes `n + d <= n + d + c` provable without knowing either.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias


class ShapeError(ValueError):
    """Shapes that do not fit together: a mistake of whoever built the program, not of the user."""


@dataclass(frozen=True, eq=False)
class Dim:
    """A linear form of named sizes with whole coefficients, such as `2n + d + 1`.

    `terms` keep the order in which they were added, which is the order they are printed in; two forms
    are equal when they are the same function of the sizes.
    """

    terms: tuple[tuple[str, int], ...] = ()
    constant: int = 0

    @cached_property
    def _canonical(self) -> tuple[frozenset[tuple[str, int]], int]:
        return frozenset(self.terms), self.constant

    def __eq__(self, other: object) -> bool:
        if isinstance(other, int):
            return not self.terms and self.constant == other
        return isinstance(other, Dim) and self._canonical == other._canonical

    def __hash__(self) -> int:
        return hash(self._canonical if self.terms else self.constant)

    def __add__(self, other: Dim | int) -> Dim:
        other = as_dim(other)
        coefficients = dict(self.terms)
        for name, coefficient in other.terms:
            coefficients[name] = coefficients.get(name, 0) + coefficient
        terms = tuple((name, coefficient) for name, coefficient in coefficients.items() if coefficient)
        return Dim(terms, self.constant + other.constant)

    __radd__ = __add__

    def __mul__(self, factor: int) -> Dim:
        if not factor:
            return Dim()
        return Dim(tuple((name, factor * value) for name, value in self.terms), factor * self.constant)

    __rmul__ = __mul__

    def __neg__(self) -> Dim:
        return -1 * self

    def __sub__(self, other: Dim | int) -> Dim:
        return self + -as_dim(other)

    def __rsub__(self, other: Dim | int) -> Dim:
        return as_dim(other) - self

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.terms)

    def is_at_least(self, other: Dim | int) -> bool:
        """Whether this is at least `other` for all sizes of 1 and more."""
        difference = self - other
        return all(value > 0 for _, value in difference.terms) and difference.evaluate({}, default=1) >= 0

    def evaluate(self, sizes: Mapping[str, int], default: int | None = None) -> int:
        """The number, given the sizes. Raises KeyError for a size that is missing without a default."""
        value = self.constant
        for name, coefficient in self.terms:
            size = sizes.get(name, default)
            if size is None:
                raise KeyError(name)
            value += coefficient * size
        return value

    def written(self, times: str) -> str:
        """The form as text, with `times` between a coefficient and its size."""
        text = ""
        for name, value in (*self.terms, ("", self.constant)):
            if not value:
                continue
            size = abs(value)
            word = str(size) if not name else name if size == 1 else f"{size}{times}{name}"
            joint = (" - " if value < 0 else " + ") if text else ("-" if value < 0 else "")
            text += joint + word
        return text or "0"

    def __str__(self) -> str:
        return self.written(times="")

    def __repr__(self) -> str:
        return f"Dim({self})"


Shape: TypeAlias = tuple[Dim, ...]

ONE = Dim((), 1)


def as_dim(value: Dim | int | str) -> Dim:
    """A size from a number, or from a name."""
    match value:
        case Dim():
            return value
        case int():
            return Dim((), value)
        case _:
            return Dim(((value, 1),))


def sizes(names: str) -> tuple[Dim, ...]:
    """Named sizes from one text: `n, d, P = sizes("n, d, P")`."""
    return tuple(as_dim(name) for name in re.findall(r"\w+", names))


def as_shape(shape: Iterable[Dim | int | str]) -> Shape:
    """A shape of at most two sizes. Raises ShapeError when there are more."""
    result = tuple(as_dim(size) for size in shape)
    if len(result) > 2:
        raise ShapeError(f"{show(result)} has more than two dimensions")
    return result


def show(shape: Shape) -> str:
    """A shape as it is printed: `[n, d]`, and `[]` for a scalar."""
    return f"[{', '.join(map(str, shape))}]"


def broadcast(left: Shape, right: Shape) -> Shape:
    """The shape of an elementwise operation.

    Shapes must be equal, or one a scalar; and a column [n, 1] or a row [1, P] stretches to a matrix [n, P].
    A vector [n] never meets a matrix: whether it runs along rows or columns has to be said (`row`, `column`).
    """
    if left == right or not right:
        return left
    if not left:
        return right
    if len(left) == len(right) == 2:
        stretched = tuple(b if a == ONE else a for a, b in zip(left, right, strict=True))
        if all(b in (size, ONE) for b, size in zip(right, stretched, strict=True)):
            return stretched
    raise ShapeError(f"{show(left)} and {show(right)} do not fit together elementwise")
