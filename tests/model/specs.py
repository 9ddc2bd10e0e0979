"""Specs and data that the tests of this folder share."""

from __future__ import annotations

from typing import Any

from reludsl.data.binding import Bound, bind
from reludsl.data.tables import read_table
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


def model_of(text: str) -> Model:
    return Compilation(Source("test.relu", text)).model


def bound(text: str, data: Any, **options: Any) -> Bound:
    """The data bound to the spec of this text. Raises Mistakes."""
    model = model_of(text)
    names = (model.input.name, options.get("target") or model.target.name)
    if "test" in options:
        options["test"] = read_table(options["test"], names)
    return bind(model, read_table(data, names), **options)
