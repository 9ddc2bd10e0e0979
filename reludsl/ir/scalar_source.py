"""The numerics of a scalar function as a standalone class, for generated code that has nothing but NumPy."""

from __future__ import annotations

import inspect
import re
import textwrap
from dataclasses import fields

from reludsl.ir.scalar import ScalarFunction

NUMERICS = ("value", "derivative", "prox")


def standalone_class(function: ScalarFunction) -> str:
    """A frozen dataclass with the function's parameters and its methods `value`, `derivative` and `prox`.

    The methods are the function's own, word for word, but for the array library: here it is NumPy.
    """
    kind = type(function)
    parameters = [field.name for field in fields(function)]
    lines = ["@dataclass(frozen=True)", f"class {kind.__name__}:"]
    documentation = inspect.cleandoc(kind.__doc__ or kind.__name__)
    quoted = f'"""{documentation}"""' if "\n" not in documentation else f'"""{documentation}\n"""'
    lines += [textwrap.indent(quoted, "    "), *([""] if parameters else [])]
    lines += [f"    {name}: float" for name in parameters]
    for method in NUMERICS:
        source = textwrap.dedent(inspect.getsource(getattr(kind, method))).strip()
        source = re.sub(r"  # type: ignore\[[\w-]+\]", "", source)
        source = re.sub(r"array_functions\(\w+\)", "np", source).replace("Array", "np.ndarray")
        lines += ["", textwrap.indent(source, "    ")]
    return "\n".join(lines)
