"""The verbs in Python: check, explain, compile, solve, path, compare, report, load, attack.

Each takes a path, text, or a parsed spec, and arrays.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from reludsl.certifying import Certify
from reludsl.diagnostics import DataPlace, Diagnostic, has_errors
from reludsl.files import why_unreadable
from reludsl.grammar import tree
from reludsl.mistakes import Mistakes
from reludsl.model.model import Perturbation
from reludsl.overrides import read_override
from reludsl.pipeline import Compilation
from reludsl.source import Source
from reludsl.threads import require_threads

if TYPE_CHECKING:
    import numpy as np

    from reludsl.attacks import AttackResult
    from reludsl.backends import Progress
    from reludsl.certificate import CertifyProgress
    from reludsl.comparison import Comparison
    from reludsl.model.model import Model
    from reludsl.network import Network
    from reludsl.paths import PathResult
    from reludsl.perturbation_sets import PerturbationSet
    from reludsl.solution import Solution
    from reludsl.verification import Certification

Spec = str | os.PathLike[str] | tree.Spec
Overrides = Mapping[str, float | str]


@dataclass(frozen=True, eq=False)
class Report:
    """What `check` found: every diagnostic, and the model when there is no error. True when there is none."""

    diagnostics: tuple[Diagnostic, ...]
    model: Model | None

    def __bool__(self) -> bool:
        return not has_errors(self.diagnostics)

    def __str__(self) -> str:
        from reludsl.render import render

        return render(self.diagnostics) if self.diagnostics else "no mistakes"


def check(spec: Spec, data: Any = None, *, target: str | None = None, set: Overrides | None = None) -> Report:
    """Everything that is wrong with a spec, its solver included, and with data for it if any is given.

    Nothing is solved.
    `data` is a path, a mapping of arrays, a DataFrame or a tuple (X, y); `target` names its target column; `set`
    replaces hyperparameters. Mistakes are returned, not raised.
    """
    try:
        compilation = compilation_of(spec, set)
        model, diagnostics = compilation.checked
        if model is not None and model.solver is not None:
            compilation.backend()
        if data is not None and model is not None:
            bound = compilation.bind(data, target=target)
            compilation.lowered.bind(bound.train, bound.encoding)
            diagnostics = (*diagnostics, *bound.warnings)
    except Mistakes as mistakes:
        return Report((*_warnings_so_far(spec, set), *mistakes.diagnostics), None)
    return Report(diagnostics, model)


def explain(
    spec: Spec,
    data: Any = None,
    *,
    target: str | None = None,
    set: Overrides | None = None,
    stage: str | None = None,
    latex: bool = False,
) -> str:
    """The problem in mathematics, its convex program, what its optimum means, and every default taken.

    `stage` "model" or "program" gives that part alone, `latex` in LaTeX; data adds the sizes. Instead of a spec, the
    name of a kind (`hinge`) or of a diagnostic (`C214`) gives its page. Raises Mistakes.
    """
    from reludsl.explanation import explain_compilation
    from reludsl.reference import named_page

    if isinstance(spec, str) and _is_name(spec):
        return named_page(spec)
    compilation = compilation_of(spec, set)
    bound = None if data is None else compilation.bind(data, target=target)
    return explain_compilation(compilation, bound, stage=stage, latex=latex)


def compile(spec: Spec, backend: str | None = None, *, set: Overrides | None = None) -> str:
    """Standalone Python code that trains the spec's network with the given backend. Raises Mistakes."""
    return compilation_of(spec, set).code(backend)


def solve(
    spec: Spec,
    data: Any,
    *,
    target: str | None = None,
    backend: str | None = None,
    set: Overrides | None = None,
    test: Any = None,
    holdout: float = 0.0,
    split_seed: int = 0,
    time_limit: float | None = None,
    threads: int | None = None,
    monitor: Callable[[Progress], bool] = lambda progress: False,
    certify: Literal["global"] | None = None,
    certify_seconds: float | None = 60.0,
    certify_gap: float = 1e-3,
    certify_monitor: Callable[[CertifyProgress], bool] = lambda progress: False,
) -> Solution:
    """Trains the spec's network.

    Args:
        spec: a path, the text of a spec, or a parsed one.
        data: a path (`.csv`, `.parquet`, `.npz`), a mapping of arrays, a DataFrame, or a tuple (X, y).
        target: the target's column, where it is not called as declared.
        backend: a backend's name; otherwise the spec's, or the first that takes the program.
        set: values that replace hyperparameters: numbers, or arithmetic as text.
        test: held-out data for the metrics; or `holdout`, a share in [0, 1) of the rows, drawn with `split_seed`.
        time_limit: seconds, more than 0, after which the solver stops with its best iterate.
        threads: of linear algebra, at least 1; otherwise what the environment says, or 1.
        monitor: called with each `Progress`; returning True stops the solver.
        certify: "global" for a proved bound on the non-convex training problem, in `Solution.certificate`.
        certify_seconds: more than 0, after which that ends with what it has proved; None for any number.
        certify_gap: the relative gap, in (0, 1), at which it is content.
        certify_monitor: called with each `CertifyProgress`; returning True ends it with what it has proved.

    Raises:
        Mistakes: the spec or the data is wrong, or the certificate that is asked for is not to be had (C27x, D329).
        NoSolution: the solver ended without any iterate.
    """
    _require_one_kind_of_test(test, holdout)
    _require_sensible_limits(time_limit, threads)
    wanted = _certificate_wanted(certify, certify_seconds, certify_gap, certify_monitor)
    compilation = compilation_of(spec, set)
    bound = compilation.bind(data, target=target, test=test, holdout=holdout, split_seed=split_seed)
    return compilation.solve(bound, backend, time_limit, monitor, threads=threads, certify=wanted)


def path(
    spec: Spec,
    data: Any,
    *,
    set: Mapping[str, Any],
    target: str | None = None,
    backend: str | None = None,
    test: Any = None,
    holdout: float = 0.0,
    folds: int | None = None,
    split_seed: int = 0,
    time_limit: float | None = None,
    threads: int | None = None,
    monitor_for: Callable[[str], Callable[[Progress], bool]] = lambda name: lambda progress: False,
) -> PathResult:
    """Trains the spec's network for every value of a grid, each solve from where the last one ended.

    Args:
        spec: a path, the text of a spec, or a parsed one.
        data: as in `solve`.
        set: hyperparameters and their values: a list or array of numbers, or text such as `logspace(-4, 0, 20)`,
            `linspace(1, 5, 9)`, `geomspace(0.1, 10, 5)` or `[0.1, 1]`; a number, or arithmetic as text, stays fixed.
            Several grids make a product, whose last one runs fastest.
        target, backend, time_limit, threads: as in `solve`; the time limit is for each solve.
        test: held-out data; or `holdout`, a share in [0, 1) of the rows, drawn with `split_seed`. It chooses the best
            value where there are no folds.
        folds: at least 2 for cross-validation over the training rows, which chooses the best value; shuffled with
            `split_seed`, stratified by label.
        monitor_for: called with a name for each solve, gives its monitor; a monitor that returns True stops that solve.

    Raises:
        Mistakes: the spec, a grid or the data is wrong.
        NoSolution: no solve had any iterate.
    """
    from reludsl.paths import solve_path

    _require_one_kind_of_test(test, holdout)
    _require_sensible_limits(time_limit, threads)
    if folds is not None and folds < 2:
        raise ValueError(f"folds is {folds}; cross-validation needs at least 2")
    options: dict[str, Any] = {"target": target, "test": test, "holdout": holdout, "split_seed": split_seed}
    options |= {"backend": backend, "time_limit": time_limit, "threads": threads, "monitor_for": monitor_for}
    return solve_path(_source_of(spec), set, data, fold_count=folds, **options)


def compare(
    spec: Spec,
    data: Any,
    *,
    backends: Sequence[str] | None = None,
    target: str | None = None,
    set: Overrides | None = None,
    test: Any = None,
    holdout: float = 0.0,
    split_seed: int = 0,
    time_limit: float | None = None,
    threads: int | None = None,
    monitor_for: Callable[[str], Callable[[Progress], bool]] = lambda name: lambda progress: False,
) -> Comparison:
    """Trains the spec's network with every backend that takes its program, or with those of `backends`.

    `picos` does what `cvxpy` does, in more time, and has to be named.

    The backend that the spec names has the spec's settings, others their defaults. `monitor_for` is called with each
    backend's name and gives its monitor; the rest is as in `solve`. Raises Mistakes, and NoSolution when no backend had
    any iterate.
    """
    from reludsl.comparison import compare_backends

    _require_one_kind_of_test(test, holdout)
    _require_sensible_limits(time_limit, threads)
    compilation = compilation_of(spec, set)
    options: dict[str, Any] = {"target": target, "test": test, "holdout": holdout, "split_seed": split_seed}
    options |= {"names": backends, "time_limit": time_limit, "threads": threads, "monitor_for": monitor_for}
    return compare_backends(compilation.source, compilation.overrides, data, **options)


def _certificate_wanted(
    scope: str | None, seconds: float | None, gap: float, monitor: Callable[[CertifyProgress], bool]
) -> Certify | None:
    """Raises ValueError for an unknown scope, and for limits out of range."""
    if scope is None:
        return None
    if scope != "global":
        raise ValueError(f'certify is {scope!r}; there is "global"')
    if seconds is not None and not seconds > 0:
        raise ValueError(f"certify_seconds is {seconds}; a number of seconds above 0 is needed")
    if not 0 < gap < 1:
        raise ValueError(f"certify_gap is {gap}; a relative gap lies between 0 and 1")
    return Certify(gap, seconds, monitor)


def _require_one_kind_of_test(test: Any, holdout: float) -> None:
    """Raises ValueError for a share outside [0, 1), and for test data beside it."""
    if not 0 <= holdout < 1:
        raise ValueError(f"holdout is {holdout}; a share of rows lies in [0, 1)")
    if test is not None and holdout:
        raise ValueError("give test data or a holdout share, not both")


def _require_sensible_limits(time_limit: float | None, threads: int | None) -> None:
    """Raises ValueError."""
    if time_limit is not None and not time_limit > 0:
        raise ValueError(f"time_limit is {time_limit}; a number of seconds above 0 is needed")
    require_threads(threads)


def report(solution: Solution, path: str | os.PathLike[str] | None = None) -> str:
    """One page of HTML on a solution: problem, result, certificate, network, convergence, decisions, spec.

    Returns the page, and writes it to `path`, which ends in `.html`, if one is given. It holds all that it shows, and
    no script. Raises Mistakes (D302, D330), ValueError for a solution of `path`, which no longer holds its data,
    and ImportError without matplotlib (the extra `plot`).
    """
    from reludsl.reports import page_of, refuse_page, save_page

    if path is not None:
        refuse_page(path)
    page = page_of(solution)
    if path is not None:
        save_page(path, page)
    return page


def load(path: str | os.PathLike[str]) -> Network:
    """Reads a network's file. Raises Mistakes (D320 to D322)."""
    from reludsl.network import Network

    return Network.load(path)


def attack(
    network: Network | str | os.PathLike[str],
    data: Any,
    *,
    method: str = "pgd",
    norm: str | None = None,
    radius: Any = None,
    lower: Any = None,
    upper: Any = None,
    minimum: Any = None,
    maximum: Any = None,
    target: str | None = None,
    steps: int = 40,
    step_size: float | None = None,
    restarts: int = 1,
    seed: int = 0,
    stop_at_mistakes: bool = False,
    time_limit: float | None = None,
) -> AttackResult:
    """Searches for the worst changes of the inputs of each sample within a perturbation set.

    Args:
        network: a network or its file.
        data: samples with their target: a path, a mapping of arrays, a DataFrame, or a tuple (X, y).
        method: "fgsm", "pgd" or "exact", see `reludsl.attacks`.
        norm, radius: "linf" (the default), "l2" or "l1" with a radius, a number or one for each input, or "box" without
            one. Where neither these nor limits are given, the perturbation of the network's spec.
        lower, upper: limits of the change; minimum, maximum: limits of the changed input; numbers, or one for each
            input. All in the units of the raw inputs.
        target: the target's column, where it is not called as in training.
        steps, step_size, restarts, seed, stop_at_mistakes: of "pgd", see `AttackSettings`; `step_size` in radii.
        time_limit: seconds for the search of "exact", which ends with the worst points that it has.

    Raises:
        Mistakes: the network or the data is wrong (D3xx), the set does not fit (D324), or there is no slope (D325).
    """
    from reludsl.attacks import METHODS, AttackSettings, attack_samples, why_immune

    if method not in METHODS:
        raise ValueError(f"the method is {method!r}; it is one of {', '.join(METHODS)}")
    _require_sensible_limits(time_limit, None)
    settings = AttackSettings(steps, step_size, restarts, seed, stop_at_mistakes, time_limit)
    trained = load(network) if isinstance(network, (str, os.PathLike)) else network
    if method != "exact" and (reason := why_immune(trained)) is not None:
        raise Mistakes([Diagnostic("D325", reason, help="use `method exact`, which needs no slope")])
    trained, table = trained.on(data, target)
    raw, targets = trained.encoding.raw_inputs(table), trained.encoding.targets(table)
    description = asked_perturbation(
        trained, norm=norm, radius=radius, lower=lower, upper=upper, minimum=minimum, maximum=maximum
    )
    sets = perturbation_of(raw, **description)
    return attack_samples(trained, table, raw, targets, sets, method, settings, description)


def certify(
    network: Network | str | os.PathLike[str],
    data: Any,
    *,
    norm: str | None = None,
    radius: Any = None,
    lower: Any = None,
    upper: Any = None,
    minimum: Any = None,
    maximum: Any = None,
    target: str | None = None,
    exact: bool = True,
    time_limit: float | None = None,
    seed: int = 0,
) -> Certification:
    """Proves what a network is worth on samples whose inputs may change within a perturbation set.

    Args:
        network, data, norm, radius, lower, upper, minimum, maximum, target: as in `attack`.
        exact: whether to search for what neither the attack nor the bounds decide, for at most `time_limit` seconds.
        seed: of the attack, which is `pgd`; networks of threshold neurons, which have no slopes, are not attacked.

    Raises:
        Mistakes: the network or the data is wrong (D3xx), or the set does not fit (D324).
    """
    from reludsl.attacks import AttackSettings, pgd_perturbations, why_immune
    from reludsl.data.encoding import Samples
    from reludsl.verification import certify_samples

    _require_sensible_limits(time_limit, None)
    trained = load(network) if isinstance(network, (str, os.PathLike)) else network
    trained, table = trained.on(data, target)
    encoding = trained.encoding
    raw, targets = encoding.raw_inputs(table), encoding.targets(table)
    if len(raw) != len(targets):
        message = f"`{encoding.input}` has {len(raw)} rows, `{encoding.target}` has {len(targets)}"
        raise Mistakes([Diagnostic("D313", message, help="give a value for every sample")])
    asked = asked_perturbation(
        trained, norm=norm, radius=radius, lower=lower, upper=upper, minimum=minimum, maximum=maximum
    )
    sets = perturbation_of(raw, **asked)
    settings = AttackSettings(seed=seed, stop_at_mistakes=True)
    attack = None if why_immune(trained) is not None else partial(pgd_perturbations, settings=settings)
    samples = Samples(encoding.scaled(raw), targets)
    return certify_samples(trained, samples, sets.scaled(encoding.divisor), attack, exact, time_limit)


def asked_perturbation(network: Network, norm: str | None, **limits: Any) -> dict[str, Any]:
    """What `perturbation_of` takes: what was asked for, or the perturbation that the network was trained against.

    Raises Mistakes (D324) where nothing was asked for and it was trained without one.
    """
    if norm is not None or any(value is not None for value in limits.values()):
        return {"norm": norm or "linf", **limits}
    trained = network.perturbation
    if not isinstance(trained, Perturbation):
        message = "no perturbation is given, and the network was trained without one"
        raise Mistakes([Diagnostic("D324", message, help="give a radius, in the units of the raw inputs")])
    return {"norm": trained.norm, **{name: getattr(trained, name) for name in limits}}


def perturbation_of(raw: np.ndarray, norm: str, radius: Any, **limits: Any) -> PerturbationSet:
    """The sets around raw samples (n, d), with an end in every direction. Raises Mistakes (D324)."""
    from reludsl.perturbation_sets import perturbation_set

    remedy = "give a radius, in the units of the raw inputs" if radius is None else "see `reludsl explain D324`"
    try:
        sets = perturbation_set(raw, norm, radius, **limits)
    except ValueError as error:
        raise Mistakes([Diagnostic("D324", str(error), help=remedy)]) from None
    if not sets.bounded:
        message = "the box has no end in some direction"
        raise Mistakes([Diagnostic("D324", message, help="give `lower` and `upper`, or `minimum` and `maximum`")])
    return sets


def compilation_of(spec: Spec, set: Overrides | None = None) -> Compilation:
    """A spec at the start of its way, with hyperparameters replaced. Raises Mistakes for files and overrides."""
    overrides = {name: read_override(name, value) for name, value in (set or {}).items()}
    return Compilation(_source_of(spec), overrides)


def _source_of(spec: Spec) -> Source:
    return spec.source if isinstance(spec, tree.Spec) else read_source(spec)


def read_source(spec: str | os.PathLike[str]) -> Source:
    """The source of a path, or of a text, which has a line end or begins with `reludsl`.

    Raises Mistakes (D301, D303).
    """
    if isinstance(spec, str) and ("\n" in spec or spec.split()[:1] == ["reludsl"]):
        return Source("<text>", spec)
    path = Path(spec)
    if (unreadable := why_unreadable(path)) is not None:
        message, remedy = unreadable
        raise Mistakes([Diagnostic("D301", message, help=remedy)])
    try:
        return Source(str(path), path.read_bytes().decode("utf-8"))
    except UnicodeDecodeError:
        raise Mistakes(
            [Diagnostic("D303", "the spec is not UTF-8 text", place=DataPlace(str(path)), help="save it as UTF-8")]
        ) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Mistakes([Diagnostic("D301", f"`{path}` cannot be read: {reason}", help="choose another file")]) from None


def _is_name(spec: str) -> bool:
    """Whether this can only be a word of the language: neither a text nor a path."""
    return spec.split() == [spec] and Path(spec).suffix == "" and Path(spec).name == spec and not os.path.exists(spec)


def _warnings_so_far(spec: Spec, set: Overrides | None) -> tuple[Diagnostic, ...]:
    try:
        return compilation_of(spec, set).warnings
    except Mistakes:
        return ()
