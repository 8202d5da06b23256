"""Chapter 7: blocks, how their weights begin, and the gradients that arrive at each."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from digital_biopsy.residual import (
    KINDS,
    SCHEMES,
    PlainBlock,
    ResidualBlock,
    as_numpy,
    autograd_jacobian,
    block_jacobians,
    block_stack,
    branch_gain,
    chain_norm,
    deep_net,
    gradient_profile,
    initialise,
    numeric_jacobian,
    residual_chain_norm,
    similarity_profile,
    stable_residual_net,
)


def batch(n: int = 16, width: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, width))


def weights(net: nn.Module) -> list[np.ndarray]:
    return [weight.detach().numpy().copy() for weight in net.parameters()]


# ---------------------------------------------------------------- blocks


def test_the_blocks_are_what_they_say() -> None:
    plain = PlainBlock(8)
    residual = ResidualBlock(8)
    residual.load_state_dict(plain.state_dict())
    scaled = ResidualBlock(8, scale=0.25)
    scaled.load_state_dict(plain.state_dict())
    x = torch.from_numpy(batch()).float()
    weight, bias = (parameter.detach() for parameter in plain.parameters())
    branch = x.clamp(min=0) @ weight.T + bias
    torch.testing.assert_close(plain(x), branch)
    torch.testing.assert_close(residual(x), x + branch)
    torch.testing.assert_close(scaled(x), x + 0.25 * branch)


def test_any_axes_before_the_last() -> None:
    block = ResidualBlock(8)
    x = torch.from_numpy(batch(12)).float()
    torch.testing.assert_close(block(x.reshape(3, 4, 8)).reshape(12, 8), block(x))
    torch.testing.assert_close(block(x[0]), block(x)[0])


def test_blocks_of_zeros() -> None:
    x = torch.from_numpy(batch()).float()
    assert bool((initialise(PlainBlock(8), "zero")(x) == 0).all())
    assert bool((initialise(ResidualBlock(8), "zero")(x) == x).all())
    assert bool((initialise(ResidualBlock(8, normalise=True), "zero")(x) == x).all())


def test_normalised_branches_do_not_see_the_size_of_their_input() -> None:
    x = torch.from_numpy(batch()).double()
    block = PlainBlock(8, normalise=True).double()
    torch.testing.assert_close(block(100 * x), block(x), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(PlainBlock(8).double()(100 * x), PlainBlock(8).double()(x))


def test_kinds_of_stacks() -> None:
    stacks = {kind: block_stack(kind, 8, 9) for kind in KINDS}
    assert {kind: len(stack) for kind, stack in stacks.items()} == dict.fromkeys(KINDS, 9)
    assert {kind for kind, stack in stacks.items() if isinstance(stack[0], ResidualBlock)} == set(KINDS[2:])
    normal = {
        kind for kind, stack in stacks.items() if any(isinstance(m, nn.LayerNorm) for m in stack.modules())
    }
    assert normal == {"plain, normalised", "residual, normalised"}
    assert stacks["residual"][0].scale == 1.0
    assert stacks["residual, 1/√L"][0].scale == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: PlainBlock(0), "width must be a whole number, 1 or more, not 0"),
        (lambda: ResidualBlock(2.0), "width must be"),  # type: ignore[arg-type]
        (lambda: ResidualBlock(True), "width must be"),
        (lambda: ResidualBlock(4, scale=math.nan), "scale must be a finite number"),
        (lambda: PlainBlock(8)(torch.zeros(5, 7)), r"8 wide; x has the shape \(5, 7\)"),
        (lambda: ResidualBlock(8)(torch.zeros(())), r"8 wide; x has the shape \(\)"),
        (lambda: ResidualBlock(8)(torch.zeros(5, 1)), "8 wide"),  # would broadcast
        (lambda: block_stack("resnet", 8, 3), "no kind 'resnet'; there are: plain; plain, normalised"),
        (lambda: block_stack("plain", 8, 3, "kaiming"), "no scheme 'kaiming'; there are: default, he"),
        (lambda: block_stack("plain", 8, 0), "depth must be"),
        (lambda: block_stack("plain", 0, 3), "width must be"),
        (lambda: block_stack("plain", 8, 3, seed=-1), "seed must be a whole number, 0 or more"),
        (lambda: block_stack("plain", 8, 3, seed=0.5), "seed must be"),  # type: ignore[arg-type]
        (lambda: deep_net("plain", 0, 2, 8, 3), "inputs must be"),
        (lambda: deep_net("plain", 2, 0, 8, 3), "outputs must be"),
        (lambda: initialise(nn.Linear(2, 2), "x"), "no scheme 'x'"),
        (lambda: branch_gain("x", 3), "no scheme 'x'"),
        (lambda: branch_gain("he", 0), "width must be"),
        (lambda: stable_residual_net(8, 0), "depth must be"),
        (lambda: stable_residual_net(0, 8), "width must be"),
    ],
)
def test_bad_blocks(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


# ---------------------------------------------------------------- how weights begin


@pytest.mark.parametrize(
    ("scheme", "deviation"),
    [("he", math.sqrt(2 / 200)), ("xavier", math.sqrt(1 / 200)), ("small", 0.01), ("zero", 0.0),
     ("default", math.sqrt(1 / 600)), ("orthogonal", math.sqrt(2 / 200))],
)  # fmt: skip
def test_schemes(scheme: str, deviation: float) -> None:
    layer = initialise(nn.Linear(200, 200), scheme, seed=3)
    assert float(layer.weight.detach().std()) == pytest.approx(deviation, rel=0.02)
    assert branch_gain(scheme, 200) == pytest.approx(200 * deviation**2 / 2)
    if scheme == "default":
        assert float(layer.bias.detach().abs().max()) == pytest.approx(1 / math.sqrt(200), rel=0.05)
    else:
        assert float(layer.bias.detach().abs().max()) == 0.0
    if scheme == "orthogonal":
        gram = (layer.weight @ layer.weight.T).detach().numpy()
        np.testing.assert_allclose(gram, 2 * np.eye(200), atol=1e-4)


def test_default_is_what_pytorch_does() -> None:
    torch_own = nn.Linear(200, 200)
    ours = initialise(nn.Linear(200, 200), "default")
    for one, other in zip(torch_own.parameters(), ours.parameters(), strict=True):
        assert float(one.detach().std()) == pytest.approx(float(other.detach().std()), rel=0.1)
        assert float(one.detach().abs().max()) == pytest.approx(float(other.detach().abs().max()), rel=0.05)


def test_initialise_takes_any_module() -> None:
    net = nn.Sequential(nn.Conv1d(1, 1, 3), nn.Linear(4, 4, bias=False), nn.LayerNorm(4))
    kept = net[0].weight.detach().clone()
    assert initialise(net, "zero") is net
    assert bool((net[1].weight == 0).all())
    assert bool((net[0].weight == kept).all())


def test_the_seed_decides_and_the_global_generator_stays() -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    one, again = block_stack("plain", 8, 4, "he", seed=1), block_stack("plain", 8, 4, "he", seed=1)
    other = block_stack("plain", 8, 4, "he", seed=2)
    initialise(one[0], "he", seed=5)
    one = block_stack("plain", 8, 4, "he", seed=1)
    deep_net("residual", 3, 2, 8, 4)
    stable_residual_net(8, 4)
    with pytest.raises(ValueError, match="outputs must be"):
        deep_net("residual", 3, -2, 8, 4)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(8)
    later = block_stack("plain", 8, 4, "he", seed=1)
    for a, b, c, d in zip(weights(one), weights(again), weights(later), weights(other), strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)
        assert a.ndim == 1 or not np.array_equal(a, d)
    assert not np.array_equal(weights(one)[0], weights(one)[2])  # no two blocks are the same


@pytest.mark.parametrize("scheme", SCHEMES)
def test_kinds_differ_in_their_blocks_and_not_in_their_weights(scheme: str) -> None:
    plain, residual, scaled = (deep_net(kind, 3, 2, 8, 4, scheme) for kind in (KINDS[0], KINDS[2], KINDS[4]))
    for a, b, c in zip(weights(plain), weights(residual), weights(scaled), strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)
    assert float(plain[0].weight.detach().std()) > 0.1  # the first layer is no branch


# ---------------------------------------------------------------- gradient_profile


def test_profile_is_the_gradient_of_the_mean_squared_error() -> None:
    """Against differences of the loss itself, for every block's input."""
    net = block_stack("residual", 4, 3, "he").double()
    x, target = batch(2, 4), batch(2, 4, seed=1)
    found = gradient_profile(net, x, target)
    signal = x
    for i in range(3):
        rest = as_numpy(net[i:])
        slope = numeric_jacobian(lambda v, rest=rest: np.mean((rest(v) - target) ** 2), signal)
        assert found[i] == pytest.approx(np.linalg.norm(slope), rel=1e-6)
        signal = as_numpy(net[i])(signal)


def test_profile_follows_the_chain_rule() -> None:
    net = block_stack("plain", 6, 5, "he").double()
    x = batch(1, 6)
    out = as_numpy(net)(x)
    error = 2 * (out - 0.5).ravel() / 6
    jacobians = block_jacobians(net, x[0])
    found = gradient_profile(net, x, np.full((1, 6), 0.5))
    for i in range(5)[::-1]:
        error = jacobians[i].T @ error
        assert found[i] == pytest.approx(np.linalg.norm(error), rel=1e-10)
    assert found[0] <= chain_norm(jacobians) * np.linalg.norm(2 * (out - 0.5) / 6)


def test_profile_leaves_model_and_gradients_alone() -> None:
    net = block_stack("residual, normalised", 8, 3)
    net.eval()
    net[0].branch[-1].weight.grad = torch.ones(8, 8)
    before = copy.deepcopy(net.state_dict())
    threads = torch.get_num_threads()
    x = torch.from_numpy(batch()).float().requires_grad_()
    with torch.no_grad():
        profile = gradient_profile(net, x, torch.zeros(16, 8))
    assert profile.shape == (3,) and profile.dtype == np.float64
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert {value.dtype for value in net.state_dict().values()} == {torch.float32}
    assert net[0].branch[-1].weight.grad.eq(1).all() and net[1].branch[-1].weight.grad is None
    assert x.grad is None and not net.training
    assert torch.get_num_threads() == threads


def test_profile_of_blocks_that_write_into_their_input() -> None:
    layer = initialise(nn.Linear(4, 4), "he")
    tidy = nn.Sequential(nn.ReLU(), layer, nn.ReLU())
    careless = nn.Sequential(nn.ReLU(inplace=True), layer, nn.ReLU(inplace=True))
    x, target = batch(5, 4), batch(5, 4, seed=1)
    np.testing.assert_array_equal(gradient_profile(careless, x, target), gradient_profile(tidy, x, target))
    twice = nn.Sequential(nn.Identity(), nn.Identity())
    assert gradient_profile(twice, [[3.0]], [[1.0]]).tolist() == [4.0, 4.0]


def test_profile_sees_what_float32_does_not() -> None:
    net = block_stack("plain", 32, 120, "small")
    profile = gradient_profile(net, batch(width=32), batch(width=32, seed=1))
    assert 1e-200 < profile[0] < 1e-150  # its square is below float64's smallest number
    assert np.all(np.diff(np.log10(profile)) > 0.5)


def test_profile_with_another_loss_and_integers() -> None:
    net = deep_net("residual", 2, 3, 8, 4)
    x, labels = np.arange(10).reshape(5, 2), np.array([0, 1, 2, 0, 1])
    found = gradient_profile(net, x, labels, loss=nn.functional.cross_entropy)
    assert found.shape == (6,) and np.all(found > 0)
    constant = nn.Sequential(nn.Linear(2, 2), initialise(PlainBlock(2), "zero"))
    assert gradient_profile(constant, x, np.ones((5, 2), int)).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("model", "x", "target", "error", "words"),
    [
        (nn.Linear(2, 2), [[1.0, 2.0]], [[1.0, 2.0]], TypeError, "Sequential of blocks, not a Linear"),
        ([nn.Linear(2, 2)], [[1.0, 2.0]], [[1.0, 2.0]], TypeError, "not a list"),
        (nn.Sequential(), [[1.0]], [[1.0]], ValueError, "empty Sequential"),
        (nn.Sequential(nn.Identity()), [[math.nan]], [[1.0]], ValueError, "x holds NaN"),
        (nn.Sequential(nn.Identity()), [[1.0]], [[math.inf]], ValueError, "target holds NaN or infinity"),
        (nn.Sequential(nn.Identity()), [[1.0]], [1.0], ValueError, r"target has the shape \(1,\)"),
        (nn.Sequential(nn.Identity()), [["a"]], [[1.0]], ValueError, "x must be a number or an array"),
        (nn.Sequential(nn.Identity()), [[1e200]], [[0.0]], ValueError, "The loss must be one finite number"),
    ],
)
def test_bad_profiles(model: Any, x: Any, target: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        gradient_profile(model, x, target)


def test_a_loss_is_one_number() -> None:
    with pytest.raises(ValueError, match="one finite number"):
        gradient_profile(nn.Sequential(nn.Identity()), [[1.0, 2.0]], [[0.0, 0.0]], loss=lambda a, b: a - b)


# ---------------------------------------------------------------- what the kinds and schemes do


def decades(kind: str, scheme: str, seed: int, width: int = 32, depth: int = 50) -> float:
    x, target = np.random.default_rng(seed).standard_normal((2, 64, width))
    profile = gradient_profile(block_stack(kind, width, depth, scheme, seed), x, target)
    return float(np.log10(profile[0] / profile[-1]))


@pytest.mark.parametrize(
    ("kind", "scheme", "low", "high"),
    [
        ("plain", "default", -21, -18.5),
        ("plain", "xavier", -9, -7),
        ("plain", "small", -71, -67),
        ("plain", "he", -1.7, 0.7),
        ("plain", "orthogonal", -0.7, 0.7),
        ("plain, normalised", "he", -1.6, 1.0),
        ("residual", "default", 1.6, 2.8),
        ("residual", "xavier", 4.2, 5.8),
        ("residual", "he", 6.9, 8.8),
        ("residual", "orthogonal", 7.2, 8.5),
        ("residual", "small", 0.0, 0.1),
        ("residual", "zero", -1e-12, 1e-12),
        ("residual, normalised", "default", 0.3, 0.7),
        ("residual, normalised", "he", 0.7, 1.2),
        ("residual, 1/√L", "default", 0.03, 0.1),
        ("residual, 1/√L", "he", 0.3, 0.6),
    ],
)
def test_fifty_blocks(kind: str, scheme: str, low: float, high: float) -> None:
    """Decades by which the gradient grows from the last block to the first."""
    for seed in (1, 2):
        assert low < decades(kind, scheme, seed) < high


@pytest.mark.parametrize("scheme", ["default", "xavier", "he"])
def test_gains_predict_the_growth_of_an_error_that_knows_nothing_of_the_weights(scheme: str) -> None:
    depth, width = 20, 128
    gain = branch_gain(scheme, width)
    predicted = {
        "plain": gain**depth,
        "residual": (1 + gain) ** depth,
        "residual, 1/√L": (1 + gain / depth) ** depth,
    }
    for kind, expected in predicted.items():
        growth = []
        for seed in range(4):
            x, error = np.random.default_rng(seed).standard_normal((2, 32, width))
            profile = gradient_profile(
                block_stack(kind, width, depth, scheme, seed), x, error, loss=lambda out, e: (out * e).sum()
            )
            growth.append(np.log((profile[0] / np.linalg.norm(error)) ** 2))
        assert np.mean(growth) / depth == pytest.approx(np.log(expected) / depth, abs=0.1)


@pytest.mark.parametrize("width", [4, 16, 32])
@pytest.mark.parametrize("depth", [1, 2, 50, 120])
def test_stable_nets_are_stable(width: int, depth: int) -> None:
    for seed in range(4):
        net = stable_residual_net(width, depth, seed)
        assert len(net) == depth
        x, target = np.random.default_rng(seed + 100).standard_normal((2, 16, width))
        profile = gradient_profile(net, x, target)
        assert 0.5 <= profile[0] / profile[-1] <= 2
        assert all(float(block.branch[-1].weight.detach().abs().max()) > 0 for block in net)


def test_stable_nets_still_compute_something() -> None:
    net = stable_residual_net(16, 50)
    x = torch.from_numpy(batch(8, 16)).float()
    assert float((net(x) - x).detach().norm() / x.norm()) > 0.2


# ---------------------------------------------------------------- signals


def test_similarity_is_the_mean_cosine_of_pairs() -> None:
    net = block_stack("plain", 8, 3).double()
    signal = batch(5)
    found = similarity_profile(net, signal)
    for i in range(3):
        rows = signal / np.linalg.norm(signal, axis=1, keepdims=True)
        pairs = [rows[a] @ rows[b] for a in range(5) for b in range(a)]
        assert found[i] == pytest.approx(np.mean(pairs), rel=1e-10)
        signal = as_numpy(net[i])(signal)


def test_deep_plain_nets_forget_their_inputs() -> None:
    """A healthy gradient is not all: signals that are all alike carry nothing to learn from."""
    x = batch(32, 32)
    at_the_end = {kind: similarity_profile(block_stack(kind, 32, 50), x)[-1] for kind in KINDS}
    assert at_the_end["plain"] > 0.9999
    assert at_the_end["plain, normalised"] > 0.999
    assert at_the_end["residual, 1/√L"] < 0.3
    assert -2 < decades("plain, normalised", "default", 1) < -0.5
    tiny = similarity_profile(block_stack("plain", 32, 150, "small"), x)
    assert np.all(np.isfinite(tiny)) and tiny[-1] > 0.9


@pytest.mark.parametrize(
    ("x", "words"),
    [
        ([1.0, 2.0], "x must be a batch"),
        ([[1.0, 2.0]], "x must be a batch"),
        ([[np.nan], [1.0]], "x holds NaN"),
    ],
)
def test_bad_similarities(x: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        similarity_profile(nn.Sequential(nn.Identity()), x)


def test_similarity_of_nothing() -> None:
    assert math.isnan(similarity_profile(nn.Sequential(nn.Identity()), [[0.0, 0.0], [1.0, 0.0]])[0])
    with pytest.raises(TypeError, match="Sequential"):
        similarity_profile(nn.Linear(1, 1), [[0.0], [1.0]])  # type: ignore[arg-type]


# ---------------------------------------------------------------- Jacobians of nets


@pytest.mark.parametrize("kind", KINDS)
def test_autograd_and_differences_agree(kind: str) -> None:
    net = block_stack(kind, 6, 4, "he", seed=2)
    x = batch(1, 6, seed=3)[0]
    exact = autograd_jacobian(net, x)
    assert exact.shape == (6, 6) and exact.dtype == np.float64
    np.testing.assert_allclose(numeric_jacobian(as_numpy(net), x), exact, rtol=1e-6, atol=1e-7)
    assert {weight.dtype for weight in net.parameters()} == {torch.float32}


def test_jacobian_of_a_block_is_known() -> None:
    block = ResidualBlock(5)
    x = batch(1, 5)[0]
    weight = block.branch[-1].weight.detach().double().numpy()
    np.testing.assert_allclose(autograd_jacobian(block, x), np.eye(5) + weight * (x > 0), rtol=1e-12)
    assert autograd_jacobian(nn.ReLU(), [0.0])[0, 0] == 0.0
    assert numeric_jacobian(as_numpy(nn.ReLU()), [0.0])[0, 0] == 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_the_product_of_the_blocks_is_the_net(kind: str) -> None:
    net = block_stack(kind, 6, 7, "xavier")
    x = batch(1, 6)[0]
    whole = np.linalg.norm(autograd_jacobian(net, x), 2)
    assert chain_norm(block_jacobians(net, x)) == pytest.approx(whole, rel=1e-9)
    branches = block_jacobians(net, x, branch=True)
    assert residual_chain_norm(branches) == pytest.approx(whole, rel=1e-9)


def test_shapes_of_jacobians() -> None:
    net = deep_net("plain", 2, 3, 5, 2)
    assert [j.shape for j in block_jacobians(net, [0.1, 0.2])] == [(5, 2), (5, 5), (5, 5), (3, 5)]
    assert autograd_jacobian(lambda v: v.T, np.ones((2, 3))).shape == (6, 6)
    assert autograd_jacobian(lambda v: (v**2).sum(), [1, 2]).tolist() == [[2.0, 4.0]]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: autograd_jacobian(torch.sin, []), "x is empty"),
        (lambda: autograd_jacobian(torch.sin, [np.nan]), "x holds NaN"),
        (lambda: autograd_jacobian(torch.sqrt, [0.0]), "no finite Jacobian"),
        (lambda: block_jacobians(block_stack("plain", 3, 2), np.ones((2, 3))), "x must be one input"),
        (lambda: block_jacobians(deep_net("plain", 2, 2, 4, 2), [1.0, 2.0], branch=True), "has no branch"),
    ],
)
def test_bad_jacobians(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
