"""How mathematics is spelled: with the letters of a terminal, or in LaTeX.

A notation knows symbols and how to put parts together; what is put together, and where parentheses go, is decided
in `mathematics.py`, once for all. The spelling of web pages is in `mathml.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from reludsl.ir.builders import number
from reludsl.ir.dims import Dim, Shape

_SMALL: Final = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau"
_NAMES: Final = f"{_SMALL} upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"
_LETTERS: Final = "αβγδεζηθικλμνξοπρστυφχψωΓΔΘΛΞΠΣΦΨΩ"
GREEK: Final[Mapping[str, str]] = MappingProxyType(dict(zip(_NAMES.split(), _LETTERS, strict=True)))
_SUBSCRIPTS: Final = str.maketrans("0123456789aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
_SUPERSCRIPTS: Final = str.maketrans(
    "0123456789+−×abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVW",
    "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ˣᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂ",
)


class Notation(ABC):
    """The spelling of what expressions are printed with. All texts are complete; none adds parentheses."""

    plus: str = "+"
    minus: str
    equals: str = "="
    colon: str = ":"
    comma: str = ","
    hadamard: str
    dot: str
    at_least: str
    at_most: str
    semidefinite: str
    element_of: str
    ones: str
    fractions_enclose: bool  # whether what stands in a fraction needs no parentheses

    @abstractmethod
    def symbol(self, name: str) -> str:
        """A name as a symbol: `beta` as β."""

    @abstractmethod
    def dim(self, dim: Dim) -> str: ...

    @abstractmethod
    def number(self, value: float) -> str:
        """A number of at least 0, as part of a formula: 0.5 is ½."""

    @abstractmethod
    def decimal(self, value: float) -> str:
        """A number by itself."""

    @abstractmethod
    def indexed(self, symbol: str, index: Sequence[str | None]) -> str:
        """An entry, or with a None a row or a column."""

    def letter(self, letter: str) -> str:
        """A letter that counts, by itself."""
        return letter

    def listed(self, texts: Sequence[str]) -> str:
        """Texts with commas between them."""
        return f"{self.comma} ".join(texts)

    def product(self, first: str, second: str) -> str:
        """Two factors, with a dot where the second one begins with a number."""
        return f"{first} {self.dot} {second}" if self._begins_with_number(second) else f"{first} {second}"

    def _begins_with_number(self, text: str) -> bool:
        return text[0].isdigit()

    @abstractmethod
    def parenthesised(self, text: str) -> str: ...

    @abstractmethod
    def absolute(self, text: str) -> str: ...

    @abstractmethod
    def norm(self, text: str, order: str) -> str:
        """`order` is 1, 2, inf, or F for Frobenius."""

    @abstractmethod
    def operator(self, name: str, letters: Sequence[tuple[str, Dim]]) -> str:
        """What stands before an expression: `sum` or `max` over letters, or a function without parentheses."""

    @abstractmethod
    def function(self, name: str, *arguments: str, index: str = "") -> str:
        """A function, with an index to its name if one is given."""

    @abstractmethod
    def fraction(self, numerator: str, denominator: str) -> str: ...

    @abstractmethod
    def root(self, text: str) -> str: ...

    @abstractmethod
    def indicator(self, text: str) -> str:
        """1 where the text is at least 0, 0 elsewhere."""

    @abstractmethod
    def squared(self, text: str) -> str: ...

    @abstractmethod
    def transposed(self, text: str) -> str: ...

    @abstractmethod
    def part(self, text: str, ranges: Sequence[str]) -> str:
        """A part of a matrix, with a text for each axis: `:`, `1:n`, or `j`."""

    @abstractmethod
    def blocks(self, rows: Sequence[Sequence[str]]) -> str: ...

    @abstractmethod
    def space(self, base: str, shape: Shape) -> str:
        """The set of arrays: base `R`, `S` (symmetric), or the entries `{0, 1}`."""

    @abstractmethod
    def words(self, text: str) -> str:
        """Plain words between formulas, with the room around them."""


class Unicode(Notation):
    """For the terminal, on one line."""

    minus = "−"
    hadamard = "∘"
    dot = "·"
    at_least, at_most = "≥", "≤"
    semidefinite = "⪰"
    element_of = "∈"
    ones = "1"
    fractions_enclose = False

    def symbol(self, name: str) -> str:
        base, rest = parted(name)
        base = GREEK.get(base, base)
        if not rest:
            return base
        return base + (rest.translate(_SUBSCRIPTS) if _all_in(rest, _SUBSCRIPTS) else f"_{rest}")

    def dim(self, dim: Dim) -> str:
        return str(dim).replace("-", self.minus)

    def number(self, value: float) -> str:
        return "½" if value == 0.5 else self.decimal(value)

    def decimal(self, value: float) -> str:
        return number(value).replace("e-0", "e-").replace("-", self.minus)

    def indexed(self, symbol: str, index: Sequence[str | None]) -> str:
        return symbol + "".join(letter or "" for letter in index).translate(_SUBSCRIPTS)

    def parenthesised(self, text: str) -> str:
        return f"({text})"

    def absolute(self, text: str) -> str:
        return f"|{text}|"

    def norm(self, text: str, order: str) -> str:
        return f"‖{text}‖" + {"1": "₁", "2": "₂", "inf": "_∞", "F": "_F"}[order]

    def operator(self, name: str, letters: Sequence[tuple[str, Dim]]) -> str:
        return ("Σ" if name == "sum" else name) + "".join(letter for letter, _ in letters).translate(_SUBSCRIPTS)

    def function(self, name: str, *arguments: str, index: str = "") -> str:
        return f"{name}_{index}({self.listed(arguments)})" if index else f"{name}({self.listed(arguments)})"

    def fraction(self, numerator: str, denominator: str) -> str:
        return f"{numerator}/{denominator}"

    def root(self, text: str) -> str:
        return f"√({text})" if len(text) > 1 else f"√{text}"

    def indicator(self, text: str) -> str:
        return f"1[{text} ≥ 0]"

    def squared(self, text: str) -> str:
        return f"{text}²"

    def transposed(self, text: str) -> str:
        return f"{text}ᵀ"

    def part(self, text: str, ranges: Sequence[str]) -> str:
        return f"{text}[{', '.join(bounds.replace(' ', '') for bounds in ranges)}]"

    def blocks(self, rows: Sequence[Sequence[str]]) -> str:
        return f"[{'; '.join(', '.join(row) for row in rows)}]"

    def space(self, base: str, shape: Shape) -> str:
        base = {"R": "ℝ", "S": "𝕊"}.get(base, base.replace("-", self.minus))
        if not shape:
            return base
        exponent = "×".join(self.dim(dim).replace(" ", "") for dim in shape)
        if any(len(dim.terms) + bool(dim.constant) > 1 for dim in shape) and len(shape) > 1:
            exponent = "×".join(f"({text})" if "+" in text else text for text in exponent.split("×"))
        return base + (exponent.translate(_SUPERSCRIPTS) if _all_in(exponent, _SUPERSCRIPTS) else f"^({exponent})")

    def words(self, text: str) -> str:
        return f"  {text} "


class Latex(Notation):
    """LaTeX, for a document with amsmath."""

    minus = "-"
    hadamard = r"\circ"
    dot = r"\cdot"
    at_least, at_most = r"\ge", r"\le"
    semidefinite = r"\succeq"
    element_of = r"\in"
    ones = r"\mathbf{1}"
    fractions_enclose = True

    def symbol(self, name: str) -> str:
        base, rest = parted(name)
        text = self._word(base)
        return f"{text}_{{{self._word(rest) if len(rest) == 1 else self._upright(rest)}}}" if rest else text

    def _word(self, text: str) -> str:
        if text == "omicron":
            return "o"
        if text in GREEK:
            return rf"\{text}"
        return text if len(text) == 1 else self._upright(text)

    def _upright(self, text: str) -> str:
        escaped = text.replace("_", r"\_")
        return text if text.isdigit() else rf"\mathrm{{{escaped}}}"

    def dim(self, dim: Dim) -> str:
        return str(dim)

    def number(self, value: float) -> str:
        return r"\tfrac{1}{2}" if value == 0.5 else self.decimal(value)

    def decimal(self, value: float) -> str:
        mantissa, _, exponent = number(value).partition("e")
        if not exponent:
            return mantissa
        power = f"10^{{{int(exponent)}}}"
        return power if mantissa == "1" else rf"{mantissa} \cdot {power}"

    def indexed(self, symbol: str, index: Sequence[str | None]) -> str:
        if not any(index):
            return symbol
        base = f"{{{symbol}}}" if "_" in symbol else symbol
        if None in index:
            return f"{base}_{{{','.join(letter or ':' for letter in index)}}}"
        return f"{base}_{{{''.join(letter or '' for letter in index)}}}"

    def _begins_with_number(self, text: str) -> bool:
        return super()._begins_with_number(text) or text.startswith(r"\tfrac")

    def parenthesised(self, text: str) -> str:
        return rf"\left( {text} \right)" if r"\frac" in text or r"\sum" in text else f"({text})"

    def absolute(self, text: str) -> str:
        return rf"\lvert {text} \rvert"

    def norm(self, text: str, order: str) -> str:
        below = r"\infty" if order == "inf" else order
        return rf"\lVert {text} \rVert_{{{below}}}"

    def operator(self, name: str, letters: Sequence[tuple[str, Dim]]) -> str:
        if name == "sum":
            return " ".join(rf"\sum_{{{letter}=1}}^{{{size}}}" for letter, size in letters)
        under = f"_{{{','.join(letter for letter, _ in letters)}}}" if letters else ""
        return self._named(name) + under

    def function(self, name: str, *arguments: str, index: str = "") -> str:
        below = f"_{{{index}}}" if index else ""
        return self._named(name) + below + self.parenthesised(self.listed(arguments))

    def _named(self, name: str) -> str:
        return rf"\{name}" if name in ("max", "min", "exp", "log") else rf"\operatorname{{{name}}}"

    def fraction(self, numerator: str, denominator: str) -> str:
        return rf"\frac{{{numerator}}}{{{denominator}}}"

    def root(self, text: str) -> str:
        return rf"\sqrt{{{text}}}"

    def indicator(self, text: str) -> str:
        return rf"\mathbf{{1}}[{text} \ge 0]"

    def squared(self, text: str) -> str:
        return f"{text}^2"

    def transposed(self, text: str) -> str:
        return rf"{text}^\top"

    def part(self, text: str, ranges: Sequence[str]) -> str:
        base = f"{{{text}}}" if "_" in text else text
        below = r",\, ".join(ranges)
        return f"{base}_{{{below}}}"

    def blocks(self, rows: Sequence[Sequence[str]]) -> str:
        lines = r" \\ ".join(" & ".join(row) for row in rows)
        return rf"\begin{{bmatrix}} {lines} \end{{bmatrix}}"

    def space(self, base: str, shape: Shape) -> str:
        base = rf"\mathbf{{{base}}}" if base in ("R", "S") else base.replace("{", r"\{").replace("}", r"\}")
        exponent = r" \times ".join(f"({dim})" if len(shape) > 1 and " " in str(dim) else str(dim) for dim in shape)
        return f"{base}^{{{exponent}}}" if shape else base

    def words(self, text: str) -> str:
        return rf"\quad \text{{{text} }}"


def parted(name: str) -> tuple[str, str]:
    """The letter and its index: `beta_free` is β with the index `free`, `c0` is c with 0."""
    base, _, rest = name.partition("_")
    letter = base.rstrip("0123456789")
    return (letter, base[len(letter) :]) if letter and not rest else (base, rest)


def _all_in(text: str, table: Mapping[int, int]) -> bool:
    return all(ord(character) in table for character in text)
