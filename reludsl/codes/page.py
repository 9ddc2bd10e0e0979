"""What a diagnostic code is: its title and its page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """A code's title, and its page in Markdown: the rule, why it exists, a wrong and a right example."""

    code: str
    title: str
    page: str
