"""Reading values: what the user wrote for an option, against what the registry declares for it.

Arithmetic over hyperparameters is evaluated here. Every mistake is collected and the reading goes on, so that one run
tells all of them; a value that could not be read is `INVALID`, and whoever holds it stays silent about it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from reludsl.diagnostics import Diagnostic, Label, listed, suggestion
from reludsl.grammar import tree
from reludsl.model.wording import described, out_of_range, remedy, shown_default
from reludsl.options import (
    Choice,
    ChoiceType,
    ExpressionType,
    ListType,
    NumberType,
    Option,
    OptionType,
    Selected,
    Settings,
    TextType,
    UnionType,
    WordType,
)
from reludsl.source import Span


class _Invalid:
    def __repr__(self) -> str:
        return "INVALID"


INVALID: Final = _Invalid()
"""Stands for a value whose mistake has been reported."""


@dataclass(frozen=True)
class Formula:
    """What was written for an `ExpressionType`: `value`, and what its names that are no variables stand for.

    `numbers` are the values of these hyperparameters; INVALID where a mistake has been reported.
    """

    value: tree.Value
    numbers: Mapping[str, Any]


@dataclass(frozen=True)
class Decision:
    """A default that was taken for the user, or a choice that the data forced: shown by `explain` and in results."""

    subject: str
    value: str
    reason: str = "default"

    def __str__(self) -> str:
        return f"{self.subject} = {self.value} ({self.reason})"


class Reader:
    """Reads settings and collects diagnostics and decisions. One reader serves one check."""

    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []
        self.decisions: list[Decision] = []
        self.hyperparameters: dict[str, Any] = {}
        self.hyperparameters_unread = False  # some may stand in what could not be parsed
        self.used: set[str] = set()

    def report(self, code: str, message: str, span: Span, label: str = "", **more: Any) -> None:
        """Collects an error at one place; `also` holds further labels."""
        also: tuple[Label, ...] = more.pop("also", ())
        self.diagnostics.append(Diagnostic(code, message, (Label(span, label), *also), **more))

    # -- settings ------------------------------------------------------------------------------------------------

    def settings(
        self, owner: str, subject: str, declared: tuple[Option, ...], written: Iterable[tree.Setting], place: Span
    ) -> Settings | None:
        """The options of `owner` (as messages call it), defaults filled in; None when one is missing or wrong.

        `subject` is the prefix under which defaults are noted, such as `formulation`.
        """
        options = {option.name: option for option in declared}
        values: dict[str, Any] = {}
        spans: dict[str, Span] = {}
        for setting in self.without_repeats(written, f"in {owner}"):
            option = options.get(setting.name.text)
            if option is None:
                self._unknown_option(owner, setting.name, list(options))
                continue
            values[option.name] = self.value(option.type, setting.value, f"`{option.name}`")
            spans[option.name] = setting.value.span
        for option in declared:
            if option.name in values:
                continue
            if option.required:
                entry = f"{option.name} = ..." if spans else f"{{ {option.name} = ... }}"
                self.report(
                    "C207",
                    f"{owner} needs the option `{option.name}`",
                    place,
                    f"`{option.name}` is missing",
                    help=f"add `{entry}`: {option.summary}; expected {option.type}",
                )
                values[option.name] = INVALID
            else:
                values[option.name] = option.default
                self.decisions.append(Decision(f"{subject}.{option.name}", shown_default(option)))
        return None if any(value is INVALID for value in values.values()) else Settings(values, spans)

    def without_repeats(self, written: Iterable[tree.Setting], where: str) -> list[tree.Setting]:
        """The settings whose names come for the first time; the others are reported."""
        first: dict[str, tree.Setting] = {}
        for setting in written:
            earlier = first.setdefault(setting.name.text, setting)
            if earlier is not setting:
                self.report(
                    "C206",
                    f"`{setting.name.text}` is given twice {where}",
                    setting.name.span,
                    "given again here",
                    also=(Label(earlier.name.span, "first given here", primary=False),),
                    help="keep one of the two",
                )
        return list(first.values())

    def _unknown_option(self, owner: str, name: tree.Name, known: list[str]) -> None:
        guess = suggestion(name.text, known)
        if guess:
            help_text = f"did you mean `{guess}`?"
        elif known:
            help_text = f"{owner} knows {listed(known, 'and')}"
        else:
            help_text = f"take it out: {owner} has no options"
        self.report("C203", f"{owner} has no option `{name.text}`", name.span, "unknown option", help=help_text)

    # -- values --------------------------------------------------------------------------------------------------

    def value(self, type_: OptionType, value: tree.Value, what: str) -> Any:
        """The value as Python has it, or INVALID. `what` names the option in messages."""
        match type_:
            case NumberType():
                return self._number(type_, value, what)
            case TextType():
                return value.value if isinstance(value, tree.Text) else self._mismatch(type_, value, what)
            case WordType():
                return value.text if isinstance(value, tree.Name) else self._mismatch(type_, value, what)
            case ExpressionType():
                return self._formula(type_, value, what)
            case ChoiceType():
                return self._choice(type_, value, what, type_)
            case ListType(item):
                if not isinstance(value, tree.List):
                    return self._mismatch(type_, value, what)
                items = [self.value(item, entry, f"an entry of {what}") for entry in value.items]
                return INVALID if any(entry is INVALID for entry in items) else tuple(items)
            case UnionType():
                return self._union(type_, value, what)

    def _union(self, type_: UnionType, value: tree.Value, what: str) -> Any:
        by_class: dict[type, OptionType] = {type(member): member for member in type_.members}
        choice = by_class.get(ChoiceType)
        number = by_class.get(NumberType)
        if isinstance(value, tree.Text) and TextType in by_class:
            return self.value(by_class[TextType], value, what)
        if isinstance(value, tree.List) and ListType in by_class:
            return self.value(by_class[ListType], value, what)
        if isinstance(choice, ChoiceType) and isinstance(value, (tree.Name, tree.Call)):
            word = value.text if isinstance(value, tree.Name) else value.function.text
            if number is None or word in choice.names or word not in self.hyperparameters:
                return self._choice(choice, value, what, type_)
        if isinstance(number, NumberType) and not isinstance(value, (tree.Text, tree.List)):
            return self._number(number, value, what)
        return self._mismatch(type_, value, what)

    def _choice(self, type_: ChoiceType, value: tree.Value, what: str, expected: OptionType) -> Any:
        arguments: tuple[tree.Value | tree.Setting, ...] = ()
        if isinstance(value, tree.Name):
            name = value
        elif isinstance(value, tree.Call):
            name, arguments = value.function, value.arguments
        else:
            return self._mismatch(expected, value, what)
        choice = next((choice for choice in type_.choices if choice.name == name.text), None)
        if choice is None:
            guess = suggestion(name.text, (*type_.names, *self.hyperparameters))
            words = [f"`{choice.name}`: {choice.summary}" for choice in type_.choices]
            known = "write one of these words:\n" + "\n".join(words) if len(words) > 1 else f"write {words[0]}"
            self.report(
                "C221",
                f"{what} cannot be `{name.text}`",
                name.span,
                f"expected {expected}",
                help=f"did you mean `{guess}`?" if guess else known,
            )
            return INVALID
        return self._chosen(choice, arguments, value, what)

    def _chosen(
        self, choice: Choice, arguments: tuple[tree.Value | tree.Setting, ...], value: tree.Value, what: str
    ) -> Any:
        positional = [argument for argument in arguments if not isinstance(argument, tree.Setting)]
        named = [argument for argument in arguments if isinstance(argument, tree.Setting)]
        for argument in positional:
            self.report(
                "C208",
                f"the options of `{choice.name}` are written `name = value`",
                argument.span,
                "a value without a name",
                help=f"`{choice.name}` knows {listed([option.name for option in choice.options], 'and')}"
                if choice.options
                else f"write `{choice.name}` alone: it has no options",
            )
        settings = self.settings(f"`{choice.name}`", what.strip("`"), choice.options, named, value.span)
        if positional or settings is None:
            return INVALID
        return Selected(choice.name, settings) if choice.options else choice.name

    def _mismatch(self, expected: OptionType, value: tree.Value, what: str) -> Any:
        self.report(
            "C208",
            f"{what} cannot be {described(value)}",
            value.span,
            f"expected {expected}",
            help=remedy(expected, value),
        )
        return INVALID

    def _number(self, type_: NumberType, value: tree.Value, what: str) -> Any:
        if isinstance(value, (tree.Text, tree.List)):
            return self._mismatch(type_, value, what)
        number = self.arithmetic(value)
        if number is INVALID:
            return INVALID
        if not type_.admits(number):
            wrong, help_text = out_of_range(type_, number)
            self.report("C209", f"{what} is {number:g}, {wrong}", value.span, f"expected {type_}", help=help_text)
            return INVALID
        return int(number) if type_.integer else number

    # -- formulas ------------------------------------------------------------------------------------------------

    def _formula(self, type_: ExpressionType, value: tree.Value, what: str) -> Any:
        if isinstance(value, (tree.Text, tree.List)):
            return self._mismatch(type_, value, what)
        first: dict[str, tree.Name] = {}
        for name in names_in(value):
            first.setdefault(name.text, name)
        for variable in type_.variables:
            if variable in first and variable in self.hyperparameters:
                self._hidden_hyperparameter(first[variable], what)
        others = [name for text, name in first.items() if text not in type_.variables]
        return Formula(value, {name.text: self._named_number(type_, name, what) for name in others})

    def _named_number(self, type_: ExpressionType, name: tree.Name, what: str) -> Any:
        self.used.add(name.text)
        if name.text in self.hyperparameters or self.hyperparameters_unread:
            return self.hyperparameters.get(name.text, INVALID)
        guess = suggestion(name.text, (*type_.variables, *self.hyperparameters))
        known = listed((*type_.variables, *self.hyperparameters), "and")
        self.report(
            "C244",
            f"there is no `{name.text}` in {what}",
            name.span,
            f"neither {listed(type_.variables, 'nor')} nor a hyperparameter",
            help=f"did you mean `{guess}`?"
            if guess
            else f"the names are {known}; another one is defined by `hyperparameters {{ {name.text} = ... }}`",
        )
        return INVALID

    def _hidden_hyperparameter(self, name: tree.Name, what: str) -> None:
        self.used.add(name.text)
        self.report(
            "C247",
            f"`{name.text}` has a meaning of its own in {what}, and is a hyperparameter too",
            name.span,
            "not the hyperparameter",
            help="give the hyperparameter another name",
        )

    # -- arithmetic ----------------------------------------------------------------------------------------------

    def arithmetic(self, value: tree.Value) -> Any:
        """A finite float, or INVALID. Names are hyperparameters."""
        match value:
            case tree.Number():
                return self._finite(value.value, value.span)
            case tree.Name(text):
                return self._hyperparameter(value, text)
            case tree.Negate(operand):
                number = self.arithmetic(operand)
                return number if number is INVALID else -number
            case tree.Binary(operator, left, right):
                first, second = self.arithmetic(left), self.arithmetic(right)
                if first is INVALID or second is INVALID:
                    return INVALID
                if operator == "/" and second == 0:
                    self.report("C213", "division by zero", right.span, "this is 0", help="divide by any other number")
                    return INVALID
                return self._finite(_OPERATORS[operator](first, second), value.span)
        self.report(
            "C208",
            f"{described(value)} is not a number",
            value.span,
            "expected a number",
            help="write a number, or arithmetic over hyperparameters with `+`, `-`, `*` and `/`",
        )
        return INVALID

    def _finite(self, number: float, span: Span) -> Any:
        if math.isfinite(number):
            return number
        message = "the value is too large for a floating-point number"
        self.report("C213", message, span, "overflows", help="stay below 1.7e308")
        return INVALID

    def _hyperparameter(self, name: tree.Name, text: str) -> Any:
        self.used.add(text)
        if text in self.hyperparameters:
            return self.hyperparameters[text]
        if self.hyperparameters_unread:
            return INVALID
        guess = suggestion(text, self.hyperparameters)
        self.report(
            "C210",
            f"there is no hyperparameter `{text}`",
            name.span,
            "unknown name",
            help=f"did you mean `{guess}`?"
            if guess
            else f"define it: `hyperparameters {{ {text} = ... }}`, or write a number",
        )
        return INVALID

    def read_hyperparameters(self, settings: Iterable[tree.Setting], overrides: Mapping[str, tree.Value]) -> None:
        """Evaluates the hyperparameters in the order of their dependence; `overrides` replace written values."""
        written = {
            setting.name.text: setting.value for setting in self.without_repeats(settings, "in `hyperparameters`")
        }
        for name, value in overrides.items():
            if name not in written and not self.hyperparameters_unread:
                self._unknown_override(name, value, list(written))
        pending = {name: overrides.get(name, value) for name, value in written.items()}
        for name in pending:
            self._define(name, pending)

    def _unknown_override(self, name: str, value: tree.Value, known: list[str]) -> None:
        if guess := suggestion(name, known):
            help_text = f"did you mean `{guess}`?"
        elif known:
            help_text = f"the spec defines {listed(known, 'and')}"
        else:
            help_text = f"define it in the spec: `hyperparameters {{ {name} = ... }}`"
        source = value.span.source
        start = source.text.rfind(f"\n{name}") + 1
        self.report(
            "C220",
            f"there is no hyperparameter `{name}` to replace",
            Span(source, start, start + len(name)),
            "not defined by the spec",
            help=help_text,
        )

    def _define(self, name: str, pending: Mapping[str, tree.Value]) -> None:
        """Gives `name` its value, and first those that it needs theirs. A loop, not a recursion: chains may be long."""
        path = [name] if name not in self.hyperparameters else []
        links: list[tree.Name] = []  # where each name of the path refers to the next
        while path:
            needed = next(
                (
                    name
                    for name in names_in(pending[path[-1]])
                    if name.text in pending and name.text not in self.hyperparameters
                ),
                None,
            )
            if needed is None:
                self.hyperparameters[path[-1]] = self.arithmetic(pending[path[-1]])
            elif needed.text in path:
                self._circular(path[path.index(needed.text) :], [*links[path.index(needed.text) :], needed])
                self.hyperparameters[path[-1]] = INVALID
            else:
                path.append(needed.text)
                links.append(needed)
                continue
            path.pop()
            links = links[: max(len(path) - 1, 0)]

    def _circular(self, names: list[str], links: list[tree.Name]) -> None:
        """C212 for a circle of hyperparameters; link i is where name i refers to the next."""
        alone = len(names) == 1
        self.report(
            "C212",
            f"the hyperparameter `{names[0]}` is defined by itself",
            links[0].span,
            f"needs `{links[0].text}`",
            also=tuple(Label(link.span, f"needs `{link.text}`", primary=False) for link in links[1:]),
            help=f"define `{names[0]}` by a number" if alone else f"define one of {listed(names, 'and')} by a number",
        )


_OPERATORS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


def names_in(value: tree.Value) -> list[tree.Name]:
    """The names that a value refers to in arithmetic and in the arguments of functions."""
    match value:
        case tree.Name():
            return [value]
        case tree.Negate(operand):
            return names_in(operand)
        case tree.Binary(_, left, right):
            return names_in(left) + names_in(right)
        case tree.Call(_, arguments):
            values = [part.value if isinstance(part, tree.Setting) else part for part in arguments]
            return [name for part in values for name in names_in(part)]
    return []
