"""Reports: a solution as one page of HTML that needs nothing but a browser.

`page_of` makes the page, `save_page` writes it. The page holds no script and asks for no other file: mathematics is
MathML, pictures are SVG inside of it, and the style adapts to phones, to dark mode and to paper.
"""

from __future__ import annotations

from reludsl.reports.page import page_of, refuse_page, save_page

__all__ = ["page_of", "refuse_page", "save_page"]
