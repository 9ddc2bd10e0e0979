import subprocess
import sys

import pytest
from lark import Lark

from reludsl.grammar.mistakes import _IN_WORDS
from reludsl.grammar.reader import RULES, LayoutFilter, grammar_text, lark_parser


def test_the_grammar_is_lalr_without_conflicts_and_no_two_terminals_collide() -> None:
    Lark(
        grammar_text(),
        parser="lalr",
        lexer="contextual",
        strict=True,
        postlex=LayoutFilter(),
        start=list(RULES),
    )


def test_every_terminal_has_a_name_for_people() -> None:
    ignored = set(lark_parser().ignore_tokens)
    terminals = {terminal.name for terminal in lark_parser().terminals} - ignored
    assert terminals | {"$END"} == set(_IN_WORDS)


def test_the_tree_and_the_room_come_without_the_parser() -> None:
    code = "import sys, reludsl.grammar, reludsl.grammar.tree; sys.exit('lark' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_room_has_its_two_verbs_and_nothing_else() -> None:
    import reludsl.grammar

    assert reludsl.grammar.__all__ == ["format_spec", "parse"]
    assert reludsl.grammar.parse.__module__ == "reludsl.grammar.parser"
    assert reludsl.grammar.format_spec.__module__ == "reludsl.grammar.formatter"
    with pytest.raises(AttributeError, match="nothing"):
        reludsl.grammar.nothing  # noqa: B018
