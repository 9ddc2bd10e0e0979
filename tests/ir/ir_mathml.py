"""What MathML asks of a formula: elements with the children that they need, and text inside of tokens alone."""

from __future__ import annotations

from xml.etree import ElementTree

TOKENS = {"mi", "mn", "mo", "mtext"}
CHILDREN = {"msub": 2, "msup": 2, "munder": 2, "munderover": 3, "mfrac": 2, "mspace": 0}
GROUPS = {"math", "mrow", "msqrt", "mtable", "mtr", "mtd"}


def require_presentable(formula: str) -> str:
    """Asserts it of a `<math>` element, and returns its alternative text."""
    root = ElementTree.fromstring(formula)
    assert root.tag == "math"
    for element in root.iter():
        assert element.tag in TOKENS | set(CHILDREN) | GROUPS, element.tag
        if element.tag in TOKENS:
            assert element.text and len(element) == 0
        else:
            assert not (element.text or "").strip(), f"text outside of a token: {element.text}"
            assert len(element) == CHILDREN.get(element.tag, len(element))
            assert all(not (child.tail or "").strip() for child in element)
        if element.tag in {"mtable", "mtr"}:
            assert {child.tag for child in element} == {"mtr" if element.tag == "mtable" else "mtd"}
    return root.attrib["alttext"]
