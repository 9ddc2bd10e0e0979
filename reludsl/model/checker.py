"""From tree to model: every word looked up in the registry, every mistake collected in one run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reludsl.diagnostics import Diagnostic, Label, has_errors, listed, suggestion
from reludsl.grammar import tree
from reludsl.model.model import Model
from reludsl.model.registry import Language, Refusal, Role, Section
from reludsl.model.rules import RULES
from reludsl.model.values import INVALID, Decision, Reader
from reludsl.source import Span


def check(
    spec: tree.Spec, language: Language, overrides: Mapping[str, tree.Value] | None = None
) -> tuple[Model | None, list[Diagnostic]]:
    """The model of a spec, or None with the errors that prevent it; warnings may come with a model.

    `overrides` are values for hyperparameters that replace the spec's own.
    """
    return _Checker(spec, language).run(overrides or {})


class _Checker:
    def __init__(self, spec: tree.Spec, language: Language) -> None:
        self.spec = spec
        self.language = language
        self.reader = Reader()
        self.sections: dict[str, Span] = {}
        self.perhaps: set[str] = set()
        """Sections that may be there under a name that is misspelt."""

    def run(self, overrides: Mapping[str, tree.Value]) -> tuple[Model | None, list[Diagnostic]]:
        hyperparameters = self._first(tree.HyperparameterSection, "hyperparameters")
        self.reader.hyperparameters_unread = any(
            word == "hyperparameters" or self.language.section(word) is None for word in self.spec.damaged
        )
        self.reader.read_hyperparameters(self._hyperparameters(), overrides)
        data = self._data(self._first(tree.DataSection, "data"))
        parts = self._kind_sections()
        self._missing_sections()
        self._unused_hyperparameters(hyperparameters)
        diagnostics = self.reader.diagnostics
        context = {**data, **{name: found[0] for name, found in parts.items() if found}}
        for rule in RULES:
            diagnostics.extend(rule(context, parts))
        diagnostics.sort(key=by_place)
        if has_errors(diagnostics) or self.spec.damaged:
            return None, diagnostics
        numbers = {name: value for name, value in self.reader.hyperparameters.items() if value is not INVALID}
        return (
            Model(
                source=self.spec.source,
                input=data["input"],
                target=data["target"],
                weight=data["weight"],
                architecture=parts["architecture"][0],
                loss=parts["loss"][0],
                regularizers=tuple(part for part in parts["regularizer"] if part is not None),
                formulation=parts["formulation"][0],
                solver=parts["solver"][0] if parts["solver"] else None,
                hyperparameters=numbers,
                decisions=tuple(self.reader.decisions),
                perturbation=parts["perturbation"][0],
                sections=self.sections,
            ),
            diagnostics,
        )

    # -- sections ------------------------------------------------------------------------------------------------

    def _first(self, kind: type, name: str) -> Any:
        """The first section of a kind of its own; later ones are reported."""
        found = [section for section in self.spec.sections if isinstance(section, kind)]
        for again in found[1:]:
            self._repeated(name, found[0].keyword, again.keyword)
        if found:
            self.sections[name] = found[0].keyword
        return found[0] if found else None

    def _hyperparameters(self) -> list[tree.Setting]:
        """Those of the section, and of a repeated section the ones that are new: they are known where they are used."""
        first, *others = [
            section.settings for section in self.spec.sections if isinstance(section, tree.HyperparameterSection)
        ] or [()]
        names = {setting.name.text for setting in first}
        return [*first, *(setting for settings in others for setting in settings if setting.name.text not in names)]

    def _repeated(self, name: str, first: Span, again: Span) -> None:
        has_kinds = any(section.name == name and section.kinds for section in self.language.sections)
        self.reader.report(
            "C205",
            f"the section `{name}` may stand only once",
            again,
            "stands again here",
            also=(Label(first, "first one here", primary=False),),
            help="keep one of the two" if has_kinds else "put the entries of both into one",
        )

    def _kind_sections(self) -> dict[str, list[Any]]:
        """The parts that the sections build, by section name; a part that failed is INVALID, absent ones default."""
        parts: dict[str, list[Any]] = {section.name: [] for section in self.language.sections}
        first: dict[str, Span] = {}
        for written in self.spec.sections:
            if not isinstance(written, tree.KindSection):
                continue
            section = self.language.section(written.section.text)
            if section is None or not section.kinds:
                self._unknown_section(written.section)
                continue
            earlier = first.setdefault(section.name, written.keyword)
            if earlier is not written.keyword and not section.repeatable:
                self._repeated(section.name, earlier, written.keyword)
                continue
            self.sections.setdefault(section.name, written.keyword)
            parts[section.name].append(self._part(section, written))
        for section in self.language.sections:
            absent = section.name not in first
            if self.spec.damaged or section.name in self.perhaps:
                parts[section.name] += [INVALID] if absent or section.repeatable else []
            elif absent and section.default is not None:
                parts[section.name].append(self._default_part(section, parts))
        return parts

    def _part(self, section: Section, written: tree.KindSection) -> Any:
        kind = section.kind(written.kind.text)
        if kind is None:
            self._unknown_kind(section, written.kind)
            return INVALID
        owner = f"`{section.name} {kind.name}`"
        settings = self.reader.settings(owner, section.name, kind.options, written.settings, written.kind.span)
        if settings is None:
            return INVALID
        part = kind.build(settings, written.kind.span)
        if isinstance(part, Refusal):
            self.reader.diagnostics.extend(part.diagnostics)
            return INVALID
        return part

    def _default_part(self, section: Section, parts: Mapping[str, list[Any]]) -> Any:
        kind = section.default_kind(parts)
        self.reader.decisions.append(Decision(section.name, kind.name, "default, no such section"))
        settings = self.reader.settings(section.name, section.name, kind.options, (), self.spec.edition.span)
        assert settings is not None, f"the default kind of `{section.name}` has required options"
        return kind.build(settings, None)

    def _unknown_section(self, name: tree.Name) -> None:
        known = [section.name for section in self.language.sections]
        kinds = self.language.entries(name.text)
        guess = suggestion(name.text, known)
        self.perhaps.update([section.name for section, _ in kinds] or ([guess] if guess else []))
        if kinds:
            help_text = f"`{name.text}` is a kind of `{kinds[0][0].name}`: write `{kinds[0][0].name} {name.text}`"
        elif guess:
            help_text = f"did you mean `{guess}`?"
        else:
            help_text = f"the sections are {listed(known, 'and')}"
        self.reader.report("C201", f"there is no section `{name.text}`", name.span, "unknown section", help=help_text)

    def _unknown_kind(self, section: Section, name: tree.Name) -> None:
        known = [kind.name for kind in section.kinds]
        guess = suggestion(name.text, known)
        self.reader.report(
            "C202",
            f"there is no {section.name} `{name.text}`",
            name.span,
            f"unknown {section.name}",
            help=(f"did you mean `{guess}`? " if guess else "") + f"available: {listed(known)}",
        )

    def _missing_sections(self) -> None:
        if self.spec.damaged:
            return  # the section may be the one that could not be read
        edition = Span(self.spec.source, self.spec.span.start, self.spec.edition.span.end)
        for section in self.language.sections:
            if section.required and section.name not in self.sections and section.name not in self.perhaps:
                self.reader.report(
                    "C204",
                    f"the section `{section.name}` is missing",
                    edition,
                    f"this spec has no `{section.name}`",
                    help=f"add, for example:\n{section.example or section.kinds[0].example}",
                )

    def _unused_hyperparameters(self, section: tree.HyperparameterSection | None) -> None:
        if section is None or self.spec.damaged or has_errors(self.reader.diagnostics):
            return
        for setting in section.settings:
            if setting.name.text not in self.reader.used:
                self.reader.report(
                    "L501",
                    f"the hyperparameter `{setting.name.text}` is never used",
                    setting.name.span,
                    "defined here",
                    severity="warning",
                    help="use it in an option, or remove it",
                )

    # -- data ----------------------------------------------------------------------------------------------------

    def _data(self, section: tree.DataSection | None) -> dict[str, Any]:
        """What is declared, by role; what is wrong or missing is INVALID, what may be missing is then None."""
        found: dict[str, Any] = {role.name: INVALID if role.required else None for role in self.language.roles}
        first: dict[str, tree.Datum] = {}
        names: dict[str, tree.Datum] = {}
        for datum in section.data if section else ():
            role = self.language.role(datum.role.text)
            if role is None:
                self._unknown_role(datum.role)
                continue
            if first.setdefault(role.name, datum) is not datum:
                self._declared_twice(f"a second `{role.name}`", first[role.name].role.span, datum.role.span)
                continue
            if names.setdefault(datum.name.text, datum) is not datum:
                self._declared_twice(
                    f"the name `{datum.name.text}` for two roles", names[datum.name.text].name.span, datum.name.span
                )
            found[role.name] = self._datum(role, datum)
        if section is not None and not self.spec.damaged:
            for role in self.language.roles:
                if role.required and role.name not in first:
                    self.reader.report(
                        "C219",
                        f"`data` declares no `{role.name}`",
                        section.keyword,
                        f"`{role.name}` is missing",
                        help=f"add a declaration: {role.summary}",
                    )
        return found

    def _declared_twice(self, what: str, first: Span, again: Span) -> None:
        self.reader.report(
            "C206",
            f"`data` declares {what}",
            again,
            "declared again here",
            also=(Label(first, "first declared here", primary=False),),
            help="keep one of the two",
        )

    def _unknown_role(self, name: tree.Name) -> None:
        known = [role.name for role in self.language.roles]
        guess = suggestion(name.text, known)
        self.reader.report(
            "C215",
            f"there is no role `{name.text}` in `data`",
            name.span,
            "unknown role",
            help=f"did you mean `{guess}`?" if guess else f"write {listed(known)}",
        )

    def _datum(self, role: Role, datum: tree.Datum) -> Any:
        type_ = self.language.type(datum.type.name.text)
        if type_ is None or type_.name not in role.types:
            guess = suggestion(datum.type.name.text, role.types)
            self.reader.report(
                "C216",
                f"`{role.name}` cannot have the type `{datum.type.name.text}`",
                datum.type.name.span,
                "unknown type" if type_ is None else f"not for `{role.name}`",
                help=f"did you mean `{guess}`?" if guess and type_ is None else f"write {self._types_of(role)}",
            )
            return INVALID
        owner = f"`{role.name} {datum.name.text}`"
        settings = self.reader.settings(
            owner, f"data.{datum.name.text}", role.types[type_.name], datum.settings, datum.name.span
        )
        if len(datum.type.dimensions) != len(type_.axes):
            self.reader.report(
                "C217",
                f"`{type_.name}` has {len(type_.axes)} dimension{'s' if len(type_.axes) > 1 else ''},"
                f" not {len(datum.type.dimensions)}",
                datum.type.span,
                f"expected `{type_}`",
                help=f"write `{type_}`: a dimension is a name, or a number to be checked",
            )
            return INVALID
        if settings is None or INVALID in (dimensions := [self._dimension(axis) for axis in datum.type.dimensions]):
            return INVALID
        return role.build(datum.name.text, type_.name, tuple(dimensions), settings, datum.type.span)

    def _types_of(self, role: Role) -> str:
        types = [self.language.type(name) for name in role.types]
        return listed(str(type_) for type_ in types if type_ is not None)

    def _dimension(self, axis: tree.Name | tree.Number) -> Any:
        if isinstance(axis, tree.Name):
            return axis.text
        if not (axis.value.is_integer() and axis.value >= 1):
            self.reader.report(
                "C209",
                f"a dimension cannot be {axis.text}",
                axis.span,
                "expected a positive integer or a name",
                help="write a name such as `n`, or the number of rows or columns",
            )
            return INVALID
        return int(axis.value)


def by_place(diagnostic: Diagnostic) -> tuple[int, int]:
    """Sorts the diagnostics of a spec by where they stand in it; those that stand nowhere come last."""
    span = diagnostic.span
    return (1, 0) if span is None else (0, span.start)
