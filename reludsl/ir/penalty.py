"""Penalties of weights: on a network, and on the blocks of the convex program that stands for it.

For a neuron u with output weight α and the block v = u |α| that it is in the convex program:

    weight_decay   β/2 (‖u‖² + α²)   and   β ‖v‖₂, the least weight decay over all scalings of u against α
    path_norm      β ‖u‖₂ |α|        and   β ‖v‖₂
    l1             β ‖u‖₁ |α|        and   β ‖v‖₁
    l2             β/2 ‖u‖₂² α²      and   β/2 ‖v‖₂²

The first three are norms of v, so one neuron is as good as several that add up to it, and the convex program stays
exactly equivalent. The last rewards splitting a neuron. A bias is a weight, unless it is said to be free.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from reludsl.ir.expression import Constant, Expression
from reludsl.ir.functions import Norm, SumSquares, absolute, sqrt, square
from reludsl.ir.structure import Sum

PenaltyName = Literal["weight_decay", "path_norm", "l1", "l2"]
BlockNorm = Literal["group", "l1", "l2"]


@dataclass(frozen=True)
class Penalty:
    """A penalty with its strength β; `biases` says whether it counts biases."""

    name: PenaltyName
    strength: float
    biases: bool = True

    @property
    def norm(self) -> BlockNorm:
        """What it is on blocks."""
        return self.name if self.name in ("l1", "l2") else "group"

    @property
    def exact(self) -> bool:
        """Whether the convex program is equivalent with it, for every sufficiently large width."""
        return self.name != "l2"

    def network_term(
        self,
        U: Expression,
        alpha: Expression,
        b: Expression | None = None,
        c: Expression | None = None,
        symbol: str = "beta",
    ) -> Expression:
        """Of hidden weights U (d, m), output weights (m,) or (m, c), hidden biases b (m,), output biases c.

        `symbol` is what the strength is called.
        """
        beta = Constant(self.strength, symbol)
        counted = b if self.biases else None
        offset = c if self.biases else None
        if self.name == "weight_decay":
            squares = [SumSquares(part) for part in (U, counted, alpha, offset) if part is not None]
            return beta / 2 * _sum(squares)
        several = len(alpha.shape) == 2
        if self.name == "l2":
            outputs = Sum(square(alpha), axis=1) if several else square(alpha)
            products: Expression = Sum(_squared_norms(U, counted) * outputs)
            return beta / 2 * (products if offset is None else products + SumSquares(offset))
        outputs = Sum(absolute(alpha), axis=1) if several else absolute(alpha)
        if self.name == "l1":
            norms: Expression = Norm(U, 1, axis=0) if counted is None else Norm(U, 1, axis=0) + absolute(counted)
        else:
            norms = Norm(U, 2, axis=0) if counted is None else sqrt(_squared_norms(U, counted))
        total = Sum(norms * outputs)
        return beta * (total if offset is None else total + _size(offset))


def _squared_norms(U: Expression, b: Expression | None) -> Expression:
    squares = Sum(square(U), axis=0)
    return squares if b is None else squares + square(b)


def _size(c: Expression) -> Expression:
    """Σ |c_k| of output biases, a number or one for each output."""
    return Sum(absolute(c)) if c.shape else absolute(c)


def _sum_or_none(terms: list[Expression]) -> Expression | None:
    return _sum(terms) if terms else None


def _sum(terms: Iterable[Expression]) -> Expression:
    first, *others = terms
    return sum(others, first)


@dataclass(frozen=True)
class BlockPenalty:
    """Penalties added up, as they meet the blocks of a convex program.

    β ‖v‖₂ by `group`, β ‖v‖₁ by `l1`, β/2 ‖v‖₂² by `l2`; those without biases leave the last entry of v out.
    """

    group: float = 0.0
    l1: float = 0.0
    l2: float = 0.0
    group_without_biases: float = 0.0
    l1_without_biases: float = 0.0
    l2_without_biases: float = 0.0
    offset_l1: float = 0.0
    """Of the output biases c: β Σ |c_k|, ..."""
    offset_l2: float = 0.0
    """... and β/2 Σ c_k²."""

    @classmethod
    def of(cls, penalties: Iterable[Penalty], hidden_bias: bool, output_bias: bool) -> BlockPenalty:
        """What penalties of the network come to in the convex program."""
        totals = dict.fromkeys(cls.__dataclass_fields__, 0.0)
        for penalty in penalties:
            free = hidden_bias and not penalty.biases
            totals[penalty.norm + ("_without_biases" if free else "")] += penalty.strength
            if output_bias and penalty.biases:
                totals["offset_l2" if penalty.name in ("weight_decay", "l2") else "offset_l1"] += penalty.strength
        return cls(**totals)

    @property
    def free_biases(self) -> bool:
        """Whether some penalty leaves the hidden biases out."""
        return bool(self.group_without_biases or self.l1_without_biases or self.l2_without_biases)

    @property
    def mixed(self) -> bool:
        """Whether biases are counted by one penalty and left out by another: no closed proximal operator is known."""
        return self.free_biases and bool(self.group or self.l1 or self.l2)

    @property
    def total(self) -> BlockPenalty:
        """The same strengths, whether or not they count biases."""
        return BlockPenalty(
            self.group + self.group_without_biases,
            self.l1 + self.l1_without_biases,
            self.l2 + self.l2_without_biases,
        )

    def term(self, blocks: tuple[Expression, ...], offset: Expression | None = None) -> Expression | None:
        """Of blocks (d, Q), a column each, the last row for the biases where some penalty leaves them out."""
        without = [block[: block.shape[0] - 1, :] for block in blocks] if self.free_biases else []
        terms = [
            self._weighted(name, strength, parts)
            for name, strength, parts in (
                ("beta", self.group, blocks),
                ("beta_l1", self.l1, blocks),
                ("beta_l2", self.l2, blocks),
                ("beta_free", self.group_without_biases, without),
                ("beta_l1_free", self.l1_without_biases, without),
                ("beta_l2_free", self.l2_without_biases, without),
            )
            if strength > 0
        ]
        return _sum_or_none([*terms, *self._offset_terms(offset)])

    def sums(self, sizes: Iterable[Expression], offset: Expression | None = None) -> Expression | None:
        """Of blocks whose l1 norms are affine: `sizes` are numbers, one for all columns of a sign."""
        terms = [Constant(self.l1, "beta") * _sum(sizes)] if self.l1 > 0 else []
        return _sum_or_none([*terms, *self._offset_terms(offset)])

    def _offset_terms(self, offset: Expression | None) -> list[Expression]:
        terms: list[Expression] = []
        if offset is not None and self.offset_l1 > 0:
            terms.append(Constant(self.offset_l1, "beta_bias") * _size(offset))
        if offset is not None and self.offset_l2 > 0:
            squared = SumSquares(offset) if offset.shape else square(offset)
            terms.append(Constant(self.offset_l2, "beta_bias_2") / 2 * squared)
        return terms

    def _weighted(self, name: str, strength: float, parts: Iterable[Expression]) -> Expression:
        beta = Constant(strength, name)
        if "l2" in name:
            return beta / 2 * _sum([SumSquares(part) for part in parts])
        if "l1" in name:
            return beta * _sum([Norm(part, 1) for part in parts])
        return beta * _sum([Sum(Norm(part, 2, axis=0)) for part in parts])
