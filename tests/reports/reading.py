"""Reading a page as a browser does: its elements must be closed, its links must lead somewhere, nothing is fetched."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "br", "link", "img", "input", "hr"}


@dataclass
class Page(HTMLParser):
    """What a page holds: the texts of its headings, the attributes of its elements, all of its text."""

    open: list[str] = field(default_factory=list)
    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    text: str = ""

    @classmethod
    def of(cls, page: str) -> Page:
        """Reads and checks a page."""
        assert page.startswith("<!DOCTYPE html>\n")
        found = cls()
        HTMLParser.__init__(found, convert_charrefs=True)
        found.feed(page)
        found.close()
        assert not found.open, f"not closed: {found.open}"
        found.check()
        return found

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attributes]
        assert len(names) == len(set(names)), f"an attribute twice: {tag} {names}"
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
        if tag in {"h1", "h2", "h3"}:
            self.headings.append("")

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, text: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += text
            if self.open[-1] in {"h1", "h2", "h3"}:
                self.headings[-1] += text

    def check(self) -> None:
        tags = {tag for tag, _ in self.elements}
        assert not tags & {"script", "link", "iframe", "object", "embed", "form", "base", "img", "metadata"}
        ids = [names["id"] for _, names in self.elements if "id" in names]
        assert len(ids) == len(set(ids)), "an id stands twice"
        for tag, names in self.elements:
            assert not any(name.startswith("on") for name in names), f"{tag} runs a script"
            for name in ("href", "xlink:href", "src"):
                target = names.get(name)
                assert target is None or (target.startswith("#") and target[1:] in ids), f"{tag} leads to {target}"
            for value in filter(None, names.values()):
                for target in re.findall(r"url\(([^)]*)\)", value):
                    assert target.startswith("#") and target[1:] in ids, target
        for tag, names in self.elements:
            if tag == "th":
                assert names.get("scope") in {"row", "col"}
            if tag == "table":
                continue
            if names.get("role") in {"img", "region"}:
                assert names.get("aria-label"), f"a {tag} without words for it"
