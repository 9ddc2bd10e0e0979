"""The pictures of a report: convergence, activation patterns, what the network does in one or two dimensions, and how
robust it is. Names of users' columns and labels are drawn as they are, never read as formulas.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reludsl.data.encoding import Encoding, Samples
from reludsl.network import Network
from reludsl.plots import draw_on, history_panels
from reludsl.reports.markup import Markup
from reludsl.reports.robustness import FACTORS, Curve
from reludsl.reports.svg import INK, WIDTH, picture
from reludsl.solution import Solution

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_POINTS = 181  # of a grid, along each axis
_MARKERS = "osD^v<>Pph"
_BORDERS = 30  # of neurons, drawn at most
_COLUMNS, _SAMPLES = 300, 500  # samples, drawn at most in the picture of patterns, and as points of each part


def convergence(solution: Solution) -> Markup:
    """Objective, bound, gap and residuals of a solution's history, against the time."""
    bound = None if solution.bound is None else solution.bound.value
    panels = history_panels(solution.history, solution.objective, bound, "seconds")

    def draw(figure: Figure) -> None:
        draw_on(figure, panels, WIDTH)

    last = solution.history[-1]
    shown = ", ".join(panel.title for panel in panels)
    ending = "" if bound is None else f", and a bound of {bound:.6g}"
    words = f"Curves of {shown} over {last.seconds:.2g} seconds, ending at the objective {last.objective:.6g}{ending}."
    return picture("convergence", "The solve against the time in seconds, as the solver recorded it.", words, draw)


def patterns(network: Network, samples: Samples, open_: np.ndarray, order: np.ndarray) -> Markup:
    """Which neurons, in an order (k,), are open (n, m) on which training samples."""
    n = len(samples.X)
    by_score = np.argsort(network.scores(samples.X).reshape(n, -1)[:, 0], kind="stable")
    by_score = by_score[np.linspace(0, n - 1, min(n, _COLUMNS)).round().astype(int)]
    shown = open_[by_score][:, order].T

    def draw(figure: Figure) -> None:
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path

        figure.set_size_inches(WIDTH, min(0.9 + 0.16 * len(shown), 4.0))
        axes = figure.subplots()
        bars = [bar for row, pattern in enumerate(shown) for bar in _bars(row, pattern)]
        if bars:
            codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * len(bars)
            axes.add_patch(PathPatch(Path(np.concatenate(bars), codes), facecolor="C0", linewidth=0))
        axes.set_xlim(0, shown.shape[1])
        axes.set_ylim(len(shown), 0)
        axes.set_yticks(_ticks(len(shown)) - 0.5, labels=map(str, _ticks(len(shown))))
        axes.set_xlabel("training samples, by the network's output")
        axes.set_ylabel("neuron")

    share = float(shown.mean()) if shown.size else 0.0
    words = f"A row for each of {len(shown)} neurons, filled where it is open: {100 * share:.0f} % of all places."
    some = f" {_COLUMNS} of the {n} samples, evenly spread." if n > _COLUMNS else ""
    return picture("patterns", f"Where each neuron is open. Rows have the numbers of the table.{some}", words, draw)


def _bars(row: int, pattern: np.ndarray) -> Iterator[np.ndarray]:
    """The corners (5, 2) of a bar for each run of ones, the first corner again as the last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], pattern.astype(int), [0]])))
    low, high = row + 0.1, row + 0.9
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        yield np.array([[start, low], [stop, low], [stop, high], [start, high], [start, low]])


def _ticks(count: int) -> np.ndarray:
    """At most about eight of the numbers from 1 on."""
    return np.asarray(range(1, count + 1, max(1, math.ceil(count / 8))))


@dataclass(frozen=True, eq=False)
class _Scene:
    """The samples that are drawn, names of inputs, and what the caption has to say where not all are drawn."""

    encoding: Encoding
    parts: dict[str, Samples]
    columns: tuple[str, ...]
    note: str

    @classmethod
    def of(cls, encoding: Encoding, train: Samples, test: Samples | None) -> _Scene:
        d = len(encoding.offset)
        columns = encoding.columns or tuple(f"{encoding.input}[{k + 1}]" if d > 1 else encoding.input for k in range(d))
        parts = {"training": train} | ({} if test is None else {"held out": test})
        drawn = {part: Samples(samples.X[:_SAMPLES], samples.y[:_SAMPLES]) for part, samples in parts.items()}
        some = f" Drawn are the first {_SAMPLES} samples." if len(train.X) > _SAMPLES else ""
        return cls(encoding, drawn, tuple(map(_short, columns)), some)

    def raw(self, X: np.ndarray) -> np.ndarray:
        raw: np.ndarray = X * self.encoding.divisor + self.encoding.offset
        return raw

    def axis(self, column: int) -> np.ndarray:
        """A grid over all samples in raw units, with room around them."""
        values = np.concatenate([self.raw(samples.X)[:, column] for samples in self.parts.values()])
        room = 0.08 * (np.ptp(values) or 1.0)
        return np.linspace(values.min() - room, values.max() + room, _POINTS)

    def label(self, axes: Axes, *names: str) -> None:
        axes.set_xlabel(names[0], parse_math=False)
        axes.set_ylabel(names[1], parse_math=False)


def landscape(network: Network, train: Samples, test: Samples | None) -> Markup | None:
    """What the network predicts for one or two inputs, with the samples; None where there are more of them."""
    encoding = network.encoding
    scene = _Scene.of(encoding, train, test)
    match len(encoding.offset), encoding.labels is None, encoding.several:
        case 2, False, _:
            return _regions(network, scene)
        case 2, True, False:
            return _levels(network, scene)
        case 1, _, _:
            return _curves(network, scene)
    return None


def _regions(network: Network, scene: _Scene) -> Markup:
    """The regions of the labels in the plane of two inputs."""
    labels = scene.encoding.labels or ()
    grid, scores = _on_grid(network, scene)
    scores = np.stack([-scores[:, 0], scores[:, 0]], axis=1) if scores.shape[1] == 1 else scores

    def draw(figure: Figure) -> None:
        figure.set_size_inches(WIDTH, 0.85 * WIDTH)
        axes = figure.subplots()
        for k in range(len(labels)):
            others = np.delete(scores, k, axis=1).max(axis=1)
            margin = (scores[:, k] - others).reshape(_POINTS, _POINTS)
            if margin.max() > 0:
                axes.contourf(*grid, margin, levels=[0.0, margin.max()], colors=[f"C{k % 10}"], alpha=0.25)
                if margin.min() < 0:
                    axes.contour(*grid, margin, levels=[0.0], colors=[INK], linewidths=1.0)
        _borders(axes, network, scene)
        handles = []
        for part, samples in scene.parts.items():
            raw = scene.raw(samples.X)
            places = samples.y.argmax(axis=1) if samples.y.ndim == 2 else (samples.y > 0).astype(int)
            for k in range(len(labels)):
                colour = f"C{k % 10}"
                (points,) = axes.plot(
                    *raw[places == k].T,
                    linestyle="",
                    marker=_MARKERS[k % len(_MARKERS)],
                    markersize=4.0,
                    markeredgecolor=INK if part == "training" else colour,
                    markeredgewidth=0.5 if part == "training" else 1.0,
                    markerfacecolor=colour if part == "training" else "none",
                )
                handles.append((points, f"{_short(_label(labels[k]))}, {part}"))
        scene.label(axes, *scene.columns)
        _legend(axes, handles)

    words = f"The plane of the inputs {' and '.join(scene.columns)}, divided into the regions of {len(labels)} labels."
    return picture(
        "landscape", f"The regions in which each label is predicted.{_dashed(network)}{scene.note}", words, draw
    )


def _levels(network: Network, scene: _Scene) -> Markup:
    """The level sets of a real-valued prediction in the plane of two inputs."""
    encoding = scene.encoding
    grid, scores = _on_grid(network, scene)
    values = (scores[:, 0] * encoding.target_divisor + encoding.target_offset).reshape(_POINTS, _POINTS)

    def draw(figure: Figure) -> None:
        figure.set_size_inches(WIDTH, 0.85 * WIDTH)
        axes = figure.subplots()
        if np.ptp(values) > 0:
            filled = axes.contourf(*grid, values, levels=12, cmap="viridis", alpha=0.85)
            axes.contour(*grid, values, levels=filled.levels, colors=[INK], linewidths=0.4)
            bar = figure.colorbar(filled, ax=axes)
            bar.set_label(_short(encoding.target), parse_math=False)
        _borders(axes, network, scene)
        handles = []
        for part, samples in scene.parts.items():
            face = INK if part == "training" else "none"
            (points,) = axes.plot(
                *scene.raw(samples.X).T,
                linestyle="",
                marker="o",
                markersize=3.0,
                markeredgecolor=INK,
                markeredgewidth=0.7,
                markerfacecolor=face,
            )
            handles.append((points, part))
        scene.label(axes, *scene.columns)
        _legend(axes, handles)

    words = (
        f"Level sets of the predicted {encoding.target} over the inputs {' and '.join(scene.columns)}, from "
        f"{values.min():.4g} to {values.max():.4g}."
    )
    return picture("landscape", f"The level sets of the prediction.{_dashed(network)}{scene.note}", words, draw)


def _curves(network: Network, scene: _Scene) -> Markup:
    """The outputs over a single input."""
    encoding = scene.encoding
    line = scene.axis(0)
    outputs = network.scores(encoding.scaled(line[:, None])).reshape(_POINTS, -1)
    classes = encoding.labels is not None
    names = [encoding.target] if outputs.shape[1] == 1 else list(map(str, encoding.target_columns or ()))
    if classes and outputs.shape[1] > 1:
        names = list(map(_label, encoding.labels or ()))
    names = names or [f"{encoding.target}[{k + 1}]" for k in range(outputs.shape[1])]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        handles = []
        values = outputs * encoding.target_divisor + encoding.target_offset
        for k, name in enumerate(names):
            (curve,) = axes.plot(line, values[:, k], f"C{k % 10}-")
            handles.append((curve, f"{_short(name)}, {'output' if classes else 'predicted'}"))
            for part, samples in scene.parts.items():
                targets = samples.y.reshape(len(samples.y), -1)[:, k]
                shift, unit = np.atleast_1d(encoding.target_offset), np.atleast_1d(encoding.target_divisor)
                (points,) = axes.plot(
                    scene.raw(samples.X)[:, 0],
                    targets * unit[k % len(unit)] + shift[k % len(shift)],
                    linestyle="",
                    marker=_MARKERS[k % len(_MARKERS)],
                    markersize=3.0,
                    markeredgecolor=f"C{k % 10}",
                    markerfacecolor=f"C{k % 10}" if part == "training" else "none",
                )
                handles.append((points, f"{_short(name)}, {part}"))
        scene.label(axes, scene.columns[0], "output" if classes else _short(encoding.target))
        _legend(axes, handles)

    what = "output" if classes else "prediction"
    words = f"The network's {what} as a piecewise function of {scene.columns[0]}, with the samples."
    return picture("landscape", f"The {what} over the input, with the samples.{scene.note}", words, draw)


def _on_grid(network: Network, scene: _Scene) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Two axes in raw units, and the outputs (p², c) at the points of their grid."""
    axes = scene.axis(0), scene.axis(1)
    points = np.stack([axis.ravel() for axis in np.meshgrid(*axes)], axis=1)
    return axes, network.scores(scene.encoding.scaled(points)).reshape(len(points), -1)


def _dashed(network: Network) -> str:
    return " Dashed: where neurons open." if 0 < network.width <= _BORDERS and not network.activation.polynomial else ""


def _borders(axes: Axes, network: Network, scene: _Scene) -> None:
    """The lines along which the neurons open, dashed; none where there are too many."""
    if not _dashed(network):
        return
    gates, bias = gates_of(network)
    x, y = (scene.axis(column) for column in (0, 1))
    left, right, low, high = x[0], x[-1], y[0], y[-1]
    for (a, b), c in zip(gates.T / scene.encoding.divisor, bias, strict=True):
        rest = c - (a * scene.encoding.offset[0] + b * scene.encoding.offset[1])
        if abs(b) * (high - low) >= abs(a) * (right - left) and b:
            axes.plot([left, right], [-(a * left + rest) / b, -(a * right + rest) / b], **_DASHED)
        elif a:
            axes.plot([-(b * low + rest) / a, -(b * high + rest) / a], [low, high], **_DASHED)
    axes.set_xlim(left, right)
    axes.set_ylim(low, high)


_DASHED: dict[str, Any] = {"color": INK, "linestyle": "--", "linewidth": 0.6, "alpha": 0.6}


def gates_of(network: Network) -> tuple[np.ndarray, np.ndarray]:
    """The directions (d, m) and biases (m,) that open the neurons, on scaled inputs."""
    if network.gates is not None and network.gate_bias is not None:
        return network.gates, network.gate_bias
    return network.hidden_weights, network.hidden_bias


def robustness(curve: Curve) -> Markup:
    """What an attack leaves, and what is proved, as the sets grow."""
    sizes = curve.radii or FACTORS

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for name, values, look in (("attacked", curve.attacked, "C3-o"), ("certified", curve.certified, "C0--s")):
            if values is not None:
                axes.plot(sizes, values, look, label=name, markersize=4)
        axes.axvline(sizes[FACTORS.index(1.0)], color=INK, linestyle=":", linewidth=1.0, label="trained against")
        axes.set_ylim(bottom=0)
        axes.set_xlabel("radius, raw units" if curve.radii else "size of the set, 1 is that of the spec")
        axes.set_ylabel(curve.measure)
        axes.grid(alpha=0.3)
        axes.legend(loc="best", fontsize="small")

    ends = f"certified from {curve.certified[0]:.4g} to {curve.certified[-1]:.4g}"
    if curve.attacked is not None:
        ends = f"under attack from {curve.attacked[0]:.4g} to {curve.attacked[-1]:.4g}, {ends}"
    words = f"The {curve.measure} as the perturbation grows from nothing to twice that of the spec: {ends}."
    between = "between what is certified and what an attack found"
    caption = f"The true curve is {'no worse than certified' if curve.attacked is None else between}."
    return picture("robustness", caption, words, draw)


def _legend(axes: Axes, handles: Sequence[tuple[Artist, str]]) -> None:
    """A legend whose texts are read as they are, under the picture."""
    legend = axes.legend(
        [handle for handle, _ in handles],
        [f"{k}" for k in range(len(handles))],
        loc="upper center",
        bbox_to_anchor=(0.5, -0.16),
        ncols=2,
        fontsize="small",
    )
    for text, (_, name) in zip(legend.get_texts(), handles, strict=True):
        text.set_parse_math(False)
        text.set_text(name)


def _short(name: str) -> str:
    name = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)
    return name if len(name) <= 30 else name[:29] + "…"


def _label(label: str | float) -> str:
    return str(label).removesuffix(".0")
