"""The sections of a report. Each is a function of what is known, and gives nothing where there is nothing to tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from reludsl.backend import Backend
from reludsl.data.binding import Bound
from reludsl.explanation import Explanation
from reludsl.ir import Program, program_mathml
from reludsl.model.model import Model
from reludsl.reports import certificate, pictures
from reludsl.reports.certificate import Verdict
from reludsl.reports.markup import Markup, element, joined, paragraphs, prose, table
from reludsl.reports.robustness import FACTORS, robustness_curve
from reludsl.solution import Solution

_LISTED, _DRAWN = 25, 80  # neurons, at most


@dataclass(frozen=True, eq=False)
class Facts:
    """A solution, what it was trained from, and what can be said of both."""

    solution: Solution
    model: Model
    bound: Bound
    backend: Backend
    explanation: Explanation
    verdict: Verdict


def result(facts: Facts) -> Iterator[Markup]:
    elsewhere = {"bound", *facts.solution.metrics}
    lines = [(name, text) for name, text in facts.solution.rows() if name not in elsewhere]
    yield table("How the training ended", (), lines)


def warned(facts: Facts) -> Iterator[Markup]:
    """Warnings with their codes, which `reludsl explain` knows."""
    entries = []
    for found in facts.solution.warnings:
        remedy = [element("br"), prose(f"Remedy: {found.help}.")] if found.help else []
        notes = [joined([element("br"), prose(note)]) for note in found.notes]
        entries.append(element("li", element("code", found.code), ": ", prose(found.message), *notes, *remedy))
    if entries:
        yield element("ul", *entries, class_="warnings")


def certified(facts: Facts) -> Iterator[Markup]:
    verdict = facts.verdict
    first, *others = verdict.sentences
    yield element("p", element("strong", prose(first), class_=verdict.kind))
    yield paragraphs(others)
    yield table("The certificate", (), certificate.rows(facts.solution))


def problem(facts: Facts) -> Iterator[Markup]:
    known = facts.explanation
    yield element("p", "Not convex; m is the number of hidden neurons.")
    yield _formulas(known.problem)
    if known.perturbation:
        yield element("h3", "The perturbation")
        yield paragraphs(known.perturbation)
    if known.program is not None:
        yield element("h3", "The convex program")
        yield _formulas(known.program)
    yield element("h3", "What its optimum means")
    yield paragraphs(known.meaning)
    yield table("Where the symbols come from", ("symbol", "meaning"), ((s, prose(text)) for s, text in known.symbols))


def _formulas(program: Program) -> Markup:
    """A program with a term of the list for each of its sections."""
    entries = []
    for heading, formula in program_mathml(program):
        if heading:
            entries.append(element("dt", heading))
        entries.append(element("dd", Markup(formula)))
    return element("dl", *entries, class_="formulas")


def convergence(facts: Facts) -> Iterator[Markup]:
    if facts.solution.history:
        yield pictures.convergence(facts.solution)


def network(facts: Facts) -> Iterator[Markup]:
    """The neurons, the ones that matter most first, and what the network does with one or two inputs."""
    trained, train = facts.solution.network, facts.bound.train
    if not trained.width:
        yield element("p", "The network has no hidden neurons: none brings more than it costs.")
        return
    lengths = np.sqrt(np.sum(trained.hidden_weights**2, axis=0) + trained.hidden_bias**2)
    effects = lengths * np.linalg.norm(trained.output_weights.reshape(trained.width, -1), axis=1)
    order = np.argsort(-effects, kind="stable")
    has_patterns = not trained.activation.polynomial
    directions, bias = pictures.gates_of(trained)
    open_ = train.X @ directions + bias >= 0
    head = ["neuron", "effect ‖u‖‖α‖", "output weight", "bias", *(["open on"] if has_patterns else [])]
    head.append("greatest hidden weights")
    rows = []
    for place, j in enumerate(order[:_LISTED].tolist()):
        row = [
            str(place + 1),
            f"{effects[j]:.4g}",
            _numbers(trained.output_weights[j]),
            f"{trained.hidden_bias[j]:.4g}",
        ]
        row += [f"{int(open_[:, j].sum())} of {len(open_)}"] if has_patterns else []
        rows.append([*row, _greatest(trained.hidden_weights[:, j], facts)])
    more = f"; the {_LISTED} with the greatest effect of {trained.width}" if trained.width > _LISTED else ""
    yield table(f"The hidden neurons on scaled inputs{more}", head, rows, frozenset(range(1, len(head) - 1)))
    if has_patterns:
        yield pictures.patterns(trained, train, open_, order[:_DRAWN])


def landscape(facts: Facts) -> Iterator[Markup]:
    drawn = pictures.landscape(facts.solution.network, facts.bound.train, facts.bound.test)
    if drawn is not None:
        yield drawn


def _greatest(weights: np.ndarray, facts: Facts) -> str:
    encoding = facts.bound.encoding
    names = encoding.columns or tuple(f"{encoding.input}[{k + 1}]" for k in range(len(weights)))
    order = np.argsort(-np.abs(weights), kind="stable")[:3]
    return ", ".join(f"{names[k]} {weights[k]:.4g}" for k in order.tolist())


def _numbers(values: np.ndarray) -> str:
    return ", ".join(f"{value:.4g}" for value in np.atleast_1d(values).tolist())


def metrics(facts: Facts) -> Iterator[Markup]:
    solution, bound = facts.solution, facts.bound
    rows_of = {"train": bound.train, "test": bound.test}
    names = list(dict.fromkeys(name for values in solution.metrics.values() for name in values))
    rows = [
        (
            "training" if part == "train" else "held out" if part == "test" else part,
            _count(rows_of.get(part)),
            *(f"{values[name]:.4g}" if name in values else "" for name in names),
        )
        for part, values in solution.metrics.items()
    ]
    yield table("How good the predictions are", ("rows", "number", *names), rows, frozenset(range(1, len(names) + 2)))
    if bound.test is None:
        yield element("p", "No rows were held out: how good predictions for new data are is not known.")


def _count(samples: object) -> str:
    return str(len(samples.X)) if hasattr(samples, "X") else ""


def robustness(facts: Facts) -> Iterator[Markup]:
    perturbation = facts.model.perturbation
    if perturbation is None:
        return
    samples = facts.bound.train if facts.bound.test is None else facts.bound.test
    curve = robustness_curve(facts.solution.network, samples, perturbation)
    if curve is None:
        return
    whose = "training" if facts.bound.test is None else "held-out"
    some = "" if curve.samples == len(samples.X) else f"the first {curve.samples} "
    yield element("p", f"On {some}{whose} rows, for the spec's perturbation and multiples of it.")
    yield pictures.robustness(curve)
    columns: list[tuple[str, tuple[float, ...]]] = [("times the spec's", FACTORS)]
    columns += [("radius", curve.radii)] if curve.radii is not None else []
    columns += [(f"{curve.measure}, attacked", curve.attacked)] if curve.attacked is not None else []
    columns += [(f"{curve.measure}, certified", curve.certified)]
    rows = [[f"{value:.4g}" for value in line] for line in zip(*(values for _, values in columns), strict=True)]
    head = [name for name, _ in columns]
    yield table("The same in numbers", head, rows, frozenset(range(len(head))))
    if curve.attacked is None:
        yield element("p", "No attack: the network has no slopes that would lead to one.")


def decisions(facts: Facts) -> Iterator[Markup]:
    taken = facts.solution.decisions
    if not taken:
        yield element("p", "None: the spec says everything.")
        return
    rows = [(decision.subject, decision.value, decision.reason) for decision in taken]
    yield table("What the spec left open", ("subject", "value", "reason"), rows)


def origin(facts: Facts) -> Iterator[Markup]:
    description = facts.solution.network.description
    versions = dict(description.get("versions", {}))
    rows = [
        ("backend", f"{facts.backend.name}: {facts.backend.summary}"),
        ("seed", str(description.get("seed", facts.model.seed))),
        *((f"hyperparameter {name}", f"{value:.10g}") for name, value in facts.model.hyperparameters.items()),
        ("versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
        ("digest of the spec", element("span", str(description.get("digest", "")), class_="digest")),
    ]
    yield table("Where this comes from", (), rows)
    yield element("h3", "The spec")
    yield element("pre", element("code", facts.model.source.text), tabindex="0")


Section = Callable[[Facts], Iterable[Markup]]

SECTIONS: Sequence[tuple[str, str, Section]] = (
    ("result", "Result", result),
    ("warnings", "Warnings", warned),
    ("certificate", "Certificate", certified),
    ("metrics", "Training and held-out rows", metrics),
    ("regions", "What the network does", landscape),
    ("neurons", "Active neurons and their patterns", network),
    ("robust", "Robustness", robustness),
    ("solve", "Convergence", convergence),
    ("problem", "The problem", problem),
    ("decisions", "Decisions taken", decisions),
    ("origin", "Origin", origin),
)
"""Anchor, title and content, in the order of the page."""
