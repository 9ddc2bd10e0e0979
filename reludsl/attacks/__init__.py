"""Attacks on a trained network: worst points of perturbation sets, searched for by slopes, and what they cost."""

from __future__ import annotations

from reludsl.attacks.methods import (
    METHODS,
    AttackSettings,
    Method,
    Record,
    Victim,
    fgsm,
    pgd,
    pgd_perturbations,
    why_immune,
)
from reludsl.attacks.result import AttackResult, attack_samples

__all__ = [
    "METHODS",
    "AttackResult",
    "AttackSettings",
    "Method",
    "Record",
    "Victim",
    "attack_samples",
    "fgsm",
    "pgd",
    "pgd_perturbations",
    "why_immune",
]
