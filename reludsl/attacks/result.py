"""An attack on a data set from end to end, and what it reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reludsl.attacks.methods import METHODS, AttackSettings, Record, Victim
from reludsl.data.encoding import Samples
from reludsl.data.tables import Table
from reludsl.network import Network
from reludsl.perturbation_sets import PerturbationSet

_BLOCK = 2**22  # numbers in the largest array of a block of samples


@dataclass(frozen=True, eq=False, repr=False)
class AttackResult:
    """What an attack found. A sample's own point counts too, so nothing attacked is better than clean.

    `inputs` (n, d) are the worst points found, in the data's own units. `success` (n,) says which right predictions
    became wrong; of real-valued targets, which losses grew. `data` holds inputs, target and weights under the names of
    the given data, with the inputs changed. `clean` and `attacked` are the metrics of the network on
    the samples and on `inputs`; `clean_loss` and `attacked_loss` the means of the losses in the units of training, the
    greatest that was met for each sample. `description` says in words what the sets were.
    """

    method: str
    settings: AttackSettings
    inputs: np.ndarray
    success: np.ndarray
    clean: Mapping[str, float]
    attacked: Mapping[str, float]
    clean_loss: float
    attacked_loss: float
    labelled: bool
    data: Mapping[str, np.ndarray]
    description: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self, path: str | None = None) -> dict[str, Any]:
        """The result as a JSON-ready object; `path` is where the inputs were written."""
        details = {}
        if self.method == "pgd":
            details = {
                "steps": self.settings.steps,
                "step_size": self.settings.length,
                "restarts": self.settings.restarts,
                "seed": self.settings.seed,
                "stop_at_mistakes": self.settings.stop_at_mistakes,
            }
        return {
            "method": self.method,
            **details,
            "perturbation": dict(self.description),
            "samples": len(self.inputs),
            "clean": {**self.clean, "loss": self.clean_loss},
            "attacked": {**self.attacked, "loss": self.attacked_loss},
            "success": self.success.tolist(),
            "inputs": path,
        }

    def rows(self) -> list[tuple[str, str]]:
        """The lines of the summary: name and text."""
        settings, method = self.settings, self.method
        if method == "pgd":
            starts = f"{1 + settings.restarts} start{'s' if settings.restarts else ''}"
            method += f", {settings.steps} steps of {settings.length:.4g} radii, {starts}, seed {settings.seed}"
        shown = {name: value for name, value in self.description.items() if value is not None}
        what = "right predictions became wrong" if self.labelled else "losses grew"
        return [
            ("attack", method),
            ("perturbation", ", ".join(f"{name} {_shown(value)}" for name, value in shown.items())),
            ("clean", _metrics(self.clean, self.clean_loss)),
            ("attacked", _metrics(self.attacked, self.attacked_loss)),
            ("success", f"{int(self.success.sum())} of {len(self.success)} samples: {what}"),
        ]

    def __str__(self) -> str:
        return "\n".join(f"{name:<18} {text}" for name, text in self.rows())

    def __repr__(self) -> str:
        return f"<AttackResult {self.method}: {int(self.success.sum())} of {len(self.success)} samples>"


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_shown, value))}]"
    return value if isinstance(value, str) else f"{value:g}"


def _metrics(values: Mapping[str, float], loss: float) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in {**values, "mean loss": loss}.items())


def attack_samples(
    network: Network,
    table: Table,
    raw: np.ndarray,
    targets: np.ndarray,
    sets: PerturbationSet,
    method: str,
    settings: AttackSettings,
    description: Mapping[str, Any],
) -> AttackResult:
    """Attacks every sample of a table: raw inputs (n, d), encoded targets (n,) or (n, c), bounded sets in raw units."""
    encoding, generator = network.encoding, np.random.default_rng(settings.seed)
    X, scaled = encoding.scaled(raw), sets.scaled(encoding.divisor)
    delta = np.zeros_like(raw)
    wrong_before, wrong_after = np.zeros((2, len(raw)), dtype=bool)
    before, after = np.zeros((2, len(raw)))
    size = max(1, _BLOCK // max(network.width, raw.shape[1]))
    for start in range(0, len(raw), size):
        block = slice(start, start + size)
        victim = Victim.of(network, X[block], targets[block], scaled.rows(block))
        record = Record(victim)
        wrong_before[block], before[block] = record.wrong, record.clean_losses
        METHODS[method](victim, record, settings, generator)
        delta[block] = record.z * victim.unit * encoding.divisor
        wrong_after[block], after[block] = record.wrong, record.losses
    inputs = raw + np.clip(delta, *sets.limits)
    labelled = encoding.labels is not None
    return AttackResult(
        method,
        settings,
        inputs,
        wrong_after & ~wrong_before if labelled else after > before,
        network.metrics(Samples(X, targets)),
        network.metrics(Samples(encoding.scaled(inputs), targets)),
        float(before.mean()),
        float(after.mean()),
        labelled,
        _changed(network, table, inputs),
        {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in description.items()},
    )


def _changed(network: Network, table: Table, inputs: np.ndarray) -> dict[str, np.ndarray]:
    encoding = network.encoding
    columns = {encoding.input: inputs}
    if encoding.columns is not None:
        columns = dict(zip(encoding.columns, inputs.T, strict=True))
    others = [*(encoding.target_columns or [encoding.target]), *([encoding.weight] if encoding.weight else [])]
    return columns | {name: table.arrays[name] for name in others if name in table.arrays}
