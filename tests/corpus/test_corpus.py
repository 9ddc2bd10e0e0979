"""The corpus: good specs, bad specs, and mistakes that need data. Adding a test is adding a file.

Beside a good spec may stand its `.fmt`, `.explain` and `.ir`; beside every bad one stands its transcript, `.stderr`.
"""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reludsl.api import check, explain, read_source
from reludsl.backends.admm import AdmmBackend
from reludsl.choice import language
from reludsl.codes import CODES
from reludsl.grammar import format_spec, parse, tree
from reludsl.options import ChoiceType, Option, UnionType
from tests.cli.running import Result, run, run_process
from tests.corpus.cases import CASES, Case

HERE = Path(__file__).parent
GOOD = sorted((HERE / "good").glob("*.relu"))
BAD = sorted((HERE / "bad").glob("*.relu"))
SEVERAL = {
    "custom_five_mistakes": 5,
    "five_mistakes": 5,
    "five_mistakes_of_syntax_and_meaning": 5,
    "mistake_and_warning": 2,
    "two_warnings": 2,
    "windows_and_tabs": 2,
}
Golden = Callable[[Path | str, str], None]


def name(path: Path) -> str:
    return path.stem


# -- good specs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", GOOD, ids=name)
def test_good_specs_are_clean(path: Path) -> None:
    report = check(path)
    assert report.diagnostics == () and report.model is not None


def test_the_program_itself_finds_good_specs_clean() -> None:
    result = run_process("check", *(path.name for path in GOOD), cwd=HERE / "good")
    assert result == Result(0, "no mistakes\n", "")


@pytest.mark.parametrize("path", GOOD, ids=name)
def test_formatting_changes_nothing_but_the_layout(path: Path) -> None:
    text, mistakes = format_spec(read_source(path))
    assert mistakes == [] and text is not None
    again = check(text)
    model = check(path).model
    assert again.model is not None and model is not None
    for part in ("input", "target", "architecture", "loss", "formulation", "solver", "hyperparameters"):
        assert getattr(again.model, part) == getattr(model, part), part


@pytest.mark.parametrize("path", sorted((HERE / "good").glob("*.fmt")), ids=name)
def test_canonical_layout(path: Path, golden: Golden) -> None:
    golden(path, format_spec(read_source(path.with_suffix(".relu")))[0] or "")


@pytest.mark.parametrize("path", sorted((HERE / "good").glob("*.explain")), ids=name)
def test_explanation(path: Path, golden: Golden) -> None:
    golden(path, explain(path.with_suffix(".relu")) + "\n")


@pytest.mark.parametrize("path", sorted((HERE / "good").glob("*.ir")), ids=name)
def test_program(path: Path, golden: Golden) -> None:
    golden(path, explain(path.with_suffix(".relu"), stage="program") + "\n")


def test_layouts_that_an_editor_would_silently_repair() -> None:
    windows = (HERE / "good" / "windows.relu").read_bytes()
    assert windows.startswith(b"\xef\xbb\xbf") and windows.count(b"\n") == windows.count(b"\r\n") > 10
    assert b"\t" in windows
    assert (HERE / "good" / "byte_order_mark.relu").read_bytes().startswith(b"\xef\xbb\xbfreludsl 1\n")
    assert not (HERE / "good" / "comments.relu").read_bytes().endswith(b"\n")
    assert b"\r\n\ttarget y" in (HERE / "bad" / "windows_and_tabs.relu").read_bytes()


def words_written() -> set[str]:
    """What the good specs use: `section`, `section kind`, `owner.option`, `owner.option = word`, roles and types.

    A word with options of its own is the owner of these.
    """
    used: set[str] = set()

    def settings(owner: str, written: tuple[tree.Setting, ...]) -> None:
        for setting in written:
            used.add(f"{owner}.{setting.name.text}")
            match setting.value:
                case tree.Name(word):
                    used.add(f"{owner}.{setting.name.text} = {word}")
                case tree.Call(tree.Name(word), arguments):
                    choice = f"{owner}.{setting.name.text} = {word}"
                    used.add(choice)
                    settings(choice, tuple(part for part in arguments if isinstance(part, tree.Setting)))

    for path in GOOD:
        spec, _ = parse(read_source(path))
        assert spec is not None
        for section in spec.sections:
            match section:
                case tree.KindSection(head, kind, written):
                    used |= {head.text, f"{head.text} {kind.text}"}
                    settings(f"{head.text} {kind.text}", written)
                case tree.DataSection(data):
                    used.add("data")
                    for datum in data:
                        used.add(f"{datum.role.text} : {datum.type.name.text}")
                        settings(f"{datum.role.text} : {datum.type.name.text}", datum.settings)
                case tree.HyperparameterSection():
                    used.add("hyperparameters")
    return used


def words_of_the_language() -> set[str]:
    words: set[str] = set()

    def options(owner: str, declared: tuple[Option, ...]) -> None:
        for option in declared:
            words.add(f"{owner}.{option.name}")
            members = option.type.members if isinstance(option.type, UnionType) else (option.type,)
            for choice in (entry for member in members if isinstance(member, ChoiceType) for entry in member.choices):
                words.add(f"{owner}.{option.name} = {choice.name}")
                options(f"{owner}.{option.name} = {choice.name}", choice.options)

    for section in language().sections:
        words.add(section.name)
        for kind in section.kinds:
            words.add(f"{section.name} {kind.name}")
            options(f"{section.name} {kind.name}", kind.options)
    for role in language().roles:
        for type_ in language().types:
            if type_.name in role.types:
                words.add(f"{role.name} : {type_.name}")
                options(f"{role.name} : {type_.name}", role.types[type_.name])
    return words


def test_the_good_specs_use_the_whole_language() -> None:
    assert words_of_the_language() <= words_written()


# -- bad specs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", BAD, ids=name)
def test_transcript(path: Path, golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    result = run("check", path.name)
    golden(path.with_suffix(".stderr"), result.stderr)
    errors = result.stderr.count("error[")
    assert result.code == (1 if errors else 0)
    assert result.stdout.startswith("no mistakes") == (not errors)


@pytest.mark.parametrize("path", BAD, ids=name)
def test_a_bad_spec_has_the_mistake_of_its_name_and_no_other(path: Path) -> None:
    diagnostics = check(path).diagnostics
    if path.stem in SEVERAL:
        assert len(diagnostics) == SEVERAL[path.stem]
    else:
        assert {diagnostic.code for diagnostic in diagnostics} == {path.stem.partition("_")[0]}
        assert len(diagnostics) == 1 or path.stem.startswith("C204")
    for diagnostic in diagnostics:
        assert diagnostic.span is not None, "a mistake in a spec has a place"


@pytest.mark.parametrize("stem", ["five_mistakes", "five_mistakes_of_syntax_and_meaning"])
def test_five_different_mistakes_are_told_in_one_run(stem: str) -> None:
    diagnostics = check(HERE / "bad" / f"{stem}.relu").diagnostics
    assert len({diagnostic.code for diagnostic in diagnostics}) == 5
    places = [diagnostic.span.start for diagnostic in diagnostics if diagnostic.span is not None]
    assert places == sorted(places) and len(set(places)) == 5


@pytest.mark.parametrize("stem", ["C214_hinge_on_real_target", "P107_brace_never_closed", "L502_no_regularizer"])
def test_the_program_itself_gives_the_transcript(stem: str) -> None:
    result = run_process("check", f"{stem}.relu", cwd=HERE / "bad")
    assert result.stderr == (HERE / "bad" / f"{stem}.stderr").read_text(encoding="utf-8")
    assert result.code == (0 if stem.startswith("L") else 1)


# -- mistakes that need more than a spec ---------------------------------------------------------------------------


@contextmanager
def _pressing_ctrl_c(wanted: bool) -> Iterator[Callable[[object], bool]]:
    pressed = False

    def press(progress: object) -> bool:
        nonlocal pressed
        if not pressed:
            pressed = True
            signal.raise_signal(signal.SIGINT)
        return False

    yield press


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case, golden: Golden, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file, content in case.files.items():
        (tmp_path / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.chdir(tmp_path)
    if case.interrupted:
        monkeypatch.setattr("reludsl.progress.progress_display", _pressing_ctrl_c)
    if case.refusing:
        monkeypatch.setattr(AdmmBackend, "supports", lambda backend, program: ("it takes no program of this kind",))
    result = run(*case.arguments.split())
    said = (
        re.sub(r"(?m)^note: .*", "note: (in the words of a library)", result.stderr) if case.foreign else result.stderr
    )
    golden(HERE / "cases" / f"{case.name}.stderr", said)
    assert f"[{case.code}]" in said
    assert result.code == case.exit_code
    assert str(tmp_path) not in said


def test_case_names_are_different() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    assert {f"{case.name}.stderr" for case in CASES} == {path.name for path in (HERE / "cases").iterdir()}
    assert {path.stem for path in BAD} == {path.stem for path in (HERE / "bad").glob("*.stderr")}


# -- the whole ---------------------------------------------------------------------------------------------------

TRANSCRIPTS = sorted([*(HERE / "bad").glob("*.stderr"), *(HERE / "cases").glob("*.stderr")])


def test_every_code_is_provoked() -> None:
    said = "\n".join(path.read_text(encoding="utf-8") for path in TRANSCRIPTS)
    assert set(CODES) - set(re.findall(r"^(?:error|warning)\[(\w+)\]", said, re.MULTILINE)) == set()


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=name)
def test_texts_are_for_people(path: Path) -> None:
    said = path.read_text(encoding="utf-8")
    assert not re.search(r"\b([Ww]e|[Oo]ur|None|NoneType|Traceback|Error|dtype|ndarray)\b|<class|object at", said)
    assert not re.search(r"\b1 (mistake|warning|column|row|field|dimension|sample|pattern|value)s\b", said)
    for block in re.split(r"\n(?=error\[|warning\[)", said):
        head, *rest = block.splitlines()
        severity, _, message = head.partition(": ")
        assert re.fullmatch(r"(error|warning)\[[PCDSL]\d{3}\]", severity)
        remarks = [line for line in rest if re.match(r"help: |note: ", line)]
        assert severity.startswith("warning") or sum(line.startswith("help: ") for line in remarks) == 1
        assert not remarks or remarks[-1].startswith("help: ") or severity.startswith("warning"), "the remedy is last"
        for sentence in (message, *(remark.partition(": ")[2] for remark in remarks)):
            assert sentence == sentence.strip() and not sentence.endswith("."), sentence
            assert not sentence[0].isupper() or sentence.startswith("CVXPY"), sentence


def test_machines_get_the_same_mistakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE / "bad")
    for path in BAD:
        found = json.loads(run("check", "--json", path.name).stdout)
        told = re.findall(r"(?m)^(error|warning)\[(\w+)\]: (.*)$", path.with_suffix(".stderr").read_text("utf-8"))
        assert [(entry["severity"], entry["code"], entry["message"]) for entry in found["diagnostics"]] == told
        assert found["ok"] == all(severity == "warning" for severity, _, _ in told)
