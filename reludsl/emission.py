"""Standalone solver code: one readable script that loads data, solves, and saves the network in the project's format.

The rooms write its parts: binding, lowering and backend each say what they need, and functions of theirs that are
plain NumPy go into the script word for word, so that it computes what the direct solve computes.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from reludsl import script_parts
from reludsl.backend import Emitted
from reludsl.data.scaling import learn_scaling
from reludsl.files import write_atomically
from reludsl.ir import NumpyVocabulary, Program, Source, Translator, helper_sources, program_unicode
from reludsl.literals import literal
from reludsl.lowering import Lowered
from reludsl.model.model import Model
from reludsl.model.problem import training_problem
from reludsl.network_file import FORMAT, VERSION, write_network


def emit_script(model: Model, lowered: Lowered, emitted: Emitted, backend: str, identity: Mapping[str, Any]) -> str:
    """The whole script as text. `identity` is what the header and the network say about their origin."""
    code = lowered.code
    functions = (
        script_parts.read_data,
        script_parts.numbers,
        script_parts.input_matrix,
        *((script_parts.encode_labels,) if model.target.binary else ()),
        learn_scaling,
        *code.functions,
        *emitted.functions,
        write_atomically,
        write_network,
    )
    objective, helpers = _objective(training_problem(model))
    body = [
        _constants(model, identity),
        *(_source(function) for function in dict.fromkeys(functions)),
        emitted.solve.strip(),
        *helpers,
        objective,
        _main(model, lowered),
        'if __name__ == "__main__":\n    main()',
    ]
    text = "\n\n\n".join(body)
    imports = _imports(functions, emitted, text)
    return f"{_header(lowered, backend, identity)}\n\n{imports}\n\n{text}\n"


def _source(function: Any) -> str:
    """The text of a function or class; texts are taken as they are."""
    return function if isinstance(function, str) else inspect.getsource(function).strip()


def _header(lowered: Lowered, backend: str, identity: Mapping[str, Any]) -> str:
    rows = {
        "Made by": f"reludsl {identity['versions']['reludsl']}, backend {backend}",
        "Spec digest": identity["digest"],
        "Versions": ", ".join(f"{name} {version}" for name, version in identity["versions"].items()),
        "Seed": identity["seed"],
        "Decisions": "\n".join(identity["decisions"]) or "none",
        "Run as": "python solve.py --data FILE [--target COLUMN] [-o net.npz]",
    }
    table = "\n".join(
        textwrap.indent(str(text), " " * 13).replace(" " * 13, f"{name:<13}", 1) for name, text in rows.items()
    )
    problem = textwrap.indent(program_unicode(lowered.program).rstrip(), "    ")
    meaning = textwrap.fill(lowered.meaning.sentence, 100)
    quoted = f"Trains a two-layer ReLU network through a convex program.\n\n{problem}\n\n{meaning}\n\n{table}\n"
    return '#!/usr/bin/env python3\nr"""' + quoted.replace('"""', "'''") + '"""'


def _imports(functions: Iterable[Any], emitted: Emitted, text: str) -> str:
    """The imports that the embedded functions' modules have and the script needs, and those of the script itself."""
    used = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    wanted: set[tuple[str, str]] = set()
    embedded = (function for function in functions if not isinstance(function, str))
    for module in dict.fromkeys(inspect.getmodule(function) for function in embedded):
        assert module is not None
        for node in ast.parse(inspect.getsource(module)).body:
            wanted |= _imported(node, used)
    for line in (
        "from dataclasses import dataclass",
        "import argparse",
        "import json",
        "import sys",
        "import time",
        "import numpy as np",
        *emitted.imports,
    ):
        wanted |= _imported(ast.parse(line).body[0], used)
    standard = {entry for entry in wanted if entry[0].split(".")[0] in sys.stdlib_module_names}
    groups = ("from __future__ import annotations", _import_block(standard), _import_block(wanted - standard))
    return "\n\n".join(groups)


def _import_block(wanted: set[tuple[str, str]]) -> str:
    """Sorted imports of pairs (module, name): an empty name imports the module, `as x` renames it."""
    whole = sorted(f"import {module} {name}".rstrip() for module, name in wanted if not name or name.startswith("as "))
    parts: dict[str, list[str]] = {}
    for module, name in sorted(wanted):
        if name and not name.startswith("as "):
            parts.setdefault(module, []).append(name)
    return "\n".join([*whole, *(f"from {module} import {', '.join(names)}" for module, names in parts.items())])


def _imported(node: ast.stmt, used: set[str]) -> set[tuple[str, str]]:
    """What an import statement binds and the script uses, as pairs (module, name); nothing of ours."""
    match node:
        case ast.Import(names):
            return {
                (name.name, f"as {name.asname}" if name.asname else "")
                for name in names
                if (name.asname or name.name).split(".")[0] in used and not name.name.startswith("reludsl")
            }
        case ast.ImportFrom(str(module), names) if module != "__future__" and not module.startswith("reludsl"):
            return {(module, name.name) for name in names if (name.asname or name.name) in used}
    return set()


def _constants(model: Model, identity: Mapping[str, Any]) -> str:
    described = {
        "format": FORMAT,
        "version": VERSION,
        "spec": model.source.text,
        "digest": identity["digest"],
        "hyperparameters": dict(model.hyperparameters),
        "input": model.input.name,
    }
    lines = "\n".join(f"    {literal(name)}: {_origin(value)}," for name, value in described.items())
    return f"# What the network's file says about its origin.\nORIGIN = {{\n{lines}\n}}"


def _origin(value: Any) -> str:
    """A Python literal; a text of several lines is written a line each."""
    if not isinstance(value, str) or "\n" not in value:
        return literal(value)
    parts = "\n".join(f"        {literal(line)}" for line in value.splitlines(keepends=True))
    return f"(\n{parts}\n    )"


def _objective(problem: Program) -> tuple[str, tuple[str, ...]]:
    """The function that evaluates the non-convex objective on a network, and the helpers that it calls."""
    build = Source()
    translate = Translator(NumpyVocabulary(), build, reserved=problem.names)
    terms = [(term.name, translate(term.expression).text) for term in problem.objective]
    sizes = [("n", "X.shape[0]")] if "n" in _names(terms) else []
    assignments = [
        *sizes,
        *((constant.name or "", repr(constant.value)) for constant in problem.constants),
        *build.statements,
        *terms,
    ]
    lines = [
        "def objective(X, y, U, b, alpha):",
        '    """The training objective, not convex, of a network with weights U (d, m), b and alpha (m,)."""',
        *(f"    {name} = {text}" for name, text in assignments),
        f"    return {' + '.join(name for name, _ in terms)}",
    ]
    return "\n".join(lines), helper_sources(build.called)


def _names(terms: Iterable[tuple[str, str]]) -> set[str]:
    return {
        node.id for _, text in terms for node in ast.walk(ast.parse(text, mode="eval")) if isinstance(node, ast.Name)
    }


def _main(model: Model, lowered: Lowered) -> str:
    columns = None if model.input.selected is None else list(model.input.selected)
    if model.target.binary:
        target = f"y, labels = encode_labels(data, options.target, {literal(model.target.positive)})"
    else:
        target = "y, labels = numbers(data, options.target).reshape(-1), None"
    arguments = ", ".join(f"{data.name}={data.name}" for data in lowered.program.data)
    unpack = "\n".join(f'{variable.name} = point["{variable.name}"]' for variable in lowered.program.variables)
    body = f"""parser = argparse.ArgumentParser(description="Trains a two-layer ReLU network through a convex program.")
parser.add_argument("--data", required=True, metavar="FILE", help="a .csv or .npz file with the training data")
parser.add_argument("--target", default={literal(model.target.name)}, metavar="COLUMN", help="the target's name in it")
parser.add_argument("-o", "--output", metavar="NETWORK", help="where to save the network (.npz)")
options = parser.parse_args()

# Data: the same columns, scaling and labels are stored with the network.
data = read_data(options.data)
raw, columns = input_matrix(data, {literal(model.input.name)}, {literal(columns)}, options.target)
{target}
input_offset, input_divisor = learn_scaling(raw, {literal(model.input.scale)})
target_offset, target_divisor = learn_scaling(y, {literal(model.target.scale)})
samples = X = (raw - input_offset) / input_divisor
y = (y - target_offset) / target_divisor

# The convex program's arrays.
{lowered.code.arrays.rstrip()}

started = time.perf_counter()
point, status = solve({arguments})
seconds = time.perf_counter() - started

# Back to a network.
{unpack}
{lowered.code.recover.rstrip()}
value = objective(samples, y, hidden_weights, hidden_bias, output_weights)
print(f"status {{status}}, objective {{value:.10g}}, {{len(output_weights)}} neurons, {{seconds:.2f}} s")

if options.output:
    arrays = {{
        "hidden_weights": hidden_weights,
        "hidden_bias": hidden_bias,
        "output_weights": output_weights,
        "input_offset": input_offset,
        "input_divisor": input_divisor,
        "target_offset": np.asarray(target_offset),
        "target_divisor": np.asarray(target_divisor),
    }}
    described = {{"columns": columns, "target": options.target, "labels": labels}}
    described["versions"] = {{"python": sys.version.split()[0], "numpy": np.__version__}}
    write_network(options.output, arrays, {{**ORIGIN, **described}})
    print(f"network saved to {{options.output}}")"""
    return 'def main():\n    """Reads the data, solves, reports, saves."""\n' + textwrap.indent(body, "    ")
