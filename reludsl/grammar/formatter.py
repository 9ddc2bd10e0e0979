"""`format_spec`: a spec in its one canonical layout.

The layout is that of the example in the language's description: sections in a fixed order with a blank line between
them, two spaces of indentation, one entry per line with its signs aligned, blocks that were written on one line
kept there while they fit, no parentheses that mean nothing. Numbers keep their text, comments their place.

Layout is decided by the tree, by the comments and by three things in the text: whether a block was written on one
line, where a blank line stands between entries, and whether a comment has a line of its own. All three are
the same in what comes out, so formatting it again changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reludsl.diagnostics import Diagnostic
from reludsl.grammar.comments import Arrangement, arrange, divide, has_blank_line, within
from reludsl.grammar.parser import parse
from reludsl.grammar.scan import Comment, comments
from reludsl.grammar.tree import (
    Binary,
    Call,
    DataSection,
    Datum,
    HyperparameterSection,
    KindSection,
    List,
    Name,
    Negate,
    Number,
    Section,
    Setting,
    Spec,
    Text,
    Type,
    Value,
)
from reludsl.source import Source, Span

WIDTH = 80
SECTION_ORDER = (
    "data",
    "hyperparameters",
    "architecture",
    "loss",
    "regularizer",
    "perturbation",
    "formulation",
    "solver",
)
_STEP = "  "


def format_spec(source: Source) -> tuple[str | None, list[Diagnostic]]:
    """The canonical text of a spec, ending in one line end.

    Returns no text, and the mistakes, when the source has any syntax mistake. The text parses to the same tree up
    to the order of sections, holds the same comments, and is its own canonical text.
    """
    spec, mistakes = parse(source)
    if spec is None or mistakes:
        return None, mistakes
    return _Layout(source).spec(spec), []


@dataclass(frozen=True)
class _Element:
    """Lines that stay together, and whether a blank line comes before them."""

    lines: list[str]
    gap: bool = False


class _Layout:
    """Lays out the parts of one source. Methods give lines without line ends."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def spec(self, spec: Spec) -> str:
        edition = Span(self._source, spec.span.start, spec.edition.span.end)
        spans = [edition, *(section.span for section in spec.sections)]
        found = arrange(self._source, 0, spans, comments(self._source.text))
        laid_out = [
            [f"reludsl {spec.edition.text}"],
            *(
                self._section(section, place.inside)
                for section, place in zip(spec.sections, found.places[1:], strict=True)
            ),
        ]
        head, *sections, tail = self._with_comments(found, spans, laid_out, "")
        paragraphs = [head]
        paragraphs += [
            paragraph
            for _, paragraph in sorted(zip(spec.sections, sections, strict=True), key=lambda pair: _rank(pair[0]))
        ]
        if tail:
            paragraphs.append(tail)
        return "\n\n".join("\n".join(_joined(paragraph)) for paragraph in paragraphs) + "\n"

    def _with_comments(
        self, found: Arrangement, spans: Sequence[Span], laid_out: Sequence[list[str]], pad: str
    ) -> list[list[_Element]]:
        """For each element its comments and itself, and at last the comments that follow the last."""
        paragraphs: list[list[_Element]] = []
        end = spans[0].start if spans else 0
        if found.head is not None:
            end = found.head.end
        for place, span, lines in zip(found.places, spans, laid_out, strict=True):
            paragraph = []
            for comment in place.before:
                gap = has_blank_line(self._source, min(end, comment.start), comment.start)
                paragraph.append(_Element([pad + comment.text], gap))
                end = comment.end
            gap = has_blank_line(self._source, min(end, span.start), span.start)
            end = span.end
            if place.after is not None:
                lines = [*lines[:-1], f"{lines[-1]}  {place.after.text}"]
                end = place.after.end
            paragraph.append(_Element(lines, gap))
            paragraphs.append(paragraph)
        paragraph = []
        for comment in found.rest:
            gap = has_blank_line(self._source, min(end, comment.start), comment.start)
            paragraph.append(_Element([pad + comment.text], gap))
            end = comment.end
        return [*paragraphs, paragraph]

    def _section(self, section: Section, inside: list[Comment]) -> list[str]:
        match section:
            case DataSection(data, keyword):
                return self._block("data", keyword.end, section.span, data, inside, "", keep_braces=True)
            case HyperparameterSection(settings, keyword):
                return self._block("hyperparameters", keyword.end, section.span, settings, inside, "", keep_braces=True)
            case KindSection(name, kind, settings):
                head = f"{name.text} {kind.text}"
                return self._block(head, kind.span.end, section.span, settings, inside, "")

    def _block(
        self,
        head: str,
        head_end: int,
        whole: Span,
        entries: Sequence[Datum | Setting],
        inside: list[Comment],
        pad: str,
        keep_braces: bool = False,
    ) -> list[str]:
        """A head and entries in braces, on one line if they were and can be. `pad` is not put before the head."""
        if not entries and not inside:
            return [f"{head} {{}}" if keep_braces else head]
        if not inside and "\n" not in self._source.text[head_end : whole.end]:
            line = f"{head} {{ {', '.join(flat(entry) for entry in entries)} }}"
            if len(pad) + len(line) <= WIDTH:
                return [line]
        spans = [entry.span for entry in entries]
        found = arrange(self._source, head_end, spans, inside)
        inner = pad + _STEP
        laid_out = self._entries(entries, found, inner)
        elements = [
            element for paragraph in self._with_comments(found, spans, laid_out, inner) for element in paragraph
        ]
        opening = f"{head} {{" + ("" if found.head is None else f"  {found.head.text}")
        return [opening, *_joined(elements), f"{pad}}}"]

    def _entries(self, entries: Sequence[Datum | Setting], found: Arrangement, pad: str) -> list[list[str]]:
        """Entries of a block, aligned with each other, each after the comments that could not stay inside it."""
        names = max((len(entry.name.text) for entry in entries), default=0)
        data = [entry for entry in entries if isinstance(entry, Datum)]
        roles = max((len(datum.role.text) for datum in data), default=0)
        types = max(
            (
                len(_type(datum.type))
                for datum, place in zip(entries, found.places, strict=True)
                if isinstance(datum, Datum) and _has_block(datum, place.inside)
            ),
            default=0,
        )
        laid_out = []
        for entry, place in zip(entries, found.places, strict=True):
            if isinstance(entry, Setting):
                homeless, kept = divide(entry, place.inside)
                lines = self._setting(entry, f"{entry.name.text:{names}} = ", kept, pad)
            else:
                kept = [c for c in place.inside if c.start >= entry.type.span.end]
                homeless = [c for c in place.inside if c.start < entry.type.span.end]
                head = f"{entry.role.text:{roles}} {entry.name.text:{names}} : {_type(entry.type)}"
                if _has_block(entry, place.inside):
                    head += " " * (types - len(_type(entry.type)))
                lines = self._block(head, entry.type.span.end, entry.span, entry.settings, kept, pad)
                lines[0] = pad + lines[0]
            laid_out.append([pad + comment.text for comment in homeless] + lines)
        return laid_out

    def _setting(self, setting: Setting, head: str, inside: list[Comment], pad: str, tail: int = 0) -> list[str]:
        lines = self._value(setting.value, inside, pad, len(pad) + len(head), tail)
        return [pad + head + lines[0], *lines[1:]]

    def _value(self, value: Value, inside: list[Comment], pad: str, column: int, tail: int = 0) -> list[str]:
        """A value that begins at a column of a line indented by `pad`, with room for `tail` characters after it.

        The first line comes without what stands before it, the others are whole.
        """
        plain = flat(value)
        fits = column + len(plain) + tail <= WIDTH
        match value:
            case Call(function, arguments) if inside or (arguments and not fits):
                return self._broken(f"{function.text}(", function.span.end, arguments, ")", inside, pad)
            case List(items) if inside or (items and not fits):
                return self._broken("[", value.span.start, items, "]", inside, pad)
            case Negate(operand) if inside:
                return self._operand(operand, _needs_parentheses(value, operand), "-", inside, pad, column)
            case Binary(operator, left, right) if inside:
                lines = self._operand(left, _needs_parentheses(value, left), "", inside, pad, column)
                return self._operand(
                    right, _needs_parentheses(value, right, is_right=True), f" {operator} ", inside, pad, column, lines
                )
            case _:
                return [plain]

    def _operand(
        self,
        operand: Value,
        parentheses: bool,
        before: str,
        inside: list[Comment],
        pad: str,
        column: int,
        lines: Sequence[str] = ("",),
    ) -> list[str]:
        """An operand, put at the end of the lines of what stands before it."""
        opening, closing = ("(", ")") if parentheses else ("", "")
        *earlier, last = lines
        begun = last + before + opening
        first, *others = self._value(operand, within(operand.span, inside), pad, column)
        together = [*earlier, begun + first, *others]
        together[-1] += closing
        return together

    def _broken(
        self,
        opening: str,
        opening_end: int,
        items: Sequence[Value | Setting],
        closing: str,
        inside: list[Comment],
        pad: str,
    ) -> list[str]:
        """A call or list with one item per line."""
        found = arrange(self._source, opening_end, [item.span for item in items], inside)
        inner = pad + _STEP
        lines = [opening + ("" if found.head is None else f"  {found.head.text}")]
        for item, place in zip(items, found.places, strict=True):
            homeless, kept = divide(item, place.inside)
            lines += [inner + comment.text for comment in [*place.before, *homeless]]
            if isinstance(item, Setting):
                item_lines = self._setting(item, f"{item.name.text} = ", kept, inner, tail=1)
            else:
                item_lines = self._value(item, kept, inner, len(inner), tail=1)
                item_lines[0] = inner + item_lines[0]
            item_lines[-1] += "," + ("" if place.after is None else f"  {place.after.text}")
            lines += item_lines
        lines += [inner + comment.text for comment in found.rest]
        return [*lines, pad + closing]


def flat(node: Value | Setting | Datum) -> str:
    """A part of a spec on one line, with as few parentheses as its structure needs."""
    match node:
        case Name(text) | Number(text):
            return text
        case Text(value):
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            return f'"{escaped}"'
        case Negate(operand):
            return "-" + _flat_operand(node, operand)
        case Binary(operator, left, right):
            return f"{_flat_operand(node, left)} {operator} {_flat_operand(node, right, is_right=True)}"
        case Call(function, arguments):
            return f"{function.text}({', '.join(flat(argument) for argument in arguments)})"
        case List(items):
            return f"[{', '.join(flat(item) for item in items)}]"
        case Setting(name, value):
            return f"{name.text} = {flat(value)}"
        case Datum(role, name, type_, settings):
            options = f" {{ {', '.join(flat(setting) for setting in settings)} }}" if settings else ""
            return f"{role.text} {name.text} : {_type(type_)}{options}"


def _flat_operand(whole: Negate | Binary, operand: Value, is_right: bool = False) -> str:
    text = flat(operand)
    return f"({text})" if _needs_parentheses(whole, operand, is_right) else text


def _needs_parentheses(whole: Negate | Binary, operand: Value, is_right: bool = False) -> bool:
    """Operators group from the left; an operand on the right that binds as loosely is in parentheses."""
    return _binding(operand) < _binding(whole) + (1 if is_right else 0)


def _binding(value: Value) -> int:
    """How tightly a value holds together: sums, products, negations, everything else."""
    match value:
        case Binary("+" | "-"):
            return 1
        case Binary():
            return 2
        case Negate():
            return 3
        case _:
            return 4


def _type(node: Type) -> str:
    dimensions = ", ".join(dimension.text for dimension in node.dimensions)
    return f"{node.name.text}[{dimensions}]" if dimensions else node.name.text


def _has_block(datum: Datum, inside: Sequence[Comment]) -> bool:
    return bool(datum.settings) or any(comment.start >= datum.type.span.end for comment in inside)


def _rank(section: Section) -> int:
    """Where a section stands among others; unknown ones come last, in the order in which they were written."""
    name = section.keyword.text
    return SECTION_ORDER.index(name) if name in SECTION_ORDER else len(SECTION_ORDER)


def _joined(elements: Sequence[_Element]) -> list[str]:
    lines: list[str] = []
    for element in elements:
        if element.gap and lines:
            lines.append("")
        lines += element.lines
    return lines
