"""`reludsl attack`: what it prints, what it writes, and that Python says the same."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import reludsl
from tests.cli.running import Result, run


@pytest.fixture
def labels(folder: Path) -> Path:
    """A network for `labels.csv`, saved as `net.npz`."""
    assert run("solve", "labels.relu", "--data", "labels.csv", "-o", "net.npz").code == 0
    return folder


@pytest.fixture
def values(folder: Path) -> Path:
    """A network for `data.csv`, saved as `net.npz`."""
    assert run("solve", "spec.relu", "--data", "data.csv", "-o", "net.npz").code == 0
    return folder


def attacked(data: str, *more: str) -> Result:
    result = run("attack", "net.npz", "--data", data, *more)
    assert result.code == 0, result.stderr
    return result


@pytest.mark.usefixtures("labels")
def test_the_summary() -> None:
    lines = attacked("labels.csv", "--radius", "0.5").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["attack", "perturbation", "clean", "attacked", "success"]
    assert lines[0].split(maxsplit=1)[1] == "pgd, 40 steps of 0.0625 radii, 2 starts, seed 0"
    assert lines[1].split(maxsplit=1)[1] == "norm linf, radius 0.5"
    assert str(reludsl.attack("net.npz", "labels.csv", radius=0.5)).splitlines() == lines


@pytest.mark.usefixtures("labels")
def test_for_machines() -> None:
    options = ["--radius", "0.5,0", "--norm", "l2", "--steps", "7", "--step-size", "0.3", "--restarts", "2"]
    found = json.loads(attacked("labels.csv", *options, "--seed", "5", "--stop-at-mistakes", "--json").stdout)
    chosen = {"steps": 7, "step_size": 0.3, "restarts": 2, "seed": 5, "stop_at_mistakes": True}
    result = reludsl.attack("net.npz", "labels.csv", norm="l2", radius=[0.5, 0], **chosen)
    assert found == json.loads(json.dumps(result.to_json()))
    assert {name: found[name] for name in chosen} == chosen
    assert found["perturbation"]["radius"] == [0.5, 0.0]
    assert len(found["success"]) == found["samples"] == 16
    fast = json.loads(attacked("labels.csv", "--radius", "0.5", "--method", "fgsm", "--json").stdout)
    assert fast["method"] == "fgsm" and "steps" not in fast


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".npz"])
def test_changed_data_is_data(labels: Path, ending: str) -> None:
    """The network is as wrong about it as the attack says, and nothing but the inputs is changed."""
    path = f"changed{ending}"
    printed = attacked("labels.csv", "--radius", "0.5", "-o", path).stdout
    assert f"changed data in    {path}" in printed.splitlines()
    result = reludsl.attack("net.npz", "labels.csv", radius=0.5)
    assert result.success.sum() > 0
    metrics = json.loads(run("predict", "net.npz", "--data", path, "--json").stdout)["metrics"]
    assert metrics == result.attacked
    network = reludsl.load("net.npz")
    assert (network.predict(path) == network.predict({"a": result.inputs[:, 0], "b": result.inputs[:, 1]})).all()
    moved = np.abs(result.inputs - np.loadtxt("labels.csv", delimiter=",", skiprows=1, usecols=(0, 1)))
    assert moved.max() == pytest.approx(0.5, rel=1e-12)


def test_the_target_under_another_name(labels: Path) -> None:
    text = (labels / "labels.csv").read_text()
    (labels / "renamed.csv").write_text(text.replace("a,b,y", "a,b,truth"))
    renamed = attacked("renamed.csv", "--radius", "0.5", "--target", "truth", "-o", "changed.csv")
    assert renamed.stdout.splitlines()[:5] == attacked("labels.csv", "--radius", "0.5").stdout.splitlines()
    assert (labels / "changed.csv").read_text().startswith("a,b,truth\n")


@pytest.mark.usefixtures("values")
def test_real_values_have_errors_in_their_own_units() -> None:
    found = json.loads(attacked("data.csv", "--radius", "0.1", "--minimum", "-1,-1", "--json").stdout)
    assert found["attacked"]["rmse"] > found["clean"]["rmse"]
    assert found["attacked"]["loss"] > found["clean"]["loss"]
    assert "losses grew" in attacked("data.csv", "--radius", "0.1").stdout


@pytest.mark.usefixtures("values")
@pytest.mark.parametrize("radius", ["", "x", "1,,2"])
def test_numbers_that_are_none_are_a_matter_of_usage(radius: str) -> None:
    result = run("attack", "net.npz", "--data", "data.csv", "--radius", radius)
    assert result.code == 2 and "neither a number nor a list of numbers" in result.stderr
