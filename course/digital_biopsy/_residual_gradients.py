"""Gradients and Jacobians as PyTorch finds them. Private to the package; `residual` shows it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from ._arguments import numbers, require
from ._residual_nets import one_thread

Floats = NDArray[np.float64]
Loss = Callable[[Tensor, Tensor], Tensor]


def gradient_profile(
    model: nn.Sequential, x: Any, target: Any, loss: Loss = nn.functional.mse_loss
) -> Floats:
    """How large the error is when it arrives at each block: norm of d loss / d input, first block first.

    The model is left as it is, and so are its gradients: the work is done on a copy in float64, which
    holds gradients down to 1e-308.

    Parameters
    ----------
    model : torch.nn.Sequential
        Its children are the blocks.
    x : array or tensor
        Input of the first block, a batch of any size.
    target : array or tensor
        What the loss compares the output with; for the mean squared error, in the shape of the output.
    loss : callable
        Takes output and target, returns a tensor of one number. By default the mean squared error.

    Returns
    -------
    float64 array, shape (number of blocks,)
        Root of the sum of squares over all entries of the block's input, batch included. 0 for a block whose
        input does not reach the loss.

    Raises
    ------
    TypeError
        If the model is no Sequential.
    ValueError
        If the model is empty, `x` or `target` holds NaN, target and output differ in shape, or the loss is
        not one finite number.

    Examples
    --------
    Halving three times: the error is 1/2, 1/4, 1/8 of the output's at the inputs of blocks 3, 2, 1.

    >>> halves = nn.Sequential(*(nn.Linear(1, 1, bias=False) for _ in range(3)))
    >>> for block in halves:
    ...     _ = nn.init.constant_(block.weight, 0.5)
    >>> gradient_profile(halves, x=[[8.0]], target=[[0.0]])
    array([0.25, 0.5 , 1.  ])
    """
    twin = _double_copy(model)
    wanted = _tensor(target, "target")
    if loss is nn.functional.mse_loss:
        wanted = wanted.double()
    inputs: list[Tensor] = []
    with one_thread(), torch.enable_grad():
        signal = _tensor(x, "x").double().requires_grad_()
        for block in twin:
            inputs.append(signal)
            signal = block(signal.clone())  # a clone, for a block may change its input in place
        if loss is nn.functional.mse_loss and signal.shape != wanted.shape:
            raise ValueError(
                f"target has the shape {tuple(wanted.shape)}, the model's output {tuple(signal.shape)}."
            )
        error = loss(signal, wanted)
        if error.numel() != 1 or not bool(torch.isfinite(error).all()):
            raise ValueError("The loss must be one finite number: the signal is NaN or has overflowed.")
        gradients = torch.autograd.grad(error.sum(), inputs, allow_unused=True)
    return np.array([0.0 if g is None else _norm(g.numpy()) for g in gradients])


def similarity_profile(model: nn.Sequential, x: Any) -> Floats:
    """How alike the signals of different inputs have become: mean cosine between them at each block's input.

    Where it comes near 1 the block can hardly tell the inputs apart, and a gradient that arrives there, however
    large, has little to teach.

    Parameters
    ----------
    model : torch.nn.Sequential
    x : array or tensor, shape (examples, inputs)
        Two examples or more.

    Returns
    -------
    float64 array, shape (number of blocks,)
        From -1 to 1, averaged over all pairs of examples; NaN where a signal is zero.

    Raises
    ------
    TypeError, ValueError
        As for `gradient_profile`; also if `x` is not a batch of two or more.

    Examples
    --------
    >>> similarity_profile(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), [[1.0, 0.0], [0.0, 1.0]])[0]
    np.float64(0.0)
    """
    twin = _double_copy(model)
    signal = _tensor(x, "x").double()
    if signal.ndim != 2 or len(signal) < 2:
        raise ValueError(
            f"x must be a batch, two examples or more in rows; its shape is {tuple(signal.shape)}."
        )
    n = len(signal)
    found = []
    with one_thread(), torch.no_grad():
        for block in twin:
            # Over the largest number first: deep signals are too small to be squared.
            rows = signal / signal.abs().amax(dim=1, keepdim=True)
            rows = rows / rows.norm(dim=1, keepdim=True)
            found.append((rows.sum(dim=0).square().sum().item() - n) / (n * (n - 1)))
            signal = block(signal.clone())
    return np.array(found)


def autograd_jacobian(f: Callable[[Tensor], Tensor], x: ArrayLike) -> Floats:
    """Jacobian of a torch function or module at `x`, exact to rounding: `numeric_jacobian`'s answer without a step.

    At a kink, such as ReLU at 0, PyTorch takes one side; differences take the mean of both.

    Parameters
    ----------
    f : callable
        Takes a float64 tensor in the shape of `x`, returns a tensor. A module is copied to float64 first.
    x : array

    Returns
    -------
    float64 array, shape (outputs, inputs)

    Raises
    ------
    ValueError
        If `x` is empty or not finite, or the Jacobian is not.

    Examples
    --------
    >>> autograd_jacobian(lambda x: torch.stack([x[0] * x[1], x[0] ** 2]), [2.0, 3.0])
    array([[3., 2.],
           [4., 0.]])
    """
    point = numbers(x, "x")
    if not point.size:
        raise ValueError("x is empty: a Jacobian needs one input or more.")
    require(np.isfinite(point), "x holds NaN or infinity: take the Jacobian at a point.")
    call = _in_double(f)
    with one_thread(), torch.enable_grad():
        slopes = torch.autograd.functional.jacobian(call, torch.from_numpy(point))  # type: ignore[no-untyped-call]
    jacobian = slopes.detach().numpy().reshape(-1, point.size).astype(np.float64)
    require(np.isfinite(jacobian), "f has no finite Jacobian at x.")
    return np.asarray(jacobian)


def block_jacobians(model: nn.Sequential, x: ArrayLike, branch: bool = False) -> list[Floats]:
    """Jacobians of the blocks of a model at the signal that one input sends through it, first block first.

    Parameters
    ----------
    model : torch.nn.Sequential
    x : 1-D array
        One input.
    branch : bool
        Give those of the branches, J = (Jacobian of the block) - I, which go into `residual_chain_norm`. The
        blocks must then be as wide as their inputs.

    Returns
    -------
    list of float64 arrays

    Examples
    --------
    >>> from digital_biopsy.residual import block_stack, chain_norm
    >>> jacobians = block_jacobians(block_stack("plain", 8, 3), np.ones(8))
    >>> len(jacobians), jacobians[0].shape, chain_norm(jacobians) < 1
    (3, (8, 8), True)
    """
    found: list[Floats] = []
    signal = numbers(x, "x")
    if signal.ndim != 1:
        raise ValueError(f"x must be one input, an array of one axis; its shape is {signal.shape}.")
    for block in model:
        jacobian = autograd_jacobian(block, signal)
        signal = as_numpy(block)(signal)
        if branch:
            if jacobian.shape[0] != jacobian.shape[1]:
                raise ValueError("A block gives more or fewer numbers than it takes: it has no branch.")
            jacobian = jacobian - np.eye(len(jacobian))
        found.append(jacobian)
    return found


def as_numpy(f: Callable[[Tensor], Tensor]) -> Callable[[ArrayLike], Floats]:
    """A torch function or module as a function of NumPy arrays in float64, as `numeric_jacobian` takes it.

    Examples
    --------
    >>> as_numpy(nn.ReLU())([-1.0, 2.0])
    array([0., 2.])
    """
    call = _in_double(f)

    def function(x: ArrayLike) -> Floats:
        with torch.no_grad():
            return np.asarray(call(torch.tensor(np.asarray(x, dtype=np.float64))).numpy(), dtype=np.float64)

    return function


def _double_copy(model: nn.Sequential) -> nn.Sequential:
    if not isinstance(model, nn.Sequential):
        raise TypeError(f"model must be a torch.nn.Sequential of blocks, not a {type(model).__name__}.")
    if not len(model):
        raise ValueError("model is an empty Sequential: it has no block to look at.")
    return copy.deepcopy(model).double()


def _in_double(f: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return copy.deepcopy(f).double() if isinstance(f, nn.Module) else f


def _tensor(value: Any, name: str) -> Tensor:
    if isinstance(value, Tensor):
        tensor = value.detach().clone()
    else:
        numbers(value, name)  # refuses what holds no numbers
        tensor = torch.from_numpy(np.array(value))
    if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
        raise ValueError(f"{name} holds NaN or infinity.")
    return tensor


def _norm(gradient: Floats) -> float:
    """Euclidean norm that squares no number below 1e-154 to nothing."""
    largest = float(np.abs(gradient).max(initial=0.0))
    if not 0.0 < largest < np.inf:
        return largest
    return largest * float(np.linalg.norm(gradient / largest))
