"""Values in words: what was written, what is wrong with it, and what to write in its place."""

from __future__ import annotations

import math
from typing import Any

from reludsl.diagnostics import listed
from reludsl.grammar import tree
from reludsl.options import (
    ChoiceType,
    ExpressionType,
    ListType,
    NumberType,
    Option,
    OptionType,
    Selected,
    TextType,
    WordType,
)


def shown_default(option: Option) -> str:
    """An option's default as a reader understands it."""
    return option.absent if option.default is None else shown(option.default)


def shown(value: Any) -> str:
    """A resolved value as the spec would write it."""
    match value:
        case str():
            return value
        case Selected(name, settings):
            return f"{name}({', '.join(f'{key} = {shown(entry)}' for key, entry in settings.items())})"
        case tuple():
            return f"[{', '.join(shown(entry) for entry in value)}]"
        case float():
            return f"{value:g}"
    return str(value)


def described(value: tree.Value) -> str:
    """What kind of value was written."""
    match value:
        case tree.Text(text):
            return f'the text "{text}"'
        case tree.List():
            return "a list"
        case tree.Number(text):
            return f"the number {text}"
        case tree.Name(text):
            return f"the word `{text}`"
        case tree.Call(function):
            return f"the call `{function.text}(...)`"
    return "arithmetic"


def out_of_range(type_: NumberType, number: float) -> tuple[str, str]:
    """What is wrong with a number that a type does not admit, and the remedy."""
    if type_.minimum is not None and type_.minimum == type_.maximum:
        return f"and nothing but {type_.minimum:g} is possible yet", f"write {type_}"
    if type_.minimum is not None and (number < type_.minimum or (number == type_.minimum and type_.open_minimum)):
        return "too small", f"choose {type_}"
    if type_.maximum is not None and (number > type_.maximum or (number == type_.maximum and type_.open_maximum)):
        return "too large", f"choose {type_}"
    return "not a whole number", f"round it, as `{round(number)}`"


def remedy(expected: OptionType, value: tree.Value) -> str:
    """What to write in place of a value of the wrong kind."""
    written = value.span.text
    match expected, value:
        case TextType(), tree.Name() | tree.Number():
            return f'put it in double quotes: `"{written}"`'
        case ListType(TextType()), tree.Name():
            return f'write a list, even of one text: `["{written}"]`'
        case ListType(), tree.Name() | tree.Number() | tree.Text():
            return f"write a list, even of one entry: `[{written}]`"
        case (WordType() | ChoiceType(), tree.Text(word)) if word.isidentifier():
            return f"take the quotes away: `{word}`"
        case ExpressionType(), tree.Text(formula):
            return f"take the quotes away: `{formula}`"
        case NumberType(), tree.Text(number) if _is_number(number):
            return f"take the quotes away: `{number.strip()}`"
        case ChoiceType(names=names), _:
            return f"write {listed(names)}"
    return f"write {expected}"


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
