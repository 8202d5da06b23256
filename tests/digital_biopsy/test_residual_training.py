"""Chapter 7: two small tasks, and a plain net of fifty blocks that does not learn them beside one that does."""

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
    Task,
    Training,
    decision_map,
    deep_net,
    nodule_patches,
    race,
    spirals,
    train,
)

# ---------------------------------------------------------------- tasks


@pytest.mark.parametrize("make", [spirals, nodule_patches])
def test_tasks_are_seeded_and_even(make: Callable[..., Task]) -> None:
    one, again, other = make(n=41, seed=3), make(n=41, seed=3), make(n=41, seed=4)
    for name in ("x", "y", "held_out_x", "held_out_y"):
        np.testing.assert_array_equal(getattr(one, name), getattr(again, name))
    assert not np.array_equal(one.x, other.x)
    assert one.x.dtype == np.float32 and one.y.dtype == np.int64
    assert np.bincount(one.y).tolist() == np.bincount(one.held_out_y).tolist() == [21, 20]
    assert one.x.shape == one.held_out_x.shape and np.isfinite(one.x).all()
    rows = {row.tobytes() for row in one.x}
    assert len(rows) == 41 and not rows & {row.tobytes() for row in one.held_out_x}


def test_spirals_lie_on_their_arms() -> None:
    task = spirals(n=400, turns=1.5, noise=0.0)
    radius = np.hypot(*task.x.T)
    assert radius.min() >= 0.1 - 1e-6 and radius.max() <= 1 + 1e-6
    turned = np.exp(-2j * np.pi * 1.5 * radius) * (task.x[:, 0] + 1j * task.x[:, 1])
    np.testing.assert_allclose(turned.real, np.where(task.y == 0, radius, -radius), atol=1e-5)
    noisy = spirals(n=400, noise=0.1)
    assert np.std(noisy.x - spirals(n=400, noise=0.0).x) == pytest.approx(0.1, rel=0.1)


def test_lobulated_nodules_have_rougher_outlines() -> None:
    task = nodule_patches(n=200, noise=0.0)
    hu = task.x.reshape(-1, 16, 16) * 500 - 400
    assert hu.min() >= -850.01 and -80 <= np.median(hu.max(axis=(1, 2))) <= 135
    assert np.all(hu[:, 0, 0] == pytest.approx(-850))
    share = (hu + 850) / (hu.max(axis=(1, 2), keepdims=True) + 850)
    area = share.sum(axis=(1, 2))
    assert np.all((area > np.pi * 3.2**2) & (area < np.pi * 5.5**2))  # mm^2
    edge = np.abs(np.diff(share, axis=1)).sum(axis=(1, 2)) + np.abs(np.diff(share, axis=2)).sum(axis=(1, 2))
    rough = edge / np.sqrt(area)
    assert rough[task.y == 1].mean() > 1.05 * rough[task.y == 0].mean()
    noise = nodule_patches(n=200, noise=60.0).x - task.x
    assert 500 * float(noise.std()) == pytest.approx(60, rel=0.02)


@pytest.mark.parametrize("n", [0, 1, 2.5, True])
def test_tasks_need_two_examples(n: Any) -> None:
    for make in (spirals, nodule_patches):
        with pytest.raises(ValueError, match="n must be a whole number, 2 or more"):
            make(n)


# ---------------------------------------------------------------- the race


@pytest.fixture(scope="module")
def found() -> dict[str, Training]:
    return race(spirals(n=200), steps=100)


def test_a_plain_net_of_fifty_blocks_does_not_learn(found: dict[str, Training]) -> None:
    plain = found["plain"]
    assert plain.loss[-1] == pytest.approx(math.log(2), abs=1e-3)  # what guessing gives
    assert plain.held_out_accuracy == 0.5
    assert plain.first_gradient[0] < 1e-15 * plain.last_gradient[0]


def test_a_residual_net_of_the_same_weights_does(found: dict[str, Training]) -> None:
    residual = found["residual"]
    assert residual.loss[-1] < 0.01
    assert residual.held_out_accuracy > 0.97
    assert 0.1 < residual.first_gradient[0] / residual.last_gradient[0] < 10


def test_curves(found: dict[str, Training]) -> None:
    for kind, training in found.items():
        for name in ("loss", "accuracy", "first_gradient", "last_gradient"):
            curve = getattr(training, name)
            assert curve.shape == (100,) and curve.dtype == np.float64 and np.isfinite(curve).all()
        assert ((training.accuracy >= 0) & (training.accuracy <= 1)).all()
        assert len(training.net) == 52, kind
        assert all(weight.grad is None for weight in training.net.parameters())


def test_the_decision_follows_the_spirals(found: dict[str, Training]) -> None:
    task = spirals(n=200)
    for kind, right in {"plain": 0.5, "residual": 0.95}.items():
        shares = decision_map(found[kind].net, side=121)
        assert shares.shape == (121, 121) and shares.min() >= 0 and shares.max() <= 1
        column, row = np.rint((task.held_out_x.T + 1.2) / 2.4 * 120).astype(int)
        agree = (shares[row, column] > 0.5) == (task.held_out_y == 1)
        assert agree.mean() == pytest.approx(right, abs=0.05), kind


def test_first_step_is_where_the_net_began() -> None:
    task = spirals(n=40)
    net = deep_net("residual", 2, 2, 8, 5)
    training = train(net, task, steps=2)
    logits = net(torch.from_numpy(task.x))
    loss = nn.functional.cross_entropy(logits, torch.from_numpy(task.y))
    loss.backward()
    assert training.loss[0] == pytest.approx(loss.item(), rel=1e-6)
    assert training.first_gradient[0] == pytest.approx(net[1].branch[-1].weight.grad.norm().item(), rel=1e-5)
    assert training.last_gradient[0] == pytest.approx(net[-2].branch[-1].weight.grad.norm().item(), rel=1e-5)
    right = net(torch.from_numpy(task.held_out_x)).argmax(1).numpy() == task.held_out_y
    assert training.accuracy[0] == right.mean()


def test_held_out_examples_are_not_learned_from() -> None:
    task = spirals(n=40)
    other = Task(task.x, task.y, task.held_out_x[::-1].copy(), 1 - task.held_out_y[::-1])
    one, two = (train(deep_net("residual", 2, 2, 8, 5), t, steps=4) for t in (task, other))
    np.testing.assert_array_equal(one.loss, two.loss)
    np.testing.assert_allclose(two.accuracy, 1 - one.accuracy)
    assert two.held_out_accuracy == pytest.approx(1 - one.held_out_accuracy)
    assert np.any(one.accuracy != 0.5)


def test_training_repeats_itself_and_leaves_all_as_it_was() -> None:
    task = spirals(n=60)
    net = deep_net("residual", 2, 2, 16, 10)
    before = copy.deepcopy(net.state_dict())
    threads = torch.get_num_threads()
    torch.manual_seed(3)
    state = torch.get_rng_state()
    one = train(net, task, steps=5)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert all(weight.grad is None for weight in net.parameters())
    torch.manual_seed(4)
    try:
        torch.set_num_threads(3)
        with torch.no_grad():
            two = train(net, task, steps=5)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(one.loss, two.loss)
    np.testing.assert_array_equal(one.first_gradient, two.first_gradient)
    for a, b in zip(one.net.parameters(), two.net.parameters(), strict=True):
        assert torch.equal(a, b)


def test_threads_are_given_back_after_an_error() -> None:
    threads = torch.get_num_threads()

    def stop(step: int, net: nn.Sequential) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(deep_net("plain", 2, 2, 4, 2), spirals(n=10), watch=stop)
    assert torch.get_num_threads() == threads


def test_watching() -> None:
    seen: list[tuple[str, int, float]] = []

    def watch(kind: str, step: int, net: nn.Sequential) -> None:
        seen.append((kind, step, net[0].weight.detach().sum().item()))

    trainings = race(spirals(n=20), width=4, depth=3, steps=3, watch=watch)
    assert [(kind, step) for kind, step, _ in seen] == [
        (kind, step) for kind in ("plain", "residual") for step in (1, 2, 3)
    ]
    assert seen[2][2] == trainings["plain"].net[0].weight.detach().sum().item()
    assert len({value for _, _, value in seen}) == 6


def test_an_exploding_net_says_so_in_its_curve() -> None:
    task = spirals(n=40)
    training = race(task, ("residual",), scheme="he", depth=400, steps=2)["residual"]
    assert not training.loss[0] < 1e20


@pytest.mark.slow
def test_initialisation_alone_can_save_a_plain_net_and_break_a_residual_one() -> None:
    """He's weights: the plain net of fifty blocks learns the nodules, the residual one explodes."""
    found = race(nodule_patches(), ("plain", "residual", "residual, 1/√L"), scheme="he", steps=100)
    assert found["plain"].held_out_accuracy > 0.85
    assert found["residual"].loss[0] > 1e4
    assert found["residual"].held_out_accuracy < 0.8
    assert found["residual, 1/√L"].held_out_accuracy > 0.9


@pytest.mark.slow
def test_the_race_on_nodules() -> None:
    found = race(nodule_patches())
    assert found["plain"].held_out_accuracy == 0.5
    assert found["residual"].held_out_accuracy > 0.9


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda task: train(deep_net("plain", 2, 2, 4, 2), task, steps=0), "steps must be"),
        (lambda task: train(deep_net("plain", 2, 2, 4, 2), task, rate=0.0), "rate must be a finite number"),
        (lambda task: train(deep_net("plain", 2, 2, 4, 2), task, rate=math.nan), "rate must be"),
        (lambda task: train(nn.Sequential(nn.Linear(2, 2)), task), "net must be a Sequential of a layer"),
        (lambda task: train(nn.Linear(2, 2), task), "net must be"),
        (
            lambda task: train(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)), task),
            "has no weights",
        ),
        (lambda task: train(deep_net("plain", 3, 2, 4, 2), task), "takes 3 numbers.*of 2"),
        (lambda task: train(deep_net("plain", 2, 1, 4, 2), task), "gives 1 .*2 classes"),
        (lambda task: race(task, ("plane",)), "no kind 'plane'"),
        (lambda task: race(task, ()), "kinds is empty"),
        (lambda task: decision_map(deep_net("plain", 2, 2, 4, 2), side=1), "side must be"),
        (lambda task: decision_map(deep_net("plain", 3, 2, 4, 2)), "two inputs and two classes"),
    ],
)
def test_bad_trainings(call: Callable[[Task], Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call(spirals(n=10))
