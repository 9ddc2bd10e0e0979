"""Mistakes that a spec alone cannot make: in data, in the command line, in network files, in the solver's end.

Each case is a command, the files that it finds in its folder, and the code that it has to tell.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from reludsl.network_file import ARRAYS, FORMAT, VERSION


@dataclass(frozen=True)
class Case:
    """`reludsl` with these arguments, run in a folder that holds `files`; the transcript is `cases/<name>.stderr`.

    `foreign` says that a note repeats what a library said, in words that are not ours to fix. With `interrupted`,
    Ctrl-C is pressed as soon as the solver shows its progress. With `refusing`, the backend `admm` takes no program:
    the built-in backends take every program of today.
    """

    code: str
    name: str
    arguments: str
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    exit_code: int = 1
    foreign: bool = False
    interrupted: bool = False
    refusing: bool = False


# -- specs -------------------------------------------------------------------------------------------------------


def spec(
    data: str = "input X : matrix[n, d], target y : vector[n]", loss: str = "loss squared", more: str = ""
) -> dict[str, str]:
    """The file `spec.relu` with these parts."""
    text = f"reludsl 1\ndata {{ {data} }}\nhyperparameters {{ beta = 0.1 }}\narchitecture two_layer\n{loss}\n"
    return {"spec.relu": text + f"regularizer weight_decay {{ strength = beta }}\n{more}"}


REAL = spec()
BINARY = spec("input X : matrix[n, d], target y : binary[n]")
POSITIVE = spec('input X : matrix[n, d], target y : binary[n] { positive = "yes" }')
HINGE = spec("input X : matrix[n, d], target y : binary[n]", "loss hinge")
HINGE_BY_RBCD = spec(
    "input X : matrix[n, d], target y : binary[n]", "loss hinge", "solver admm { linear_solver = rbcd }\n"
)
WEIGHTED = spec("input X : matrix[n, d], target y : vector[n], weight w : vector[n]")
NARROW = {"spec.relu": REAL["spec.relu"].replace("two_layer", "two_layer { bias = hidden, width = 1 }")}
FREE = {
    "spec.relu": spec(more="formulation sampled\n")["spec.relu"]
    .replace("two_layer", "two_layer { bias = hidden }")
    .replace("strength = beta", "strength = beta, biases = free")
}
STEPS = {
    "spec.relu": spec(more="formulation sampled\n")["spec.relu"].replace(
        "two_layer", "two_layer { activation = threshold }"
    )
}
BIASED = {"spec.relu": REAL["spec.relu"].replace("two_layer", "two_layer { bias = output }")}
CLASSES = "input X : matrix[n, d], target y : categorical[n, k]"
CHECK = "check spec.relu --data data.csv"
CHECK_NPZ = "check spec.relu --data data.npz"


# -- files -------------------------------------------------------------------------------------------------------


def columns(options: str, more: str = "") -> dict[str, str]:
    """A spec whose target is a matrix with these options."""
    return several(f"input X : matrix[n, d], target Y : matrix[n, c] {options}{more}")


def several(data: str, loss: str = "loss squared") -> dict[str, str]:
    """A spec with separate outputs."""
    found = spec(data, loss)["spec.relu"]
    return {"spec.relu": found.replace("two_layer", "two_layer { outputs = separate }")}


def shared() -> dict[str, str]:
    """A spec whose outputs share their hidden neurons."""
    found = spec('input X : matrix[n, d], target Y : matrix[n, c] { columns = ["y", "z"] }', more="formulation exact\n")
    return {"spec.relu": found["spec.relu"].replace("two_layer", "two_layer { outputs = shared }")}


def out_of_reach() -> dict[str, str]:
    """A spec of separate outputs, whose relaxation is not taken, and samples of more dimensions than are searched."""
    text = shared()["spec.relu"].replace("outputs = shared", "outputs = separate").replace("formulation exact\n", "")
    names = [f"x{k}" for k in range(14)]
    rows = [[int(i == k) for k in range(14)] + [i, i % 3] for i in range(14)]
    table = "\n".join(",".join(map(str, row)) for row in ([*names, "y", "z"], *rows))
    return {"spec.relu": text + "solver descent\n", **csv(table + "\n")}


def relaxed(split: str = "1") -> dict[str, str]:
    """A spec that splits rows of its relaxation."""
    formulation = f"formulation sdp_relaxation {{ split = {split} }}"
    return {"spec.relu": shared()["spec.relu"].replace("formulation exact", formulation)}


def npz(**arrays: object) -> bytes:
    """An `.npz` file of these arrays; objects are pickled, as a careless writer does it."""
    file = io.BytesIO()
    np.savez(file, **{name: np.asarray(array) for name, array in arrays.items()})  # type: ignore[arg-type]
    return file.getvalue()


def csv(text: str) -> dict[str, str]:
    return {"data.csv": text}


def network(change: Callable[[dict[str, object], dict[str, np.ndarray]], object] = lambda said, arrays: None) -> bytes:
    """A network file for two columns, after a change of its description and its arrays."""
    described: dict[str, object] = {
        "format": FORMAT,
        "version": VERSION,
        "spec": REAL["spec.relu"],
        "hyperparameters": {"beta": 0.1},
        "input": "X",
        "columns": ["a", "b"],
        "target": "y",
        "target_columns": None,
        "labels": None,
        "weight": None,
    }
    sizes = {"d": 2, "m": 1, "c": 1}
    arrays = {name: np.ones([sizes[axis] for axis in axes]) for name, axes in ARRAYS.items()}
    change(described, arrays)
    return npz(json=json.dumps(described), **arrays)


GOOD_CSV = "a,b,y\n1,2,1.5\n3,-1,0.5\n-2,0.5,2\n0.3,1,-1\n"
GOOD = csv(GOOD_CSV)
WEIGHTED_CSV = "a,b,y,w\n1,2,1.5,1\n3,-1,0.5,0\n-2,0.5,2,2.5\n0.3,1,-1,1\n"
SHARED_CSV = "a,b,c,d,e,y,z\n1,2,0,1,0,1,0\n3,-1,1,0,2,0,1\n-2,0,1,1,1,1,1\n0,1,-1,2,0,0,0\n1,1,0,0,-1,1,2\n"
FLAT_CSV = "a,b,c,y,z\n1,1,0,1,0\n1,-1,1e-8,0,1\n2,1,0,1,1\n0,1,-1e-8,0,0\n"
LABELS_CSV = "a,b,y\n1,2,yes\n3,-1,no\n-2,0.5,yes\n0.3,1,no\n"
SIGNS_CSV = LABELS_CSV.replace("yes", "1").replace("no", "-1")
X = [[1.0, 2.0], [3.0, -1.0], [-2.0, 0.5], [0.3, 1.0]]
Y = [1.5, 0.5, 2.0, -1.0]
PICKLED = npz(X=np.array([{"a": 1}], dtype=object), y=Y)
SOLVE = "solve spec.relu --data data.csv"
PATH = "path spec.relu --data data.csv --set "
PREDICT = "predict net.npz --data data.csv"
ATTACK = "attack net.npz --data data.csv --radius "
PROVE = SOLVE + " --certify global"
CERTIFY = "certify net.npz --data data.csv --radius 0.5 --time-limit 1e-9"


def _other_version(said: dict[str, object], arrays: dict[str, np.ndarray]) -> None:
    said["version"] = 7


def _threshold(said: dict[str, object], arrays: dict[str, np.ndarray]) -> None:
    said["spec"] = REAL["spec.relu"].replace("two_layer", "two_layer { activation = threshold }")


def _matrix(said: dict[str, object], arrays: dict[str, np.ndarray]) -> None:
    said["columns"] = None


def _missing_words(said: dict[str, object], arrays: dict[str, np.ndarray]) -> None:
    del said["target"]


def _other_shape(said: dict[str, object], arrays: dict[str, np.ndarray]) -> None:
    arrays["hidden_bias"] = np.ones(3)


CASES = (
    # Files that cannot be read.
    Case("D301", "data_missing", CHECK, REAL),
    Case("D301", "data_folder", "check spec.relu --data .", REAL),
    Case("D301", "data_misspelt", "check spec.relu --data dat.csv", REAL | csv("a,b,y\n1,2,3\n")),
    Case("D301", "spec_missing", "check nowhere.relu"),
    Case("D301", "spec_folder", "check ."),
    Case("D302", "unknown_ending", "check spec.relu --data data.xlsx", {**REAL, "data.xlsx": "a,b,y\n"}),
    Case("D302", "no_ending", "check spec.relu --data data", {**REAL, "data": "a,b,y\n"}),
    Case("D303", "ragged_csv", CHECK, REAL | csv("a,b,y\n1,2,3\n4,5,6,7\n"), foreign=True),
    Case("D303", "empty_csv", CHECK, REAL | csv(""), foreign=True),
    Case("D303", "binary_csv", CHECK, {**REAL, "data.csv": b"a,b,y\n\xff\xfe\x00,1,2\n"}, foreign=True),
    Case("D303", "damaged_npz", CHECK_NPZ, {**REAL, "data.npz": b"PK\x03\x04 but no more"}, foreign=True),
    Case("D303", "truncated_npz", CHECK_NPZ, {**REAL, "data.npz": npz(X=X, y=Y)[:-40]}, foreign=True),
    Case("D303", "pickled_npz", CHECK_NPZ, {**REAL, "data.npz": PICKLED}, foreign=True),
    Case(
        "D303",
        "damaged_parquet",
        "check spec.relu --data data.parquet",
        {**REAL, "data.parquet": b"PAR1 but no more"},
        foreign=True,
    ),
    Case("D303", "spec_not_utf8", "check spec.relu", {"spec.relu": b"reludsl 1\n# \xe9\n"}),
    # Columns that are not there, or not alone.
    Case("D304", "target_missing", CHECK, REAL | csv("age,mass,outcome\n1,2,3\n4,5,6\n")),
    Case("D304", "target_misspelt", CHECK + " --target outcme", REAL | csv("age,mass,outcome\n1,2,3\n4,5,6\n")),
    Case(
        "D304",
        "columns_missing",
        CHECK,
        spec('input X : matrix[n, d] { columns = ["b", "Mass", "size"] }, target y : vector[n]')
        | csv("b,mass,y\n1,2,3\n"),
    ),
    Case("D304", "semicolons", CHECK, REAL | csv("a;b;y\n1;2;3\n4;5;6\n")),
    Case("D304", "array_missing", CHECK_NPZ, {**REAL, "data.npz": npz(inputs=X, y=Y)}),
    Case("D304", "nothing_but_the_target", CHECK, REAL | csv("y\n1\n2\n")),
    Case(
        "D304",
        "target_among_columns",
        CHECK,
        spec('input X : matrix[n, d] { columns = ["a", "y"] }, target y : vector[n]') | GOOD,
    ),
    Case("D304", "columns_of_the_target", CHECK, columns("") | GOOD),
    Case("D304", "one_column_for_several", CHECK + " --target y", columns('{ columns = ["b", "y"] }') | GOOD),
    Case(
        "D304",
        "target_columns_missing",
        CHECK,
        columns('{ columns = ["y", "mas", "size"] }') | csv("a,mass,y\n1,2,3\n"),
    ),
    Case("D304", "weight_missing", CHECK, WEIGHTED | GOOD),
    Case("D304", "weight_is_the_target", CHECK + " --target w", WEIGHTED | csv(WEIGHTED_CSV)),
    Case(
        "D304",
        "weight_among_target_columns",
        CHECK,
        columns('{ columns = ["y", "w"] }', ", weight w : vector[n]") | csv(WEIGHTED_CSV),
    ),
    Case(
        "D304",
        "listed_twice",
        CHECK,
        spec('input X : matrix[n, d] { columns = ["a", "b", "a"] }, target y : vector[n]') | GOOD,
    ),
    Case("D314", "repeated_header", CHECK, REAL | csv("a,b,a,y\n1,2,3,4\n")),
    # Values that are no numbers.
    Case("D305", "text_in_numbers", CHECK, REAL | csv("a,b,y\n1,2,3\n4,n/a,6\n7,?,9\n")),
    Case("D305", "text_in_target", CHECK, REAL | csv("a,b,y\n1,2,low\n4,5,high\n")),
    Case("D305", "text_in_weights", CHECK, WEIGHTED | csv("a,y,w\n1,2,much\n4,5,little\n")),
    Case("D306", "empty_cells", CHECK, REAL | csv("a,b,y\n1,2,3\n4,,6\n,8,9\n1,,2\n")),
    Case("D306", "empty_column", CHECK, REAL | csv("a,b,y\n1,,3\n4,,6\n")),
    Case("D306", "label_missing", CHECK, POSITIVE | csv("a,b,y\n1,2,yes\n4,5,\n6,7,no\n")),
    Case("D306", "nan", CHECK_NPZ, {**REAL, "data.npz": npz(X=[[1, 2], [np.nan, 4], [5, 6], [7, 8]], y=Y)}),
    Case("D307", "infinite", CHECK_NPZ, {**REAL, "data.npz": npz(X=X, y=[1.0, np.inf, 2.0, -np.inf])}),
    Case(
        "D307",
        "overflow",
        CHECK_NPZ,
        spec("input X : matrix[n, d] { scale = minmax }, target y : vector[n]")
        | {"data.npz": npz(X=[[1e308, 1], [-1e308, 2]], y=[1, 2])},
    ),
    # Shapes.
    Case("D308", "one_dimension", CHECK_NPZ, {**REAL, "data.npz": npz(X=[1.0, 2.0, 3.0, 4.0], y=Y)}),
    Case("D308", "three_dimensions", CHECK_NPZ, {**REAL, "data.npz": npz(X=np.ones((2, 2, 2)), y=[1, 2])}),
    Case("D308", "target_with_two_columns", CHECK_NPZ, {**REAL, "data.npz": npz(X=X, y=np.ones((4, 2)))}),
    Case("D308", "target_of_one_value", CHECK_NPZ, {**REAL, "data.npz": npz(X=X, y=1.0)}),
    Case("D308", "declared_columns", CHECK, spec("input X : matrix[n, 30], target y : vector[n]") | GOOD),
    Case("D308", "declared_rows", CHECK, spec("input X : matrix[100, d], target y : vector[100]") | GOOD),
    Case("D308", "target_of_one_dimension", CHECK_NPZ, columns("") | {"data.npz": npz(X=X, Y=Y)}),
    Case(
        "D308",
        "as_many_as_inputs",
        CHECK_NPZ,
        several("input X : matrix[n, d], target Y : matrix[n, d]") | {"data.npz": npz(X=X, Y=np.ones((4, 3)))},
    ),
    Case("D312", "no_rows", CHECK, REAL | csv("a,b,y\n")),
    Case("D312", "no_rows_for_labels", CHECK, BINARY | csv("a,b,y\n")),
    Case("D312", "all_held_out", SOLVE + " --holdout 0.95", REAL | GOOD),
    Case("D313", "different_rows", CHECK_NPZ, {**REAL, "data.npz": npz(X=X, y=Y[:3])}),
    Case("D313", "fewer_weights", CHECK_NPZ, {**WEIGHTED, "data.npz": npz(X=X, y=Y, w=[1.0, 2.0])}),
    # Weights.
    Case("D319", "negative_weight", CHECK, WEIGHTED | csv(WEIGHTED_CSV.replace("2.5", "-2.5"))),
    Case("D319", "no_weight_at_all", CHECK, WEIGHTED | csv("a,y,w\n1,2,0\n4,5,0\n")),
    # Targets.
    Case("D309", "constant_target", CHECK, REAL | csv("a,b,y\n1,2,3\n4,5,3\n")),
    Case("D309", "one_label", CHECK, POSITIVE | csv("a,b,y\n1,2,yes\n4,5,yes\n")),
    Case(
        "D309",
        "constant_target_column",
        CHECK,
        columns('{ columns = ["y", "z"] }') | csv("a,y,z\n1,2,3\n4,5,3\n"),
    ),
    Case("D309", "one_class", CHECK, several(CLASSES) | csv("a,y\n1,7\n4,7\n")),
    Case(
        "D310",
        "declared_classes",
        CHECK,
        several(CLASSES.replace("k", "4")) | csv("a,y\n1,low\n4,high\n7,middle\n"),
    ),
    Case("D310", "three_labels", CHECK, BINARY | csv("a,b,y\n1,2,low\n4,5,high\n7,8,middle\n")),
    Case("D310", "ten_numbers", CHECK, BINARY | csv("a,y\n" + "".join(f"{i},{i}\n" for i in range(10)))),
    Case("D310", "positive_unknown", CHECK, POSITIVE | csv("a,b,y\n1,2,ja\n4,5,nein\n")),
    Case("D311", "positive_not_said", CHECK, BINARY | csv(LABELS_CSV)),
    Case("D315", "constant_column", CHECK, REAL | csv("a,one,y\n1,1,3\n4,1,6\n"), exit_code=0),
    Case("D315", "constant_columns", CHECK, REAL | csv("one,a,two,y\n1,1,2,3\n1,4,2,6\n"), exit_code=0),
    Case("D316", "too_many_patterns", CHECK, spec(more="formulation exact { limit = 3 }\n") | GOOD),
    Case("D326", "too_many_dimensions_to_share", SOLVE, shared() | csv(SHARED_CSV)),
    Case("D328", "rows_on_one_line", SOLVE, relaxed("[0, 2]") | csv("a,b,y,z\n1,2,3,4\n2,5,1,0\n-3,-6,2,5\n1,0,0,1\n")),
    Case("D328", "rows_in_one_direction", SOLVE, relaxed() | csv("a,b,y,z\n1,2,3,4\n2,4,1,0\n-3,-6,2,5\n")),
    Case("D327", "cells_that_rounding_hides", SOLVE, shared() | csv(FLAT_CSV)),
    Case(
        "D317",
        "class_held_out",
        SOLVE + " --holdout 0.34",
        several(CLASSES, "loss cross_entropy") | csv("a,y\n1,u\n2,v\n-1,w\n3,w\n0,u\n5,v\n"),
        exit_code=0,
    ),
    Case(
        "D323",
        "guarantee_for_patterns",
        CHECK,
        spec(more="formulation sampled { patterns = guarantee(violation = 1e-5, confidence = 0.99) }\n") | GOOD,
    ),
    Case(
        "D323",
        "guarantee_for_neurons",
        SOLVE,
        spec(more="formulation random_features { neurons = guarantee(violation = 1e-6, confidence = 0.5) }\n") | GOOD,
    ),
    # Perturbations.
    Case("D324", "radii_for_other_columns", CHECK, spec(more="perturbation l2 { radius = [1, 2, 3] }\n") | GOOD),
    Case("D341", "sample_outside", CHECK, spec(more="perturbation linf { radius = 0.1, maximum = 2 }\n") | GOOD),
    Case("D342", "no_pattern_survives", SOLVE, spec(more="perturbation linf { radius = 9 }\n") | GOOD),
    Case(
        "D342",
        "no_gate_survives",
        CHECK,
        spec(more="perturbation l1 { radius = 9 }\nformulation gated { patterns = 4 }\n") | GOOD,
    ),
    # Gates.
    Case(
        "D318",
        "gate_of_zeros",
        CHECK,
        spec(more='formulation sampled { gates = "gates.csv" }\n') | GOOD | {"gates.csv": "g1,g2\n0.6,-0.8\n0,0\n"},
    ),
    # Networks.
    Case("D320", "network_missing", PREDICT, GOOD),
    Case("D320", "network_of_others", PREDICT, {**GOOD, "net.npz": npz(weights=X)}),
    Case("D321", "network_truncated", PREDICT, {**GOOD, "net.npz": network()[:-40]}, foreign=True),
    Case("D321", "network_without_words", PREDICT, {**GOOD, "net.npz": network(_missing_words)}),
    Case("D321", "network_shapes", PREDICT, {**GOOD, "net.npz": network(_other_shape)}),
    Case("D322", "network_of_another_version", PREDICT, {**GOOD, "net.npz": network(_other_version)}),
    Case("D304", "network_without_its_column", PREDICT, {**csv("a,c\n1,2\n"), "net.npz": network()}),
    # Outputs.
    Case("D330", "network_unwritable", SOLVE + " -o nowhere/net.npz", REAL | GOOD),
    Case("D330", "script_unwritable", "compile spec.relu -o nowhere/solve.py", REAL),
    Case("D302", "table_without_format", PATH + "beta=[1,2] -o results.xlsx", REAL | GOOD),
    Case("D330", "table_unwritable", PATH + "beta=[1,2] -o nowhere/results.csv", REAL | GOOD),
    Case("D330", "best_network_unwritable", PATH + "beta=[1,2] --folds 2 --save nowhere/net.npz", REAL | GOOD),
    Case("D302", "history_without_format", SOLVE + " --history history.txt", REAL | GOOD),
    Case("D330", "history_unwritable", SOLVE + " --history nowhere/history.csv", REAL | GOOD),
    Case("D302", "picture_without_format", SOLVE + " --plot picture.bmp", REAL | GOOD),
    Case("D330", "picture_unwritable", SOLVE + " --plot nowhere/picture.png", REAL | GOOD),
    Case("D312", "too_many_folds", PATH + "beta=[1,2] --folds 5", REAL | GOOD),
    Case("S405", "certified_in_no_time", CERTIFY, {**GOOD, "net.npz": network()}, exit_code=0),
    Case("D330", "predictions_unwritable", PREDICT + " -o .", {**GOOD, "net.npz": network()}),
    # Attacks.
    Case("D324", "radius_for_other_inputs", ATTACK + "0.1,0.2,0.3", {**GOOD, "net.npz": network()}),
    Case("D324", "radius_below_zero", ATTACK + "-1", {**GOOD, "net.npz": network()}),
    Case("D324", "range_upside_down", ATTACK + "1 --minimum 2 --maximum 1", {**GOOD, "net.npz": network()}),
    Case("D325", "network_of_steps", ATTACK + "0.1", {**GOOD, "net.npz": network(_threshold)}),
    Case("D304", "attack_without_the_target", ATTACK + "0.1", {**csv("a,b\n1,2\n"), "net.npz": network()}),
    Case("D302", "attacked_matrix_as_table", ATTACK + "0.1 -o a.csv", {**GOOD, "net.npz": network(_matrix)}),
    Case("D330", "attacked_data_unwritable", ATTACK + "0.1 -o nowhere/a.csv", {**GOOD, "net.npz": network()}),
    # The command line.
    Case("C220", "unknown_override", SOLVE + " --set bta=1", REAL | GOOD),
    Case("C220", "unreadable_override", SOLVE + " --set beta=1..2", REAL | GOOD),
    Case("C210", "unknown_name_in_an_override", SOLVE + " --set beta=2*gamma", REAL | GOOD),
    Case("C209", "override_out_of_range", SOLVE + " --set beta=-1", REAL | GOOD),
    Case("C220", "no_grid", PATH + "beta=3", REAL | GOOD),
    Case("C220", "empty_grid", PATH + "beta=[]", REAL | GOOD),
    Case("C220", "grid_of_nothing", PATH + "bta=[1,2]", REAL | GOOD),
    Case("C220", "unreadable_grid", PATH + "beta=[1;2]", REAL | GOOD),
    Case("C240", "misspelt_grid", PATH + "beta=logspce(-4,0,20)", REAL | GOOD),
    Case("C240", "unknown_grid", PATH + "beta=arange(5)", REAL | GOOD),
    Case("C241", "grid_without_count", PATH + "beta=logspace(-4,0)", REAL | GOOD),
    Case("C241", "grid_with_names", PATH + "beta=linspace(first=1,2,3)", REAL | GOOD),
    Case("C209", "grid_of_no_values", PATH + "beta=logspace(-4,0,0)", REAL | GOOD),
    Case("C209", "grid_of_half_a_value", PATH + "beta=linspace(1,2,2.5)", REAL | GOOD),
    Case("C209", "geometric_grid_from_zero", PATH + "beta=geomspace(0,-1,3)", REAL | GOOD),
    Case("C209", "grid_out_of_range", PATH + "beta=[-1,2,-3]", REAL | GOOD),
    Case("C208", "text_in_grid", PATH + 'beta=[1,"two"]', REAL | GOOD),
    Case("C213", "grid_overflows", PATH + "beta=logspace(0,400,3)", REAL | GOOD),
    Case("C231", "unknown_backend_to_compare", "compare spec.relu --data data.csv --backends admm,cvx", REAL | GOOD),
    Case(
        "C230",
        "backend_cannot",
        "check spec.relu",
        spec("input X : matrix[n, d], target y : binary[n]", "loss hinge", "solver admm\n"),
        refusing=True,
    ),
    Case("C230", "asked_backend_cannot", SOLVE + " --backend admm", HINGE | csv(SIGNS_CSV), refusing=True),
    Case("C231", "unknown_backend", SOLVE + " --backend cvx", REAL | GOOD),
    Case(
        "C233",
        "solver_not_installed",
        SOLVE,
        spec(more="solver cvxpy { method = nosuch }\n") | GOOD,
        foreign=True,
    ),
    Case(
        "C233",
        "no_limit_of_iterations",
        SOLVE,
        spec(more="solver cvxpy { method = highs, max_iterations = 10 }\n") | GOOD,
    ),
    Case("C233", "rbcd_and_kinks", SOLVE, HINGE_BY_RBCD | csv(SIGNS_CSV)),
    Case("C233", "dual_step_and_relaxation", SOLVE, spec(more="solver admm { dual_step = 1.5 }\n") | GOOD),
    Case("C233", "script_of_rbcd_and_kinks", "compile spec.relu", HINGE_BY_RBCD),
    Case("C232", "nothing_to_explain", "explain hing"),
    Case("C232", "nothing_alike_to_explain", "explain xyzzy"),
    # Global certificates.
    Case("C270", "certificate_of_gates", PROVE, spec(more="formulation gated\n") | GOOD),
    Case("C270", "certificate_of_steps", PROVE, STEPS | GOOD),
    Case("C271", "certificate_under_l1", PROVE, spec(more="regularizer l1 { strength = 1 }\n") | GOOD),
    Case("C271", "certificate_with_free_biases", PROVE, FREE | GOOD),
    Case("C272", "certificate_against_changes", PROVE, spec(more="perturbation linf { radius = 0.1 }\n") | GOOD),
    Case("D329", "certificate_out_of_reach", PROVE, out_of_reach()),
    # How a solve ends.
    Case("S401", "iteration_limit", SOLVE, spec(more="solver admm { max_iterations = 1 }\n") | GOOD, exit_code=0),
    Case(
        "S402",
        "solver_cannot",  # it solves linear programs only
        SOLVE,
        spec(more="solver cvxpy { method = scipy }\n") | GOOD,
        exit_code=3,
        foreign=True,
    ),
    Case(
        "S402",
        "no_backend_solves",
        "compare spec.relu --data data.csv --backends cvxpy",
        spec(more="solver cvxpy { method = scipy }\n") | GOOD,
        exit_code=3,
        foreign=True,
    ),
    Case(
        "S403",
        "interrupted",
        SOLVE,
        spec(more="solver admm { tolerance = 1e-12 }\n") | GOOD,
        exit_code=0,
        interrupted=True,
    ),
    Case("S404", "wider_than_wanted", SOLVE, NARROW | GOOD, exit_code=0),
    Case(
        "S406",
        "certified_globally_in_no_time",
        PROVE + " --certify-seconds 1e-9",
        BIASED | csv(SHARED_CSV),
        exit_code=0,
    ),
)
