"""Pictures of a solve, with matplotlib (the extra `plot`): panels under each other that share their abscissa."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, BinaryIO, Literal, get_args

from reludsl.backend import Progress
from reludsl.mistakes import refuse_ending, refuse_unwritable, write_output

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".pdf", ".svg")

Abscissa = Literal["iteration", "seconds"]


@dataclass(frozen=True)
class Panel:
    """One picture: curves by name, as pairs (abscissas, ordinates), and horizontal lines by name.

    `scale` is that of the ordinates; "auto" is logarithmic where all are positive and span a decade. `height` is the
    panel's share of the whole.
    """

    title: str
    abscissa: str
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]]
    lines: Mapping[str, float] = field(default_factory=dict)
    scale: Literal["auto", "linear", "log"] = "log"
    height: float = 1.0

    def draw(self, axes: Axes) -> None:
        """Draws it; a name always has the same look, and points are marked where they are few."""
        for name, (x, y) in self.curves.items():
            axes.plot(x, y, _LOOKS[name], marker="." if len(x) <= _FEW else "", label=name)
        for name, level in self.lines.items():
            axes.axhline(level, color=_LOOKS[name][:2], linestyle=":", linewidth=1.2, label=name)
        shown = [value for _, y in self.curves.values() for value in y] + list(self.lines.values())
        wide = min(shown) > 0 and max(shown) >= 10 * min(shown)
        if self.scale == "log" or (self.scale == "auto" and wide):
            axes.set_yscale("log")
        else:
            axes.margins(y=0.1)
        axes.set_ylabel(self.title)
        axes.set_xlabel(self.abscissa)
        axes.grid(alpha=0.3)
        if len(self.curves) + len(self.lines) > 1:
            axes.legend(loc="best", fontsize="small")


_LOOKS: Mapping[str, str] = {
    "objective": "C0-",
    "bound": "C1--",
    "gap": "C3-",
    "primal": "C0-",
    "dual": "C1--",
    "tolerance": "C2:",
    "active": "C4-",
}
"""Colour and style of a curve or a line by its name."""

_FEW = 60


def require_matplotlib() -> None:
    """Raises ImportError where matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        raise ImportError("pictures need matplotlib, which is not installed: pip install 'reludsl[plot]'")


def refuse_picture(path: str | os.PathLike[str]) -> None:
    """Raises Mistakes (D302, D330) for a path at which no picture can be written; asked before the work."""
    refuse_ending(path, "picture", SUFFIXES)
    refuse_unwritable(path)


def save_picture(path: str | os.PathLike[str], panels: Sequence[Panel]) -> None:
    """Draws the panels into a file. Raises Mistakes (D302, D330), and ImportError without matplotlib."""
    refuse_picture(path)
    require_matplotlib()
    from matplotlib.figure import Figure  # without pyplot, which would look for a screen

    figure = Figure()
    draw_on(figure, panels)
    format = os.path.splitext(path)[1].lower().removeprefix(".")

    def write(file: BinaryIO) -> None:
        figure.savefig(file, format=format, dpi=150)

    write_output(path, write)


def draw_on(figure: Figure, panels: Sequence[Panel], width: float = 7.0) -> tuple[Axes, ...]:
    """Draws the panels under each other; the figure gets the height, and the layout, that they need at this width."""
    heights = [panel.height for panel in panels]
    figure.set_size_inches(width, 0.8 + 1.7 * sum(heights))
    figure.set_layout_engine("constrained")
    grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)
    axes = draw_into(grid[:, 0], panels)
    for upper in axes[:-1]:
        upper.set_xlabel("")  # the lowest one says it for all
    return axes


def draw_into(axes: Axes | Iterable[Axes], panels: Sequence[Panel]) -> tuple[Axes, ...]:
    """Draws as many panels as there are axes, or as many as there are; returns the axes drawn into."""
    flat = _flattened(axes)
    for place, panel in zip(flat, panels, strict=False):
        panel.draw(place)
    return tuple(flat[: len(panels)])


def _flattened(axes: Axes | Iterable[Axes]) -> list[Axes]:
    """One Axes, several, or an array of them of any shape, as `plt.subplots` gives."""
    if hasattr(axes, "plot"):
        return [axes]  # type: ignore[list-item]  # it is one Axes
    return [place for entry in axes for place in _flattened(entry)]


# -- the history of a solve --------------------------------------------------------------------------------------


def history_panels(
    history: Sequence[Progress], objective: float, bound: float | None, against: Abscissa = "iteration"
) -> list[Panel]:
    """Objective and bound, relative gap, residuals, active columns: the panels that the history knows anything of.

    `objective` and `bound` are those of the result, drawn as lines where the history has none. Raises ValueError for
    another abscissa.
    """
    if against not in get_args(Abscissa):
        raise ValueError(f'against is {against!r}; choose "iteration" or "seconds"')

    def curves(names: Mapping[str, str], positive: bool = False) -> dict[str, tuple[list[float], list[float]]]:
        """What is known of these fields of the history, by name; only what a logarithmic axis shows if `positive`."""
        found = {}
        for name, field_name in names.items():
            values = [(getattr(state, against), getattr(state, field_name)) for state in history]
            points = [(x, y) for x, y in values if y is not None and math.isfinite(y) and (y > 0 or not positive)]
            if points:
                found[name] = ([x for x, _ in points], [y for _, y in points])
        return found

    values = curves({"objective": "objective", "bound": "bound"})
    levels = {"objective": objective} | ({} if bound is None else {"bound": bound})
    missing = {name: level for name, level in levels.items() if name not in values}
    panels = [
        Panel("objective", against, values, missing, "auto", 1.6),
        Panel("relative gap", against, curves({"gap": "gap"}, positive=True)),
        Panel(
            "residual / tolerance",
            against,
            curves({"primal": "primal_residual", "dual": "dual_residual"}, positive=True),
            {"tolerance": 1.0},
        ),
        Panel("active columns", against, curves({"active": "active"}), scale="linear"),
    ]
    return [panel for panel in panels if panel.curves or panel is panels[0]]
