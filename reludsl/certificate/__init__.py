"""Rigorous bounds, with their scope, and feasible points: what makes a solver's answer trustworthy."""

from __future__ import annotations

from reludsl.certificate.duality import dual_bound, feasible_point
from reludsl.certificate.everywhere import Certifier, CertifyProgress, GlobalCertificate, global_certificate
from reludsl.certificate.result import Bound, Feasible, relative_gap
from reludsl.certificate.zero_network import ZeroStrength, solved_at_once, zero_strength

__all__ = [
    "Bound",
    "Certifier",
    "CertifyProgress",
    "Feasible",
    "GlobalCertificate",
    "ZeroStrength",
    "dual_bound",
    "feasible_point",
    "global_certificate",
    "relative_gap",
    "solved_at_once",
    "zero_strength",
]
