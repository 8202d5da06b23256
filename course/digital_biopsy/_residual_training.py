"""Two small tasks, and deep nets that are trained on them. Private to the package; `residual` shows it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ._arguments import numbers
from ._residual_chains import whole
from ._residual_nets import deep_net, one_thread

Floats = NDArray[np.float64]
Watch = Callable[[int, nn.Sequential], None]


# ---------------------------------------------------------------- tasks


@dataclass(frozen=True, eq=False)
class Task:
    """Examples of two kinds to learn from, and as many others to be examined with.

    Parameters
    ----------
    x, held_out_x : float32 arrays, shape (examples, inputs)
    y, held_out_y : int64 arrays, shape (examples,)
        0 or 1; half of the examples are of each kind.
    """

    x: NDArray[np.float32]
    y: NDArray[np.int64]
    held_out_x: NDArray[np.float32]
    held_out_y: NDArray[np.int64]


def spirals(n: int = 600, turns: float = 1.5, noise: float = 0.015, seed: int = 0) -> Task:
    """Two spirals, one inside the other: a task in a plane, whose decision can be drawn.

    Parameters
    ----------
    n : int
        Points to learn from, and as many held out; 2 or more.
    turns : float
        Of each spiral, from the middle to radius 1.
    noise : float
        Standard deviation of each coordinate. The arms lie 1 / (2 turns) apart.
    seed : int
        Of the points.

    Examples
    --------
    >>> task = spirals()
    >>> task.x.shape, np.bincount(task.y).tolist()
    ((600, 2), [300, 300])
    """

    def points(rng: np.random.Generator, kind: NDArray[np.int64]) -> Floats:
        radius = np.sqrt(rng.uniform(0.01, 1.0, kind.size))
        angle = 2 * np.pi * turns * radius + np.pi * kind
        centres = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
        return np.asarray(centres + noise * rng.standard_normal(centres.shape))

    return _task(points, n, seed)


def nodule_patches(n: int = 600, noise: float = 60.0, seed: int = 0) -> Task:
    """Synthetic lung nodules in patches of 16 x 16 pixels of 1 mm: 0 a smooth margin, 1 a lobulated one.

    Radius (3.5 to 5 mm), place, density (-70 to 130 HU in lung of -850 HU), number (5 to 8) and depth of the
    lobes (up to 8 % of the radius where smooth, 20 % to 45 % where lobulated) vary from nodule to nodule.

    Parameters
    ----------
    n : int
        Nodules to learn from, and as many held out; 2 or more.
    noise : float
        Standard deviation, HU.
    seed : int
        Of the nodules.

    Returns
    -------
    Task
        Each patch is one row of 256 numbers: (HU + 400) / 500.

    Examples
    --------
    >>> nodule_patches(n=40).x.reshape(-1, 16, 16).shape
    (40, 16, 16)
    """

    def patches(rng: np.random.Generator, kind: NDArray[np.int64]) -> Floats:
        def draw(low: float, high: float) -> Floats:
            return rng.uniform(low, high, (kind.size, 1, 1))

        axis = np.arange(16) - 7.5  # mm
        across, down = axis - draw(-1, 1), axis[:, np.newaxis] - draw(-1, 1)
        lobes = rng.integers(5, 9, (kind.size, 1, 1))
        depth = np.where(kind[:, np.newaxis, np.newaxis] == 1, draw(0.2, 0.45), draw(0.0, 0.08))
        waves = np.cos(lobes * np.arctan2(down, across) + draw(0, 2 * np.pi))
        edge = draw(3.5, 5.0) * (1 + depth * waves)
        share = np.clip(0.5 - (np.hypot(across, down) - edge) / 1.5, 0, 1)
        hu = -850.0 + share * (880.0 + draw(-100, 100))
        hu += noise * rng.standard_normal(hu.shape)
        return np.asarray((hu.reshape(kind.size, -1) + 400.0) / 500.0)

    return _task(patches, n, seed)


def _task(make: Callable[[np.random.Generator, NDArray[np.int64]], Floats], n: int, seed: int) -> Task:
    kind = np.arange(whole(n, "n", least=2)) % 2
    streams = np.random.default_rng(whole(seed, "seed", least=0)).spawn(2)
    x, held_out = (make(rng, kind).astype(np.float32) for rng in streams)
    return Task(x, kind, held_out, kind.copy())


# ---------------------------------------------------------------- training


@dataclass(frozen=True, eq=False)
class Training:
    """How a training went. Every curve has one number a step, taken before the step.

    Parameters
    ----------
    loss : array
        Cross-entropy on the examples to learn from; that of guessing is ln 2 = 0.693.
    accuracy : array
        Share of the held-out examples that are named rightly.
    first_gradient, last_gradient : arrays
        Norm of the gradient of the weights of the first and of the last block.
    held_out_accuracy : float
        After the last step.
    net : torch.nn.Sequential
        The trained net.
    """

    loss: Floats
    accuracy: Floats
    first_gradient: Floats
    last_gradient: Floats
    held_out_accuracy: float
    net: nn.Sequential


def train(
    net: nn.Sequential, task: Task, steps: int = 150, rate: float = 1e-3, watch: Watch | None = None
) -> Training:
    """Train a copy of a net with Adam, all examples at every step, on one thread.

    Nothing is drawn at random here: the same net, task and steps give the same curves.

    Parameters
    ----------
    net : torch.nn.Sequential
        As from `deep_net`: a layer, blocks, a layer. It is left as it is.
    task : Task
    steps : int
        1 or more.
    rate : float
        Learning rate, above zero.
    watch : callable, optional
        Called after every step with the number of steps done and the net as it then is; for progress bars
        and pictures. It must not change the net.

    Returns
    -------
    Training

    Raises
    ------
    ValueError
        If the net has fewer than three layers, or takes or gives other numbers than the task needs.
    """
    count = whole(steps, "steps")
    speed = numbers(rate, "rate")
    if speed.ndim or not 0 < speed < np.inf:
        raise ValueError(f"rate must be a finite number above zero, not {rate!r}.")
    if not isinstance(net, nn.Sequential) or len(net) < 3:
        raise ValueError("net must be a Sequential of a layer, one block or more, and a layer: see deep_net.")
    inputs, classes = task.x.shape[1], int(task.y.max()) + 1
    if getattr(net[0], "in_features", inputs) != inputs:
        raise ValueError(f"The net takes {net[0].in_features} numbers, the task has examples of {inputs}.")
    if getattr(net[-1], "out_features", classes) < classes:
        raise ValueError(f"The net gives {net[-1].out_features} numbers, the task has {classes} classes.")
    twin = copy.deepcopy(net)
    weights = list(twin.parameters())
    ends = [_weight(twin[1]), _weight(twin[-2])]
    optimiser = torch.optim.Adam(weights, lr=float(speed))
    x, held_out = torch.from_numpy(task.x), torch.from_numpy(task.held_out_x)
    y, truth = torch.from_numpy(task.y), torch.from_numpy(task.held_out_y)
    curves = np.empty((4, count))
    with one_thread(), torch.enable_grad():
        for step in range(count):
            loss = nn.functional.cross_entropy(twin(x), y)
            optimiser.zero_grad()
            gradients = torch.autograd.grad(loss, weights, allow_unused=True)
            for weight, gradient in zip(weights, gradients, strict=True):
                weight.grad = gradient
            curves[:, step] = loss.item(), _accuracy(twin, held_out, truth), *(_size(end) for end in ends)
            optimiser.step()
            if watch is not None:
                watch(step + 1, twin)
        final = _accuracy(twin, held_out, truth)
    for weight in weights:
        weight.grad = None
    return Training(curves[0], curves[1], curves[2], curves[3], final, twin)


def race(
    task: Task,
    kinds: tuple[str, ...] = ("plain", "residual"),
    scheme: str = "default",
    width: int = 32,
    depth: int = 50,
    steps: int = 150,
    rate: float = 1e-3,
    seed: int = 0,
    watch: Callable[[str, int, nn.Sequential], None] | None = None,
) -> dict[str, Training]:
    """Train nets that differ in the kind of their blocks and in nothing else: weights, examples, steps are the same.

    Parameters
    ----------
    task : Task
    kinds : tuple of str
        As for `block_stack`.
    scheme, width, depth, seed
        As for `deep_net`.
    steps, rate
        As for `train`.
    watch : callable, optional
        As for `train`, with the kind as its first argument.

    Returns
    -------
    dict
        A `Training` for each kind.

    Examples
    --------
    >>> found = race(spirals(n=100), depth=20, steps=3)
    >>> {kind: training.loss.shape for kind, training in found.items()}
    {'plain': (3,), 'residual': (3,)}
    """
    if not kinds:
        raise ValueError("kinds is empty: name one kind of block or more.")
    inputs, classes = task.x.shape[1], int(task.y.max()) + 1
    nets = {kind: deep_net(kind, inputs, classes, width, depth, scheme, seed) for kind in kinds}
    return {
        kind: train(net, task, steps, rate, None if watch is None else _named(watch, kind))
        for kind, net in nets.items()
    }


def decision_map(net: nn.Sequential, side: int = 80, reach: float = 1.2) -> Floats:
    """What a net of two inputs and two classes thinks of a square: the probability of class 1.

    Parameters
    ----------
    net : torch.nn.Sequential
    side : int
        Rows and columns.
    reach : float
        The square goes from -reach to reach, both included.

    Returns
    -------
    float64 array, shape (side, side)
        Entry [i, j] belongs to x = the j-th number across and y = the i-th number up.

    Examples
    --------
    >>> decision_map(deep_net("plain", 2, 2, width=8, depth=50), side=3).round(1).shape
    (3, 3)
    """
    axis = np.linspace(-reach, reach, whole(side, "side", least=2))
    points = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2).astype(np.float32)
    ends = getattr(net[0], "in_features", 2), getattr(net[-1], "out_features", 2)
    if ends != (2, 2):
        raise ValueError(
            f"The map is for nets of two inputs and two classes; this one has {ends[0]} and {ends[1]}."
        )
    with one_thread(), torch.no_grad():
        share = torch.softmax(net(torch.from_numpy(points)).double(), dim=1)[:, 1]
    return np.asarray(share.numpy().reshape(side, side))


def _named(watch: Callable[[str, int, nn.Sequential], None], kind: str) -> Watch:
    return lambda step, net: watch(kind, step, net)


def _weight(block: nn.Module) -> Tensor:
    """The first matrix of weights in a block."""
    for weight in block.parameters():
        if weight.ndim == 2:
            return weight
    raise ValueError("A block of the net has no weights: there is no gradient to record.")


def _size(weight: Tensor) -> float:
    return 0.0 if weight.grad is None else float(weight.grad.double().norm())


def _accuracy(net: nn.Sequential, x: Tensor, y: Tensor) -> float:
    with torch.no_grad():
        return float((net(x).argmax(dim=1) == y).double().mean())
