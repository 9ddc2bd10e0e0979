"""Sign, curvature and monotonicity, and the rules of disciplined convex programming that combine them.

The composition rule: f(g_1, ..., g_k) is convex if f is convex and every g_i is affine, or is convex where f is
nondecreasing in it, or is concave where f is nonincreasing in it. Source: Grant, Boyd, Ye, *Disciplined
convex programming*, 2006.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum


class Sign(Enum):
    """What is known about the sign of every entry."""

    UNKNOWN = "of unknown sign"
    NONNEGATIVE = "nonnegative"
    NONPOSITIVE = "nonpositive"
    ZERO = "zero"

    @property
    def is_nonnegative(self) -> bool:
        return self in (Sign.NONNEGATIVE, Sign.ZERO)

    @property
    def is_nonpositive(self) -> bool:
        return self in (Sign.NONPOSITIVE, Sign.ZERO)

    @classmethod
    def known(cls, nonnegative: bool, nonpositive: bool) -> Sign:
        match nonnegative, nonpositive:
            case True, True:
                return cls.ZERO
            case True, False:
                return cls.NONNEGATIVE
            case False, True:
                return cls.NONPOSITIVE
        return cls.UNKNOWN

    @classmethod
    def of(cls, value: float) -> Sign:
        return cls.known(value >= 0, value <= 0)

    @classmethod
    def common(cls, signs: Iterable[Sign]) -> Sign:
        """What is true of all: the sign of a sum, and of entries put side by side."""
        every = tuple(signs)
        return cls.known(all(s.is_nonnegative for s in every), all(s.is_nonpositive for s in every))

    def negated(self) -> Sign:
        return Sign.known(self.is_nonpositive, self.is_nonnegative)

    def times(self, other: Sign) -> Sign:
        if Sign.ZERO in (self, other):
            return Sign.ZERO
        if Sign.UNKNOWN in (self, other):
            return Sign.UNKNOWN
        return Sign.NONNEGATIVE if self is other else Sign.NONPOSITIVE


class Curvature(Enum):
    """How an expression depends on the variables. A constant does not; a constant is affine, an affine both."""

    CONSTANT = "constant"
    AFFINE = "affine"
    CONVEX = "convex"
    CONCAVE = "concave"
    UNKNOWN = "neither provably convex nor concave"

    @property
    def is_constant(self) -> bool:
        return self is Curvature.CONSTANT

    @property
    def is_affine(self) -> bool:
        return self in (Curvature.CONSTANT, Curvature.AFFINE)

    @property
    def is_convex(self) -> bool:
        return self.is_affine or self is Curvature.CONVEX

    @property
    def is_concave(self) -> bool:
        return self.is_affine or self is Curvature.CONCAVE

    def is_also(self, wanted: Curvature) -> bool:
        """Whether what has this curvature may stand where `wanted` is asked for."""
        match wanted:
            case Curvature.CONSTANT:
                return self.is_constant
            case Curvature.AFFINE:
                return self.is_affine
            case Curvature.CONVEX:
                return self.is_convex
            case Curvature.CONCAVE:
                return self.is_concave
        return True

    def flipped(self) -> Curvature:
        match self:
            case Curvature.CONVEX:
                return Curvature.CONCAVE
            case Curvature.CONCAVE:
                return Curvature.CONVEX
        return self


class Monotonicity(Enum):
    """How a function moves with one argument."""

    INCREASING = "nondecreasing"
    DECREASING = "nonincreasing"
    NEITHER = "not monotone"

    @classmethod
    def along(cls, sign: Sign) -> Monotonicity:
        """Of multiplication by a factor of this sign, and of an even function on arguments of this sign."""
        if sign.is_nonnegative:
            return cls.INCREASING
        return cls.DECREASING if sign.is_nonpositive else cls.NEITHER

    def needs(self, wanted: Curvature) -> Curvature:
        """What an argument must be, so that a function that is `wanted` stays `wanted` in it."""
        match self:
            case Monotonicity.INCREASING:
                return wanted
            case Monotonicity.DECREASING:
                return wanted.flipped()
        return Curvature.AFFINE


@dataclass(frozen=True)
class Rule:
    """A node as a function of its arguments: its curvature in them jointly, and its monotonicity in each.

    `obstacle` says, where there is no curvature, what stands in the way.
    """

    curvature: Curvature
    monotonicity: tuple[Monotonicity, ...] = ()
    obstacle: str = ""

    def compose(self, arguments: Sequence[Curvature]) -> Curvature:
        """The curvature in the variables, from those of the arguments."""
        if all(argument.is_constant for argument in arguments):
            return Curvature.CONSTANT
        proved = [
            self.curvature.is_also(wanted)
            and all(
                argument.is_also(monotone.needs(wanted))
                for monotone, argument in zip(self.monotonicity, arguments, strict=True)
            )
            for wanted in (Curvature.CONVEX, Curvature.CONCAVE)
        ]
        match proved:
            case [True, True]:
                return Curvature.AFFINE
            case [True, False]:
                return Curvature.CONVEX
            case [False, True]:
                return Curvature.CONCAVE
        return Curvature.UNKNOWN


def linear(arguments: int = 1) -> Rule:
    """The rule of a sum, or of anything that copies, adds and rearranges entries."""
    return Rule(Curvature.AFFINE, (Monotonicity.INCREASING,) * arguments)
