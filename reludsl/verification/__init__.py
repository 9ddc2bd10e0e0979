"""Certified evaluation: what holds for a trained network at every point of the samples' perturbation sets.

neurons, reach        a network as affine functions behind gates, and how far these get on a set
relaxation, bounds    interval and linear bounds, for all samples at once
piecewise             one goal of one sample, for the exact solvers:
branching             branch and bound, for every set; `cone_program` proposes its multipliers
mixed_integer         HiGHS, for sets with flat sides
exact                 which of them answers
certification         all levels of a network on samples
"""

from __future__ import annotations

from reludsl.verification.certification import Certification, ExactAttack, certify_samples, exact_attack
from reludsl.verification.reach import keeps_patterns

__all__ = ["Certification", "ExactAttack", "certify_samples", "exact_attack", "keeps_patterns"]
