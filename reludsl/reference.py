"""Pages made from the registry and the catalogue: one a kind, one a diagnostic.

`explain NAME` and the documentation use them.
"""

from __future__ import annotations

from reludsl.choice import language
from reludsl.codes import CODES
from reludsl.diagnostics import Diagnostic, suggestion
from reludsl.mistakes import Mistakes
from reludsl.model.registry import Kind, Section
from reludsl.model.wording import shown_default
from reludsl.options import Choice, ChoiceType, Option, UnionType


def page(name: str) -> str | None:
    """The page of a kind, a section or a diagnostic code, in Markdown; None for any other name."""
    if name.upper() in CODES:
        return code_page(name.upper())
    pages = [kind_page(section, kind) for section, kind in language().entries(name)]
    if section := language().section(name):
        pages.append(section_page(section))
    return "\n\n".join(pages) or None


def named_page(name: str) -> str:
    """The page of a name. Raises Mistakes (C232) when there is none."""
    if (found := page(name)) is not None:
        return found
    guess = suggestion(name, names())
    remedy = f"did you mean `{guess}`?" if guess else "give a spec file, a word that `reludsl list` prints, or a code"
    raise Mistakes([Diagnostic("C232", f"there is no spec file, kind or code `{name}`", help=remedy)])


def code_page(code: str) -> str:
    entry = CODES[code]
    return f"## {code}: {entry.title}\n\n{entry.page.strip()}"


def section_page(section: Section) -> str:
    parts = [f"## `{section.name}`", section.summary]
    if section.kinds:
        parts.append("\n".join(f"- `{kind.name}`: {kind.summary}" for kind in section.kinds))
    if section.name == "data":
        parts.append(data_part())
    if section.example:
        parts.append(f"```\n{section.example}\n```")
    return "\n\n".join(parts)


def data_part() -> str:
    """The roles and the types of the section `data`."""
    entries = language()
    parts = ["A declaration is `role name : type { options }`. A dimension is a name, or a number that is checked."]
    for role in entries.roles:
        needed = "" if role.required else " It may be left out."
        parts.append(f"### Role `{role.name}`\n\nWritten {role.summary}.{needed}")
        for name, options in role.types.items():
            parts.append(f"As `{name}`:" if options else f"As `{name}`, without options.")
            if options:
                parts.append(options_table(options))
    for type_ in entries.types:
        parts.append(f"### Type `{type_}`\n\n{type_.summary[:1].upper()}{type_.summary[1:]}.")
    return "\n\n".join(parts)


def kind_page(section: Section, kind: Kind) -> str:
    """Everything the registry says about a kind."""
    parts = [f"### `{section.name} {kind.name}`", f"{kind.summary[:1].upper()}{kind.summary[1:]}."]
    if kind.formula:
        parts.append(f"    {kind.formula}")
    if kind.details:
        parts.append(kind.details)
    if kind.options:
        parts.append(options_table(kind.options))
    if kind.example:
        parts.append(f"```\n{kind.example.strip()}\n```")
    return "\n\n".join(parts)


def options_table(options: tuple[Option, ...]) -> str:
    """Options, their types, defaults and meanings as a Markdown table."""
    rows = ["| option | value | default | meaning |", "|---|---|---|---|"]
    for option in options:
        default = "required" if option.required else f"{_default(option)}"
        rows.append(f"| `{option.name}` | {option.type} | {default} | {option.summary}{_choices(option)} |")
    return "\n".join(rows)


def _default(option: Option) -> str:
    return option.absent if option.default is None else f"`{shown_default(option)}`"


def _choices(option: Option) -> str:
    """What each word of an option means."""
    members = option.type.members if isinstance(option.type, UnionType) else (option.type,)
    choices = [choice for member in members if isinstance(member, ChoiceType) for choice in member.choices]
    return "".join(f"; {_choice(choice)}" for choice in choices)


def _choice(choice: Choice) -> str:
    """A word and what it means, with its own options and their defaults."""
    if not choice.options:
        return f"`{choice.name}`: {choice.summary}"
    given = [
        option.name if option.required else f"{option.name} = {shown_default(option)}" for option in choice.options
    ]
    meanings = "; ".join(f"`{option.name}`: {option.summary}" for option in choice.options)
    return f"`{choice.name}({', '.join(given)})`: {choice.summary} ({meanings})"


def names() -> list[str]:
    """Every name that has a page."""
    sections = language().sections
    return [*CODES, *(kind.name for section in sections for kind in section.kinds), *(s.name for s in sections)]
