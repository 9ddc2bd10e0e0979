"""Specs and data that the tests of this folder share."""

from __future__ import annotations

from typing import Any

import pytest

from reludsl.data.binding import Bound, array_names, bind
from reludsl.data.tables import read_table
from reludsl.mistakes import Mistakes
from reludsl.model.model import Model
from reludsl.pipeline import Compilation
from reludsl.source import Source


def spec(
    input_options: str = "",
    target: str = "vector[n]",
    *,
    hyperparameters: str = "",
    strength: str = "1",
    loss: str = "squared",
    more: str = "",
) -> str:
    """A spec with these parts."""
    return f"""reludsl 1
data {{
  input  X : matrix[n, d] {{ {input_options} }}
  target y : {target}
}}
hyperparameters {{ {hyperparameters} }}
architecture two_layer
loss {loss}
regularizer weight_decay {{ strength = {strength} }}
{more}
"""


def separate(target: str, loss: str = "squared", more: str = "", outputs: str = "separate", input_: str = "") -> str:
    """A spec whose outputs are separate unless said otherwise; `more` are further declarations."""
    return f"""reludsl 1
data {{
  input  X : matrix[n, d] {{ {input_} }}
  target {target}
  {more}
}}
architecture two_layer {{ outputs = {outputs} }}
loss {loss}
regularizer weight_decay {{ strength = 1 }}
"""


def model_of(text: str) -> Model:
    return Compilation(Source("test.relu", text)).model


def bound(text: str, data: Any, **options: Any) -> Bound:
    """The data bound to the spec of this text. Raises Mistakes."""
    model = model_of(text)
    names = array_names(model, options.get("target"))
    if "test" in options:
        options["test"] = read_table(options["test"], names)
    return bind(model, read_table(data, names), **options)


def codes_of(text: str, data: Any, **options: Any) -> list[str]:
    """The codes of all that is wrong with the data; every mistake has its remedy."""
    with pytest.raises(Mistakes) as told:
        bound(text, data, **options)
    assert all(diagnostic.help for diagnostic in told.value.diagnostics)
    return [diagnostic.code for diagnostic in told.value.diagnostics]
