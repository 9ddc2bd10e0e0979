"""`reludsl explain SPEC`: what the compiler understood, in mathematics and in sentences."""

from __future__ import annotations

from reludsl.explanation.page import Explanation, explain_compilation

__all__ = ["Explanation", "explain_compilation"]
