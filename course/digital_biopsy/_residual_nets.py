"""Blocks, nets of blocks, and how their weights begin. Private to the package; `residual` shows it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final, TypeVar

import torch
from torch import Tensor, nn

from ._residual_chains import whole

Draw = Callable[[Tensor, torch.Generator], object]
M = TypeVar("M", bound=nn.Module)

#: How the weights of a branch begin. Biases begin at 0, but for PyTorch's own scheme.
SCHEMES: Final[Mapping[str, Draw]] = MappingProxyType(
    {
        # What nn.Linear does by itself: uniform between -1 and 1 over the root of the width.
        "default": lambda weight, rng: nn.init.kaiming_uniform_(weight, a=math.sqrt(5), generator=rng),
        "he": lambda weight, rng: nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=rng),
        "xavier": lambda weight, rng: nn.init.xavier_normal_(weight, generator=rng),
        "orthogonal": lambda weight, rng: nn.init.orthogonal_(weight, math.sqrt(2.0), generator=rng),
        "small": lambda weight, rng: nn.init.normal_(weight, std=0.01, generator=rng),
        "zero": lambda weight, rng: nn.init.zeros_(weight),
    }
)

#: Kinds of blocks to stack.
KINDS: Final = ("plain", "plain, normalised", "residual", "residual, normalised", "residual, 1/√L")


class PlainBlock(nn.Module):
    """A block without a shortcut: F(x), with F = linear after ReLU.

    The ReLU comes first, as in "identity mappings" (doi:10.1007/978-3-319-46493-0_38), so that a shortcut
    round the branch carries any number, and not only those above zero. Its Jacobian is W D, with D = 1 on
    the diagonal where x > 0 and 0 elsewhere.

    Parameters
    ----------
    width : int
        Numbers in and numbers out, on the last axis; any axes may come before it.
    normalise : bool
        Let the branch begin with a LayerNorm.

    Notes
    -----
    The weights are drawn as those of any PyTorch layer, from its global generator; see `initialise`.

    Examples
    --------
    >>> PlainBlock(8)(torch.zeros(5, 8)).shape
    torch.Size([5, 8])
    """

    def __init__(self, width: int, normalise: bool = False) -> None:
        super().__init__()
        size = whole(width, "width")
        layers: list[nn.Module] = [nn.LayerNorm(size)] if normalise else []
        self.width = size
        self.branch = nn.Sequential(*layers, nn.ReLU(), nn.Linear(size, size))

    def forward(self, x: Tensor) -> Tensor:
        """F(x)."""
        return self._branch(x)

    def _branch(self, x: Tensor) -> Tensor:
        if not x.ndim or x.shape[-1] != self.width:
            raise ValueError(f"The block is {self.width} wide; x has the shape {tuple(x.shape)}.")
        value: Tensor = self.branch(x)
        return value


class ResidualBlock(PlainBlock):
    """The block with a shortcut: x + scale F(x), with the F of `PlainBlock`. Its Jacobian is I + scale J.

    Parameters
    ----------
    width, normalise
        As for `PlainBlock`.
    scale : float
        Factor of the branch; 1 over the root of the depth keeps a deep stack calm.

    Examples
    --------
    >>> block = initialise(ResidualBlock(8), "zero")
    >>> x = torch.randn(5, 8)
    >>> bool((block(x) == x).all())
    True
    """

    def __init__(self, width: int, normalise: bool = False, scale: float = 1.0) -> None:
        super().__init__(width, normalise)
        if not math.isfinite(scale):
            raise ValueError(f"scale must be a finite number, not {scale!r}.")
        self.scale = float(scale)

    def forward(self, x: Tensor) -> Tensor:
        """The input plus scale F(x)."""
        return x + self.scale * self._branch(x)


@contextmanager
def keep_generator() -> Iterator[None]:
    """Give PyTorch's global generator back as it was found."""
    state = torch.get_rng_state()
    try:
        yield
    finally:
        torch.set_rng_state(state)


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: sums are then taken in one order, and small nets run no slower."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def initialise(model: M, scheme: str = "default", seed: int = 0) -> M:
    """Draw the weights of every linear layer of a module anew, in place, and return the module.

    Parameters
    ----------
    model : torch.nn.Module
    scheme : str
        One of `SCHEMES`: "default" (PyTorch's own), "he" and "orthogonal" (gain root 2: the mean square of an
        error passes linear layer and ReLU unchanged), "xavier" (made for tanh; the ReLU halves it), "small"
        (standard deviation 0.01) or "zero". Biases become 0, but for "default".
    seed : int
        Zero or more. The global generator is left as it was found.

    Raises
    ------
    ValueError
        If there is no such scheme, or `seed` is no whole number.

    Examples
    --------
    >>> layer = initialise(nn.Linear(4, 4), "orthogonal")
    >>> round(layer.weight.square().sum().item(), 3)
    8.0
    """
    check_scheme(scheme)
    _draw(model, scheme, _generator(seed))
    return model


def check_scheme(scheme: str) -> None:
    """Refuse a name that is not in `SCHEMES`."""
    if scheme not in SCHEMES:
        raise ValueError(f"There is no scheme {scheme!r}; there are: {', '.join(SCHEMES)}.")


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(whole(seed, "seed", least=0))


def _draw(model: nn.Module, scheme: str, rng: torch.Generator) -> None:
    with one_thread():
        for layer in model.modules():
            if not isinstance(layer, nn.Linear):
                continue
            SCHEMES[scheme](layer.weight, rng)
            if layer.bias is None:
                continue
            if scheme == "default":
                bound = 1.0 / math.sqrt(layer.in_features)
                nn.init.uniform_(layer.bias, -bound, bound, generator=rng)
            else:
                nn.init.zeros_(layer.bias)


def block_stack(kind: str, width: int, depth: int, scheme: str = "default", seed: int = 0) -> nn.Sequential:
    """Blocks of one kind, one after the other.

    Two stacks with the same seed and scheme have the same weights, whatever their kinds.

    Parameters
    ----------
    kind : str
        One of `KINDS`: with or without shortcut, with or without LayerNorm at the head of the branch, or with
        branches scaled by 1 over the root of the depth.
    width, depth : int
        Width of every block, and number of blocks.
    scheme : str
        How the weights begin; one of `SCHEMES`.
    seed : int
        Of the weights. The global generator is left as it was found.

    Examples
    --------
    >>> len(block_stack("plain", width=16, depth=50))
    50
    """
    rng = _generator(seed)
    stack = _blocks(kind, width, depth, scheme)
    _draw(stack, scheme, rng)
    return stack


def _blocks(kind: str, width: int, depth: int, scheme: str) -> nn.Sequential:
    size, blocks = whole(width, "width"), whole(depth, "depth")
    check_scheme(scheme)
    if kind not in KINDS:
        raise ValueError(f"There is no kind {kind!r}; there are: {'; '.join(KINDS)}.")
    normalise = kind.endswith("normalised")
    scale = 1.0 / math.sqrt(blocks) if kind.endswith("√L") else 1.0
    with keep_generator():
        if kind.startswith("plain"):
            return nn.Sequential(*(PlainBlock(size, normalise) for _ in range(blocks)))
        return nn.Sequential(*(ResidualBlock(size, normalise, scale) for _ in range(blocks)))


def deep_net(
    kind: str, inputs: int, outputs: int, width: int, depth: int, scheme: str = "default", seed: int = 0
) -> nn.Sequential:
    """A classifier: a linear layer to the width of the blocks, a `block_stack`, a linear layer to the classes.

    The first and the last layer always begin as PyTorch's own; `scheme` is for the blocks. Arguments as for
    `block_stack`. ``net[1:-1]`` are the blocks.

    Examples
    --------
    >>> net = deep_net("residual", inputs=2, outputs=2, width=16, depth=50)
    >>> len(net), net(torch.zeros(7, 2)).shape
    (52, torch.Size([7, 2]))
    """
    rng = _generator(seed)
    stack = _blocks(kind, width, depth, scheme)
    with keep_generator():
        first = nn.Linear(whole(inputs, "inputs"), width)
        last = nn.Linear(width, whole(outputs, "outputs"))
    _draw(nn.ModuleList([first, last]), "default", rng)
    _draw(stack, scheme, rng)
    return nn.Sequential(first, *stack, last)


def stable_residual_net(width: int, depth: int, seed: int = 0) -> nn.Sequential:
    """Residual blocks through which an error travels almost unchanged, however many there are.

    Branches are scaled by 1 over the root of the depth. A branch with PyTorch's own weights stretches the
    mean square of an error by 1/6, so a block does by 1 + 1/(6 L), and L of them by less than e^(1/6):
    the gradient at the first block is about 1.09 times that at the last.

    Parameters
    ----------
    width, depth : int
        Width of every block, and number of blocks.
    seed : int
        Of the weights. The global generator is left as it was found.

    Examples
    --------
    >>> len(stable_residual_net(16, 50))
    50
    """
    return block_stack("residual, 1/√L", width, depth, "default", seed)


def branch_gain(scheme: str, width: int) -> float:
    """By what factor a branch F stretches the mean square of an error on its way back: width var(W) / 2.

    The half stands for the ReLU, which stops half of the numbers (He, arXiv:1502.01852). A plain stack then
    multiplies the gradient by the gain to the power L/2; a residual one by (1 + scale^2 gain)^(L/2), since
    the mean of W is zero and shortcut and branch add like independent errors.

    Examples
    --------
    >>> [round(branch_gain(scheme, 32), 4) for scheme in ("default", "he", "xavier", "small")]
    [0.1667, 1.0, 0.5, 0.0016]
    """
    size = whole(width, "width")
    check_scheme(scheme)
    variance = {"default": 1 / (3 * size), "xavier": 1 / size, "small": 1e-4, "zero": 0.0}
    return size * variance.get(scheme, 2 / size) / 2
