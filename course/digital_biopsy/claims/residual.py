"""The claim of chapter 7: what the shortcut of a residual block does to a gradient."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from digital_biopsy import residual
from digital_biopsy.claims._trial import Claim, Measurement, Trial

__all__ = ["DEPTH", "VANISH", "WIDTH", "gradient_ratio", "net", "vanish"]

DEPTH = 50
WIDTH = 32
UNIT = "decades"
#: A factor of ten over the whole depth, either way, still counts as "lets it through".
TOLERANCE = 1.0


def net(kind: str, scheme: str = "default", seed: int = 0) -> torch.nn.Sequential:
    """A stack of blocks whose branches are shrunk to nine tenths, so that their Jacobians have norms below 1.

    With LayerNorm the first few may pass 1 by a few hundredths.

    Parameters
    ----------
    kind, scheme, seed
        As for `residual.block_stack`.
    """
    stack = residual.block_stack(kind, WIDTH, DEPTH, scheme, seed)
    with torch.no_grad():
        for layer in stack.modules():
            if isinstance(layer, torch.nn.Linear):
                layer.weight.mul_(0.9)
                layer.bias.mul_(0.9)
    return stack


def gradient_ratio(stack: torch.nn.Sequential, seed: int = 0) -> float:
    """The gradient at the first block over that at the last, in decades, for 64 random inputs and targets."""
    x, target = np.random.default_rng(seed).standard_normal((2, 64, WIDTH))
    profile = residual.gradient_profile(stack, x, target)
    return float(np.log10(profile[0] / profile[-1]))


def _vanishes(quantity: str, jacobians: list[NDArray[np.float64]]) -> Measurement:
    """A plain chain. The claim allows the largest norm to the power of the depth, or less."""
    rho = max(float(np.linalg.norm(jacobian, 2)) for jacobian in jacobians)
    most = DEPTH * float(np.log10(rho))
    found = residual.chain_log10_norm(jacobians)
    return Measurement(
        f"plain, {quantity} (claim: at most {DEPTH} log ‖J‖)", min(most, found), found, UNIT, 0.1
    )


def _lets_through(quantity: str, found: float, lifts: bool = False) -> Measurement:
    return Measurement(f"residual, {quantity}", 0.0, found, UNIT, TOLERANCE, lifts)


def _multiple(factor: float) -> float:
    """The chain of residual blocks whose branches are x times one number."""
    return residual.residual_chain_log10_norm([factor * np.eye(2)] * DEPTH)


def _try_vanish() -> list[Measurement]:
    rng = np.random.default_rng(0)
    turns = [np.linalg.qr(rng.standard_normal((WIDTH, WIDTH)))[0] for _ in range(DEPTH)]
    one = rng.standard_normal(WIDTH)
    return [
        _vanishes("J = 0.5 I", [0.5 * np.eye(2)] * DEPTH),
        _vanishes("J = 0.9 times a rotation", [0.9 * turn for turn in turns]),
        _vanishes("PyTorch's own weights × 0.9", residual.block_jacobians(net("plain"), one)),
        _lets_through("branches that begin at zero", gradient_ratio(net("residual", "zero"))),
        _lets_through("PyTorch's own weights × 0.9, over √50", gradient_ratio(net("residual, 1/√L"))),
        _lets_through("the same, normalised instead", gradient_ratio(net("residual, normalised"))),
        _lets_through("J = −0.5 I / 50", _multiple(-0.5 / DEPTH)),
        _lets_through("J = +0.5 I / 50", _multiple(0.5 / DEPTH)),
        _lets_through("J = −0.5 I", _multiple(-0.5), lifts=True),
        _lets_through("J = +0.5 I", _multiple(0.5), lifts=True),
        _lets_through("PyTorch's own weights × 0.9", gradient_ratio(net("residual")), lifts=True),
    ]


VANISH = Claim(
    id="vanish",
    statement="Jacobians of norm below 1 make the gradient of a plain net vanish; with I + J it gets through.",
    condition="the branches are small together: zero at first, divided by √L, or normalised",
    experiment=_try_vanish,
)


def vanish() -> Trial:
    """Try the claim of chapter 7 that I + J saves the gradient that a chain of J loses.

    How much an error grows on its way back through 50 layers, in decades: 0 where it passes unchanged, -3
    where a thousandth arrives. Given Jacobians are judged by the spectral norm of their product, residual nets
    by the gradients at their first and last block. "Vanishes" means at most the largest norm to the power of
    50, which is small only where that norm keeps its distance from 1: 0.99^50 is 0.61.

    Examples
    --------
    >>> print(vanish().verdict)
    holds if the branches are small together: zero at first, divided by √L, or normalised
    """
    return VANISH.trial()
