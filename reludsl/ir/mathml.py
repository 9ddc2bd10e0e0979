"""MathML: how mathematics is spelled on a web page. Browsers draw it without a script or a font of ours.

What a text begins with decides about signs and dots, as in every notation; so no text is wrapped in a row of its own
unless an element needs it whole. Of MathML Core (W3C, 2023) only what all browsers draw is used.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import Final

from reludsl.ir.builders import number
from reludsl.ir.dims import Dim, Shape
from reludsl.ir.notation import GREEK, Notation, parted

_BASES: Final = {"R": "ℝ", "S": "𝕊"}
_APART: Final = '<mspace width="0.17em"></mspace>'


def math_element(text: str, alternative: str) -> str:
    """A whole formula in the size of displayed mathematics; `alternative` is for readers that know no MathML."""
    return f'<math displaystyle="true" alttext="{escape(alternative)}">{_row(text)}</math>'


class MathMl(Notation):
    """MathML, for the inside of a `<math>` element."""

    plus, minus, equals = "<mo>+</mo>", "<mo>−</mo>", "<mo>=</mo>"
    colon, comma = "<mo>:</mo>", '<mo separator="true">,</mo>'
    hadamard, dot = "<mo>∘</mo>", "<mo>·</mo>"
    at_least, at_most = "<mo>≥</mo>", "<mo>≤</mo>"
    semidefinite = "<mo>⪰</mo>"
    element_of = "<mo>∈</mo>"
    ones = "<mn>𝟏</mn>"
    fractions_enclose = True

    def symbol(self, name: str) -> str:
        base, rest = parted(name)
        text = self.letter(GREEK.get(base, base))
        if not rest:
            return text
        below = GREEK.get(rest, rest)
        return f"<msub>{text}{self._number(rest) if rest.isdigit() else self.letter(below)}</msub>"

    def dim(self, dim: Dim) -> str:
        return _tokens(str(dim))

    def number(self, value: float) -> str:
        if value == 0.5:
            return '<mfrac displaystyle="false"><mn>1</mn><mn>2</mn></mfrac>'
        return self.decimal(value)

    def decimal(self, value: float) -> str:
        mantissa, _, exponent = number(value).partition("e")
        if not exponent:
            return self._number(mantissa)
        sign = self.minus if int(exponent) < 0 else ""
        power = f"<msup><mn>10</mn>{_row(sign + self._number(str(abs(int(exponent)))))}</msup>"
        return power if mantissa == "1" else f"{self._number(mantissa)}{self.dot}{power}"

    def _number(self, digits: str) -> str:
        return f"<mn>{digits}</mn>"

    def letter(self, letter: str) -> str:
        return f"<mi>{escape(letter)}</mi>"

    def product(self, first: str, second: str) -> str:
        return f"{first}{self.dot if self._begins_with_number(second) else _APART}{second}"

    def _begins_with_number(self, text: str) -> bool:
        return text.startswith(("<mn>", "<msup><mn>", "<mfrac displaystyle"))

    def indexed(self, symbol: str, index: Sequence[str | None]) -> str:
        if not any(index):
            return symbol
        places = [self.colon if letter is None else self.letter(letter) for letter in index]
        return f"<msub>{_row(symbol)}{_row((self.comma if None in index else '').join(places))}</msub>"

    def listed(self, texts: Sequence[str]) -> str:
        return self.comma.join(map(self._signed, texts))

    def parenthesised(self, text: str) -> str:
        return self._between("(", text, ")")

    def absolute(self, text: str) -> str:
        return self._between("|", text, "|")

    def norm(self, text: str, order: str) -> str:
        below = {"inf": "<mi>∞</mi>", "F": self.letter("F")}.get(order) or self._number(order)
        return f"<msub>{self._between('‖', text, '‖')}{below}</msub>"

    def _between(self, before: str, text: str, after: str) -> str:
        """A text between fences, which grow with what is tall."""
        grows = "" if "<munderover>" in text or "<mfrac>" in text else ' stretchy="false"'
        left, right = (f'<mo form="{form}" fence="true"{grows}>' for form in ("prefix", "postfix"))
        return _row(f"{left}{before}</mo>{self._signed(text)}{right}{after}</mo>")

    def _signed(self, text: str) -> str:
        """A text whose minus, if it begins with one, is a sign: a row of its own tells that to the browser."""
        return _row(text) if text.startswith(self.minus) else text

    def operator(self, name: str, letters: Sequence[tuple[str, Dim]]) -> str:
        if name == "sum":
            return "".join(
                f"<munderover><mo>∑</mo>{_row(f'{self.letter(letter)}{self.equals}<mn>1</mn>')}"
                f"{_row(self.dim(size))}</munderover>"
                for letter, size in letters
            )
        below = _row(self.listed([self.letter(letter) for letter, _ in letters]))
        return (f"<munder>{self.letter(name)}{below}</munder>" if letters else self.letter(name)) + _APART

    def function(self, name: str, *arguments: str, index: str = "") -> str:
        called = f"<msub>{self.letter(name)}{_row(index)}</msub>" if index else self.letter(name)
        return f"{called}{self.parenthesised(self.listed(arguments))}"

    def fraction(self, numerator: str, denominator: str) -> str:
        return f"<mfrac>{_row(numerator)}{_row(denominator)}</mfrac>"

    def root(self, text: str) -> str:
        return f"<msqrt>{text}</msqrt>"

    def indicator(self, text: str) -> str:
        return f"{self.ones}{self._between('[', f'{text}{self.at_least}<mn>0</mn>', ']')}"

    def squared(self, text: str) -> str:
        return f"<msup>{_row(text)}<mn>2</mn></msup>"

    def transposed(self, text: str) -> str:
        return f"<msup>{_row(text)}<mi>⊤</mi></msup>"

    def part(self, text: str, ranges: Sequence[str]) -> str:
        return f"<msub>{_row(text)}{_row(self.listed(ranges))}</msub>"

    def blocks(self, rows: Sequence[Sequence[str]]) -> str:
        lines = ("".join(f"<mtd>{entry}</mtd>" for entry in row) for row in rows)
        return _row(f"<mo>[</mo><mtable>{''.join(f'<mtr>{line}</mtr>' for line in lines)}</mtable><mo>]</mo>")

    def space(self, base: str, shape: Shape) -> str:
        whole = f"<mi>{_BASES[base]}</mi>" if base in _BASES else _row(_tokens(base))
        sizes = [str(dim) for dim in shape]
        several = len(shape) > 1
        exponent = "<mo>×</mo>".join(
            self.parenthesised(_tokens(size)) if several and " " in size else _tokens(size) for size in sizes
        )
        return f"<msup>{whole}{_row(exponent)}</msup>" if shape else whole

    def words(self, text: str) -> str:
        return f"<mtext>\u2003{escape(text)}\u00a0</mtext>"


def _row(text: str) -> str:
    """A text as one element; a letter, a number or an operator is one already."""
    return text if re.fullmatch(r"<(m[ino])>[^<]*</\1>", text) else f"<mrow>{text}</mrow>"


def _tokens(text: str) -> str:
    """Sizes and sets, whose text is simple enough to be read letter by letter."""
    written, counted = [], False  # whether what stands before is something that can be added to
    for token in re.findall(r"[0-9.]+|[A-Za-z]\w*|\S", text):
        if token[0].isdigit():
            written.append(f"<mn>{token}</mn>")
        elif token[0].isalpha():
            written.append(f"<mi>{token}</mi>")
        else:
            form = "" if counted or token not in "+-" else ' form="prefix"'
            written.append(f"<mo{form}>{escape(token.replace('-', '−'))}</mo>")
        counted = token[0].isalnum()
    return "".join(written)
