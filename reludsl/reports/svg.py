"""Pictures as SVG that stands inside of a page: text is text, ink has the page's colour, and the same is the same.

The ink of axes and text is drawn in a colour of its own, which becomes `currentColor`: so a picture follows the page
into dark mode and onto paper.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from reludsl.plots import require_matplotlib
from reludsl.reports.markup import Markup, element

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK = "#010203"
"""The colour that becomes the page's own."""

WIDTH = 5.0
"""Of a picture, in inches: its text can be read on a phone."""

_LOOK: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "reludsl",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "legend.facecolor": "none",
    "legend.edgecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
}


def picture(name: str, caption: str, alternative: str, draw: Callable[[Figure], None]) -> Markup:
    """A figure with a caption, drawn by `draw`; `name` tells its parts from those of other pictures of the page.

    `alternative` says in words what is to be seen. Raises ImportError without matplotlib.
    """
    require_matplotlib()
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    file = io.StringIO()
    with warnings.catch_warnings(), rc_context(_LOOK):
        warnings.simplefilter("ignore")  # of letters that the font for measuring lacks: the page's own has them
        figure = Figure(figsize=(WIDTH, 0.6 * WIDTH), layout="constrained")
        draw(figure)
        figure.savefig(file, format="svg", metadata={"Date": None})
    drawn = element("div", Markup(_inlined(file.getvalue(), name)), role="img", aria_label=alternative)
    return element("figure", drawn, element("figcaption", caption), id=name)


def _inlined(svg: str, name: str) -> str:
    """The `<svg>` element alone, with ids that are its own, without links, in the page's ink."""
    text = svg[svg.index("<svg") :].strip()
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r' xmlns(:\w+)?="[^"]*"', "", text)
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", text)
    return text.replace(INK, "currentColor")
