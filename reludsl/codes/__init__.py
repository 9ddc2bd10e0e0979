"""The catalogue of diagnostics: each code's title, and the page that `reludsl explain CODE` shows.

P1xx syntax, C2xx meaning, D3xx data and files, S4xx solver outcome, L5xx lint. A page says what the rule is, why it
exists and how to mend it; the message at hand names the words and the places.
"""

from __future__ import annotations

from reludsl.codes import (
    certificates,
    combinations,
    data,
    expressions,
    meaning,
    outcome,
    perturbations,
    polynomials,
    search,
    syntax,
)
from reludsl.codes.page import Code

__all__ = ["CODES", "Code"]

_MODULES = (syntax, meaning, combinations, expressions, perturbations, polynomials, search, certificates, data, outcome)
_PAGES = (page for module in _MODULES for page in module.PAGES)

CODES: dict[str, Code] = {page.code: page for page in sorted(_PAGES, key=lambda page: page.code)}
