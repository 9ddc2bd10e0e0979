"""Regenerates the pages that are made from the code: `python -m reludsl.docs` (or `make docs`)."""

from __future__ import annotations

from pathlib import Path

from reludsl.choice import language
from reludsl.codes import CODES
from reludsl.reference import code_page, data_part, kind_page
from reludsl.support import matrix_markdown, support_matrix

_NOTE = "<!-- Made by `python -m reludsl.docs` from the registry: change the entries, not this page. -->"

_FAMILIES = {
    "P": "Syntax",
    "C": "Meaning",
    "D": "Data and files",
    "S": "Solver outcome",
    "L": "Lint",
}


def pages() -> dict[str, str]:
    """The generated pages by their path under `docs/`."""
    return {"language.md": language_page(), "diagnostics.md": diagnostics_page(), "support.md": support_page()}


def diagnostics_page() -> str:
    """Every diagnostic, by family."""
    parts = ["# Diagnostics", _NOTE]
    for letter, family in _FAMILIES.items():
        parts.append(f"# {family}")
        parts += [code_page(code) for code in CODES if code.startswith(letter)]
    return "\n\n".join(parts) + "\n"


def support_page() -> str:
    """What every backend takes, and why it refuses the rest."""
    return "\n\n".join(["# What is supported", _NOTE, _MATRIX.strip(), matrix_markdown(support_matrix())]) + "\n"


def language_page() -> str:
    """The reference of the language: structure by hand, everything else from the registry."""
    entries = language()
    parts = ["# The language, edition 1", _NOTE, _STRUCTURE.strip()]
    for section in entries.sections:
        parts.append(f"## `{section.name}`" + (" (required)" if section.required else ""))
        parts.append(section.summary)
        if section.name == "data":
            parts.append(data_part())
        parts += [kind_page(section, kind) for kind in section.kinds]
        if section.default:
            named = [f"`{section.name} {default.kind}` {default.where}" for default in section.defaults]
            named.append(("otherwise " if named else "") + f"`{section.name} {section.default}`")
            parts.append(f"Without this section: {', '.join(named)}.")
    return "\n\n".join(parts) + "\n"


_MATRIX = """
A row is the smallest spec that has what it names, and a cell what the compiler says to that spec and backend: `yes`
where the backend solves it and writes standalone code for it, otherwise a number that leads to the reason and to what
helps instead. A cell that names a [code](diagnostics.md) is refused by the language, whatever the backend; a plain
`no` is this backend's own. `reludsl list backends --matrix` prints the same tables, with the backends that are
installed, and with `--json` the specs too.

Every `yes` is tested: the convex backends against the optimum of a program that is written down independently, descent
against that optimum as a lower bound. Descent trains the network itself, so its `yes` promises a local solution, and
of a formulation it takes no more than the gates.

`bound` is the scope of the lower bound that results of the convex backends come with: `program`, or `global` where
every pattern takes part, so that it is one on the training problem as well. Descent proves none.
"""

_STRUCTURE = """
A spec is a text file, `.relu` by custom. Its first line names the edition; sections follow in any order. Everything
that changes the optimum stands in the spec: data declarations, architecture, loss, regularizer, formulation. The
section `solver` is a default, and the command line wins over it.

```
reludsl 1

section kind {
  option = value   # a comment runs to the end of the line
}
```

- Options end at a newline or a comma; `section kind { a = 1, b = 2 }` may stand on one line.
- Values are numbers, arithmetic (`+ - * /` and parentheses) over hyperparameters, words, texts in double quotes, and
  lists in brackets. A word with options of its own is written `word(option = value)`.
- Words are ASCII letters, digits and `_`. No word but `reludsl`, `data` and `hyperparameters` is reserved.
- `reludsl fmt` brings a file into the canonical layout and keeps comments.
"""


def main() -> None:
    """Writes the pages into `docs/` of the working directory."""
    for name, text in pages().items():
        (Path("docs") / name).write_text(text, encoding="utf-8")
        print(f"wrote docs/{name}")


if __name__ == "__main__":
    main()
