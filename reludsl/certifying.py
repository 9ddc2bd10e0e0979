"""Global certificates of solves: refused before anything is solved where there can be none, and made afterwards.

`certificate/everywhere.py` has the ways to one; here they meet backends, which solve relaxations, and diagnostics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reludsl.backend import Control, Outcome, Progress
from reludsl.backends import backends
from reludsl.diagnostics import Diagnostic
from reludsl.mistakes import Mistakes
from reludsl.model.model import Model
from reludsl.model.solvers import choose_settings

if TYPE_CHECKING:
    import numpy as np

    from reludsl.certificate import Certifier, CertifyProgress, GlobalCertificate
    from reludsl.certificate.everywhere import Relax
    from reludsl.data.encoding import Samples
    from reludsl.ir import Program
    from reludsl.lowering import Lowered
    from reludsl.solution import Solution


@dataclass(frozen=True)
class Certify:
    """A wish for a global certificate, up to a relative `gap` in (0, 1), within so many `seconds`, None for any number.

    `monitor` is called with each `CertifyProgress`; returning True ends it with what is proved so far.
    """

    gap: float = 1e-3
    seconds: float | None = 60.0
    monitor: Callable[[CertifyProgress], bool] = lambda progress: False


def certifier_for(model: Model, lowered: Lowered, samples: Samples) -> Certifier | None:
    """The ways to a global certificate; None where the solve alone can give one. Raises Mistakes (C27x, D329)."""
    from reludsl.certificate.certifiable import refuse_out_of_reach, why_uncertifiable
    from reludsl.certificate.everywhere import Certifier

    proved_by_solve = lowered.meaning.scope == "global"
    if reasons := why_uncertifiable(model):
        if proved_by_solve:
            return None
        raise Mistakes(reasons)
    certifier = Certifier(model, samples)
    if not proved_by_solve:
        refuse_out_of_reach(certifier, _relaxing(certifier) is not None)
    return certifier


def certified(
    solution: Solution,
    certifier: Certifier | None,
    outcome: Outcome,
    certify: Certify,
    monitor: Callable[[Progress], bool],
) -> Solution:
    """The solution, which came of this outcome, with its global certificate."""
    from reludsl.certificate import global_certificate

    certificate = global_certificate(
        certifier,
        solution.network,
        solution.objective,
        [outcome.dual],
        solution.bound,
        gap=certify.gap,
        seconds=certify.seconds,
        monitor=certify.monitor,
        relax=None if certifier is None else _relaxing(certifier, monitor),
    )
    return replace(solution, certificate=certificate, warnings=(*solution.warnings, *_open(certificate, certify.gap)))


def missing_neurons(solution: Solution, certify: Certify) -> np.ndarray | None:
    """Directions (d, k) that a certificate found to bring more than they cost; None where it is closed, or has none."""
    certificate = solution.certificate
    if certificate is None or not len(certificate.new.worth):
        return None
    closed = certificate.bound is not None and certificate.bound.gap <= certify.gap
    return None if closed else certificate.new.directions


def _relaxing(certifier: Certifier, monitor: Callable[[Progress], bool] = lambda progress: False) -> Relax | None:
    """The first backend that takes the relaxation of the training problem, if there is one, with its defaults."""
    form = certifier.relaxed
    if form is None:
        return None
    program = form.program()
    able = [entry for entry in backends().values() if not entry.local and not entry.supports(program)]
    if not able:
        return None
    settings, _ = choose_settings(able[0].options)

    def relax(program: Program, arrays: Mapping[str, np.ndarray], seconds: float | None) -> Outcome:
        return able[0].solve(program, arrays, settings, Control(seconds, monitor))

    return relax


def _open(certificate: GlobalCertificate, gap: float) -> tuple[Diagnostic, ...]:
    """S406 where a certificate ended before its way was at its end."""
    if certificate.finished or (certificate.bound is not None and certificate.bound.gap <= gap):
        return ()
    notes = tuple(f"{attempt.by}: {attempt.message}" for attempt in certificate.attempts)
    message = "no bound on the training problem was proved"
    if certificate.bound is not None:
        message = f"the certificate is not finished: its bound holds, the gap is {certificate.bound.gap:.2g}"
    remedy = "give it more seconds; a stronger regularizer, fewer input columns and fewer samples make it easier"
    return (Diagnostic("S406", message, notes=notes, help=remedy, severity="warning"),)
