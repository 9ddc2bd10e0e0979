"""The page of a report, put together."""

from __future__ import annotations

import os
import pkgutil

from reludsl.backends import backends
from reludsl.explanation import Explanation
from reludsl.lowering import TrainingProgram, lower
from reludsl.mistakes import refuse_ending, refuse_unwritable, write_output
from reludsl.plots import require_matplotlib
from reludsl.recovery import Continuation
from reludsl.reports.certificate import Verdict
from reludsl.reports.markup import Markup, element, joined
from reludsl.reports.sections import SECTIONS, Facts
from reludsl.solution import Solution

SUFFIXES = (".html", ".htm")


def refuse_page(path: str | os.PathLike[str]) -> None:
    """Raises Mistakes (D302, D330) for a path at which no page can be written; asked before the work."""
    refuse_ending(path, "report", SUFFIXES)
    refuse_unwritable(path)


def save_page(path: str | os.PathLike[str], page: str) -> None:
    """Writes a page, whole or not at all. Raises Mistakes (D302, D330)."""
    refuse_page(path)
    write_output(path, lambda file: file.write(page.encode()))


def page_of(solution: Solution) -> str:
    """The whole page of a solution, the same for the same solution.

    Raises ValueError for a solution that has let go of what it was trained on, as those of a path have, and ImportError
    without matplotlib.
    """
    require_matplotlib()
    facts = _facts(solution)
    name = os.path.basename(facts.model.source.name)
    found = [(anchor, title, joined(section(facts))) for anchor, title, section in SECTIONS]
    found = [(anchor, title, content) for anchor, title, content in found if content]
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{name}: {facts.verdict.summary}"),
        element("style", Markup(_style())),
    )
    links = [element("li", element("a", title, href=f"#{anchor}")) for anchor, title, _ in found]
    body = element(
        "body",
        element(
            "header", element("p", "Report of a training by reludsl"), element("h1", name), _facts_at_a_glance(facts)
        ),
        element("nav", element("ul", *links), aria_label="Sections"),
        element("main", *(_section(*each) for each in found)),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _facts(solution: Solution) -> Facts:
    left = solution.continuation
    if not isinstance(left, Continuation):
        raise ValueError(
            "the solution no longer holds what it was trained on; a report needs one that comes of `solve`"
        )
    backend = backends()[solution.backend]
    lowered = TrainingProgram(left.model) if backend.local else lower(left.model)
    explanation = Explanation.of(left.model, lowered, backend)
    return Facts(solution, left.model, left.bound, backend, explanation, Verdict.of(solution, explanation.bound))


def _facts_at_a_glance(facts: Facts) -> Markup:
    solution = facts.solution
    shown = [("objective", f"{solution.objective:.6g}", ""), ("certificate", facts.verdict.summary, facts.verdict.kind)]
    shown += [("hidden neurons", str(solution.width), "")]
    for part, values in solution.metrics.items():
        name, value = next(iter(values.items()))
        shown.append((f"{name}, {'held out' if part == 'test' else 'training'}", f"{value:.4g}", ""))
    cells = [element("div", element("dt", name), element("dd", text, class_=kind)) for name, text, kind in shown]
    return element("dl", *cells, class_="facts")


def _section(anchor: str, title: str, content: Markup) -> Markup:
    return element("section", element("h2", title), content, id=anchor)


def _style() -> str:
    content = pkgutil.get_data(__package__, "page.css")
    if content is None:
        raise FileNotFoundError("page.css is missing from the installed package")
    return content.decode()
