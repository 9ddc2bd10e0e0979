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
from dataclasses import replace
from functools import cache, lru_cache
from types import ModuleType
from typing import Any

from reludsl import script_parts
from reludsl.backend import Emitted
from reludsl.data.scaling import learn_scaling
from reludsl.files import write_atomically
from reludsl.ir import NumpyVocabulary, Program, Source, TrainingForm, Translator, helper_sources, program_unicode
from reludsl.ir.assignments import assignments
from reludsl.literals import literal
from reludsl.lowering import Lowered
from reludsl.model.model import Model
from reludsl.model.problem import one_hot, training_problem
from reludsl.network_file import FORMAT, VERSION, write_network


def emit_script(model: Model, lowered: Lowered, emitted: Emitted, backend: str, identity: Mapping[str, Any]) -> str:
    """The whole script as text. `identity` is what the header and the network say about their origin."""
    code = lowered.code
    functions = (
        script_parts.read_data,
        script_parts.numbers,
        script_parts.input_matrix,
        *_target_functions(model),
        *((script_parts.sample_weights,) if model.weight is not None else ()),
        learn_scaling,
        *code.functions,
        *emitted.functions,
        write_atomically,
        write_network,
    )
    functions = _with_what_they_call(functions)
    objective, helpers = _objective(_reported(model, lowered))
    body = [
        _constants(model, identity),
        *(_source(function) for function in functions),
        emitted.solve.strip(),
        *(_source(helper) for helper in helpers),
        objective,
        _main(model, lowered),
        'if __name__ == "__main__":\n    main()',
    ]
    parts = list(dict.fromkeys(body))  # helpers may be needed more than once
    imports, text = _imports(functions, emitted, parts), "\n\n\n".join(parts)
    return f"{_header(lowered, backend, identity)}\n\n{imports}\n\n{text}\n"


def _with_what_they_call(functions: Iterable[Any]) -> tuple[Any, ...]:
    """Functions and classes, followed by those of ours that they name, and so on; texts name nothing more."""
    found: dict[Any, None] = {}
    waiting = list(functions)
    while waiting:
        function = waiting.pop(0)
        if function in found:
            continue
        found[function] = None
        if isinstance(function, str):
            continue
        known = vars(inspect.getmodule(function))
        named = (known[name] for name in _names_in(_source(function)) if name in known)
        waiting += [
            entry for entry in named if (inspect.isfunction(entry) or inspect.isclass(entry)) and _is_ours(entry)
        ]
    return tuple(found)


def _is_ours(entry: Any) -> bool:
    return str(entry.__module__).split(".")[0] == __name__.split(".")[0]


@lru_cache(1000)
def _names_in(code: str) -> tuple[str, ...]:
    """The names that code says, each once, in their order."""
    return tuple(dict.fromkeys(node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)))


@lru_cache(1000)
def _source(function: Any) -> str:
    """The text of a function or class; texts are taken as they are."""
    return (function if isinstance(function, str) else inspect.getsource(function)).strip()


def _header(lowered: Lowered, backend: str, identity: Mapping[str, Any]) -> str:
    rows = {
        "Made by": f"reludsl {identity['versions']['reludsl']}, backend {backend}",
        "Spec digest": identity["digest"],
        "Versions": ", ".join(f"{name} {version}" for name, version in identity["versions"].items()),
        "Seed": identity["seed"],
        "Decisions": "\n".join(identity["decisions"]) or "none",
        "Run as": "python solve.py --data FILE [--target COLUMN] [-o net.npz]",
        "Threads": "fastest with the environment's OMP_NUM_THREADS=1, most often",
    }
    table = "\n".join(
        textwrap.indent(str(text), " " * 13).replace(" " * 13, f"{name:<13}", 1) for name, text in rows.items()
    )
    problem = textwrap.indent(program_unicode(lowered.program).rstrip(), "    ")
    meaning = textwrap.fill(lowered.meaning.sentence, 100)
    quoted = f"Trains a two-layer network through a convex program.\n\n{problem}\n\n{meaning}\n\n{table}\n"
    return '#!/usr/bin/env python3\nr"""' + quoted.replace('"""', "'''") + '"""'


@cache
def _imports_of(module: ModuleType) -> tuple[ast.stmt, ...]:
    """The imports at the top level of a module."""
    return tuple(
        node for node in ast.parse(inspect.getsource(module)).body if isinstance(node, ast.Import | ast.ImportFrom)
    )


def _imports(functions: Iterable[Any], emitted: Emitted, parts: Iterable[str]) -> str:
    """The imports that the embedded functions' modules have and the script needs, and those of the script itself."""
    used = {name for part in parts for name in _names_in(part)}
    wanted: set[tuple[str, str]] = set()
    embedded = (function for function in functions if not isinstance(function, str))
    for module in dict.fromkeys(inspect.getmodule(function) for function in embedded):
        assert module is not None
        for node in _imports_of(module):
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


def _reported(model: Model, lowered: Lowered) -> Program:
    """The problem whose objective is printed: what a local backend trained for, else that of the network itself."""
    if isinstance(lowered.program.form, TrainingForm):
        return replace(lowered.program, constraints=())
    return training_problem(model).program()


def _objective(problem: Program) -> tuple[str, tuple[str, ...]]:
    """The function that evaluates the non-convex objective on a network, and the helpers that it calls."""
    build = Source()
    translate = Translator(NumpyVocabulary(), build, reserved=problem.names)
    terms = [(term.name, translate(term.expression).text) for term in problem.objective]
    sizes = [("n", "X.shape[0]")] if "n" in _names(terms) else []
    values = [
        *sizes,
        *((constant.name or "", repr(constant.value)) for constant in problem.constants),
        *build.statements,
        *terms,
    ]
    parameters = ", ".join(_needed(problem))
    lines = [
        f"def objective({parameters}):",
        '    """The training objective, not convex, at the weights of a network."""',
        *(f"    {name} = {text}" for value in values for name, text in assignments(*value)),
        f"    return {' + '.join(name for name, _ in terms)}",
    ]
    return "\n".join(lines), helper_sources(build.called)


def _target_functions(model: Model) -> tuple[Any, ...]:
    """What reads and encodes the target."""
    match model.target.type:
        case "binary":
            return (script_parts.encode_labels,)
        case "categorical":
            return (script_parts.encode_classes,)
        case "matrix":
            return (script_parts.target_matrix,)
    return ()


def _names(terms: Iterable[tuple[str, str]]) -> set[str]:
    return {
        node.id for _, text in terms for node in ast.walk(ast.parse(text, mode="eval")) if isinstance(node, ast.Name)
    }


def _main(model: Model, lowered: Lowered) -> str:
    columns = None if model.input.selected is None else list(model.input.selected)
    y = "Y" if model.target.several else "y"
    problem = _reported(model, lowered)
    arguments = ", ".join(f"{data.name}={data.name}" for data in lowered.program.data)
    unpack = "\n".join(f'{variable.name} = point["{variable.name}"]' for variable in lowered.program.variables)
    arrays = f"# The program's arrays.\n{lowered.code.arrays.rstrip()}\n\n" if lowered.code.arrays else ""
    weights = f"omega = sample_weights(data, {literal(model.weight.name)})\n" if model.weight else ""
    others = [] if model.weight is None else [model.weight.name]
    others += list(model.target.selected or ())
    body = f"""parser = argparse.ArgumentParser(description="Trains a two-layer network through a convex program.")
parser.add_argument("--data", required=True, metavar="FILE", help="a .csv or .npz file with the training data")
parser.add_argument("--target", default={literal(model.target.name)}, metavar="COLUMN", help="the target's name in it")
parser.add_argument("-o", "--output", metavar="NETWORK", help="where to save the network (.npz)")
options = parser.parse_args()

# Data: the same columns, scaling and labels are stored with the network.
data = read_data(options.data)
raw, columns = input_matrix(data, {literal(model.input.name)}, {literal(columns)}, [options.target, *{literal(others)}])
{_target_text(model, y)}
{weights}input_offset, input_divisor = learn_scaling(raw, {literal(model.input.scale)})
target_offset, target_divisor = learn_scaling({y}, {literal(model.target.scale)})
samples = X = (raw - input_offset) / input_divisor
{y} = ({y} - target_offset) / target_divisor

{arrays}started = time.perf_counter()
point, status = solve({arguments})
seconds = time.perf_counter() - started

# Back to a network.
{unpack}
{lowered.code.recover.rstrip()}
value = objective({", ".join(_SCRIPT_NAMES.get(name, name) for name in _needed(problem))})
print(f"status {{status}}, objective {{value:.10g}}, {{len(output_weights)}} hidden neurons, {{seconds:.2f}} s")

if options.output:
    arrays = {{
        "hidden_weights": hidden_weights,
        "hidden_bias": hidden_bias,
        "output_weights": output_weights.reshape(len(output_weights), np.size(output_bias)),
        "output_bias": np.atleast_1d(output_bias),
{_gates_text(model)}        "input_offset": input_offset,
        "input_divisor": input_divisor,
        "target_offset": np.atleast_1d(target_offset),
        "target_divisor": np.atleast_1d(target_divisor),
    }}
    described = {{"columns": columns, "target": options.target, "labels": labels}}
    described |= {{"target_columns": {_target_columns(model)}, "weight": {_weight(model)}}}
    described["versions"] = {{"python": sys.version.split()[0], "numpy": np.__version__}}
    write_network(options.output, arrays, {{**ORIGIN, **described}})
    print(f"network saved to {{options.output}}")"""
    return 'def main():\n    """Reads the data, solves, reports, saves."""\n' + textwrap.indent(body, "    ")


_SCRIPT_NAMES = {
    "X": "samples",
    "U": "hidden_weights",
    "b": "hidden_bias",
    "alpha": "output_weights",
    "c0": "output_bias",
    "G": "gates",
    "g": "gate_bias",
}
"""What the network's arrays are called in a script, by their names in the training problem."""


def _needed(problem: Program) -> list[str]:
    """The data and variables of the training problem."""
    return [*(data.name for data in problem.data), *(variable.name for variable in problem.variables)]


def _target_text(model: Model, y: str) -> str:
    """The statements that define the targets and `labels`."""
    target = model.target
    match target.type:
        case "binary":
            return f"y, labels = encode_labels(data, options.target, {literal(target.positive)})"
        case "categorical":
            return f"Y, labels = encode_classes(data, options.target, {one_hot(model)})"
        case "matrix":
            chosen = None if target.selected is None else list(target.selected)
            return f"Y, labels = target_matrix(data, options.target, {literal(chosen)}), None"
    return f"{y}, labels = numbers(data, options.target).reshape(-1), None"


def _target_columns(model: Model) -> str:
    return literal(None if model.target.selected is None else list(model.target.selected))


def _weight(model: Model) -> str:
    return literal(None if model.weight is None else model.weight.name)


def _gates_text(model: Model) -> str:
    return '        "gates": gates,\n        "gate_bias": gate_bias,\n' if model.activation.gated else ""
