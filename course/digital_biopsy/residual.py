"""How deep an error can travel: gradients in plain and in residual networks.

In training, the error at the output is sent back through the layers, and each multiplies it by its Jacobian.
A plain layer F multiplies by J; a residual block x + F(x) by I + J (He et al., doi:10.1109/CVPR.2016.90).
A chain of L blocks therefore scales an error by a product of L matrices. Where the norms of all J are at
most rho, a plain chain scales it by rho^L at most, which vanishes for rho < 1; a residual chain by a factor
from (1 - rho)^L to (1 + rho)^L. Both ends are reached: by J = -rho I, which vanishes, and by J = rho I, which
explodes. The shortcut alone decides nothing. What keeps the factor near 1 are branches that are small
*together*: zero at the start, scaled by 1 over the root of L, or normalised (De and Smith, arXiv:2002.10444).

Jacobians are NumPy arrays with a row for each output and a column for each input, and lists of them go from
the first layer to the last. Networks are ``torch.nn.Sequential``, on the CPU; what draws weights or examples
takes a seed and leaves PyTorch's global generator as it was found.
"""

from __future__ import annotations

from ._residual_chains import (
    chain_log10_norm,
    chain_norm,
    numeric_jacobian,
    residual_bounds,
    residual_chain_log10_norm,
    residual_chain_norm,
    residual_log10_bounds,
)
from ._residual_gradients import (
    as_numpy,
    autograd_jacobian,
    block_jacobians,
    gradient_profile,
    similarity_profile,
)
from ._residual_nets import (
    KINDS,
    SCHEMES,
    PlainBlock,
    ResidualBlock,
    block_stack,
    branch_gain,
    deep_net,
    initialise,
    stable_residual_net,
)
from ._residual_training import Task, Training, decision_map, nodule_patches, race, spirals, train

__all__ = [
    "KINDS",
    "SCHEMES",
    "PlainBlock",
    "ResidualBlock",
    "Task",
    "Training",
    "as_numpy",
    "autograd_jacobian",
    "block_jacobians",
    "block_stack",
    "branch_gain",
    "chain_log10_norm",
    "chain_norm",
    "decision_map",
    "deep_net",
    "gradient_profile",
    "initialise",
    "nodule_patches",
    "numeric_jacobian",
    "race",
    "residual_bounds",
    "residual_chain_log10_norm",
    "residual_chain_norm",
    "residual_log10_bounds",
    "similarity_profile",
    "spirals",
    "stable_residual_net",
    "train",
]
