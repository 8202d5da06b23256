"""Checks, numpy.testing, torch and IPython work on names that live in another process."""

from __future__ import annotations

import collections.abc
import io
from contextlib import redirect_stdout
from typing import Any

import numpy as np
import pytest

from autograder.engine.handles import NotPlainResult, StudentError
from digital_biopsy.check import Check, check
from tests.engine.boundary import names

ANSWERS = {
    "right": "def double(x):\n    print('working')\n    return 2 * x",
    "wrong": "def double(x):\n    return x + 2",
    "raises": "def double(x):\n    if x < 0:\n        raise ValueError('negative')\n    return 2 * x",
    "stub": "def double(x):\n    raise NotImplementedError",
    "misfit": "def double():\n    return 4",
    "stop": "def double(x):\n    raise StopIteration",
    "exits": "import sys\ndef double(x):\n    sys.exit(0)",
    "object": "class Yes:\n    def __eq__(self, o): return True\n    def __float__(self): return 4.0\ndef double(x):\n"
    "    return Yes()",
    "matrix": "import numpy as np\ndef double(x):\n    return np.matrix([2 * x])",
    "not a function": "double = 4",
    "missing": "other = 1",
    "data": "import numpy as np\ndouble = np.matrix([4])",
}
SCORES = {"right": 2.0, "raises": 2.0}


def graded(source: str) -> tuple[Check, str]:
    """What a check of `double` makes of an answer, and what it shows."""
    out = io.StringIO()
    with names(source) as space, redirect_stdout(out), check("double", points=2, namespace=space) as c:
        c.gives(4, x=2)
        c.gives(10, x=5)
        c.mistake(lambda x: x + 2, says="You added 2. Multiply by 2.")
    return c, out.getvalue()


@pytest.mark.parametrize("name", ANSWERS)
def test_a_check_of_a_function_elsewhere(name: str) -> None:
    found, text = graded(ANSWERS[name])
    assert float(found.score) == SCORES.get(name, 1.0 if name == "wrong" else 0.0)
    wanted = {
        "right": "working", "wrong": "You added 2. Multiply by 2.", "stub": "Not attempted yet", "object": "Yes",
        "matrix": "numpy matrix; return numbers", "stop": "StopIteration", "exits": "SystemExit",
    }  # fmt: skip
    assert wanted.get(name, "") in text


def test_a_check_says_the_learners_line() -> None:
    out = io.StringIO()
    source = "def share(part, whole):\n    portion = part / whole\n    return portion"
    with names(source) as space, redirect_stdout(out), check("share", points=1, namespace=space) as c:
        c.gives(0.5, 1, 2)
        c.gives(0.0, 1, 0)
    assert "portion = part / whole" in out.getvalue() and "ZeroDivisionError" in out.getvalue()


def test_a_check_of_errors_arrays_properties_and_values() -> None:
    source = """
    import numpy as np
    class Bad(ValueError): pass
    def scale(x, by):
        if by == 0: raise Bad("by must not be 0")
        x *= by
        return x
    limits = {"low": 1.0, "high": [2, 3]}
    """
    out = io.StringIO()
    given = np.arange(3.0)
    with names(source) as space, redirect_stdout(out):
        with check("scale", "limits", points=4, namespace=space) as c:
            c.gives(np.array([0.0, 2.0, 4.0]), given, 2)
            c.raises(ValueError, given, 0, message=True)
            c.holds("it is linear", lambda scale: np.allclose(scale(given, 4), 2 * scale(given, 2)))
            c["limits"].equals({"low": 1.0, "high": [2, 3]})
        assert float(c.score) == 4.0, out.getvalue()
        assert given.tolist() == [0, 1, 2] and space["scale"].__changed__


def test_numpy_testing_on_results() -> None:
    source = (
        "import numpy as np\ndef f(n): return np.arange(n) / 2\ndef g(n): return [n, {'a': n}], np.float32(n)"
    )
    with names(source) as space:
        np.testing.assert_allclose(space["f"](3), [0, 0.5, 1])
        np.testing.assert_array_equal(space["f"](2), np.array([0, 0.5]))
        np.testing.assert_equal(space["g"](1), ([1, {"a": 1}], np.float32(1)))
        with pytest.raises(AssertionError):
            np.testing.assert_allclose(space["f"](3), [0, 0.5, 2])


MODEL = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, width=3):
        super().__init__()
        self.layer = nn.Linear(2, width)
        self.stack = nn.Sequential(nn.ReLU(), nn.Dropout(0.5))

    def forward(self, x):
        return self.stack(self.layer(x))

class Data(torch.utils.data.Dataset):
    def __len__(self): return 2
    def __getitem__(self, i):
        if i > 1: raise IndexError(i)
        return torch.full((2,), float(i)), i

torch.manual_seed(1)
net = Net()
data = Data()
loss = nn.MSELoss()

def train(model, steps=5):
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(steps):
        optimiser.zero_grad()
        loss(model(torch.ones(4, 2)), torch.zeros(4, 3)).backward()
        optimiser.step()
    return model

def apply(function, x):
    return function(x)
"""


def test_torch_models() -> None:
    import torch
    from torch import nn

    with names(MODEL) as space:
        net, Net = space["net"], space["Net"]
        assert isinstance(net, nn.Module) and isinstance(net, Net) and issubclass(Net, nn.Module)
        assert type(net) == Net and net.__class__ is Net and type(net).__name__ == "Net"  # noqa: E721
        assert not isinstance(net, torch.Tensor) and not isinstance(net, nn.Linear)
        assert isinstance(net.layer, nn.Linear) and isinstance(net.stack[0], nn.ReLU) and len(net.stack) == 2
        assert [type(part).__name__ for part in net.stack] == ["ReLU", "Dropout"]
        net.eval()
        assert net.training is False
        state = net.state_dict()
        assert isinstance(state, dict) and state["layer.weight"].shape == (3, 2)
        x = torch.ones(4, 2)
        expected = torch.relu(x @ state["layer.weight"].T + state["layer.bias"])
        torch.testing.assert_close(net(x), expected)
        assert sum(p.numel() for p in net.parameters()) == 9
        assert [name for name, _ in net.named_parameters()] == ["layer.weight", "layer.bias"]
        assert net.layer.weight.shape == (3, 2) and net.layer.out_features == 3
        assert Net(5).layer.out_features == 5 and Net(width=4) is not net
        assert space["train"](net) is net
        assert not torch.equal(net.state_dict()["layer.weight"], state["layer.weight"])
        net.load_state_dict(state)
        assert torch.equal(net.layer.weight, state["layer.weight"])
        assert isinstance(space["data"], torch.utils.data.Dataset) and len(space["data"]) == 2
        assert [label for _, label in space["data"]] == [0, 1]
        assert not isinstance(space["data"], collections.abc.Iterator)
        assert float(space["loss"](torch.zeros(2), torch.ones(2))) == 1.0
        assert torch.equal(space["apply"](torch.relu, torch.tensor([-1.0, 2.0])), torch.tensor([0.0, 2.0]))
        assert "Linear(in_features=2" in repr(net)
        with pytest.raises(NotPlainResult):
            assert net == 3
        with pytest.raises(StudentError, match="shapes cannot be multiplied") as caught:
            net(torch.ones(4, 7))
        assert isinstance(caught.value, RuntimeError)
        assert caught.value.learner_line == "return self.stack(self.layer(x))"


def shown(code: str, space: dict[str, Any]) -> str:
    """What IPython prints for a cell."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    shell.user_ns.update(space)
    out = io.StringIO()
    with redirect_stdout(out):
        shell.run_cell(code)
    return out.getvalue()


def test_what_ipython_shows_of_handles() -> None:
    source = """
    class Ten:
        def __repr__(self): return "10"
        def _repr_html_(self): return "<script>alert(1)</script>"
        def _ipython_display_(self): print("hacked")
        def _repr_mimebundle_(self, **kw): return {"text/html": "<script>"}
    ten = Ten()
    def bad(x): return 1 / x
    def same(x): return x
    """
    from IPython.core.interactiveshell import InteractiveShell

    with names(source) as space:
        text = shown("ten", space)
        assert "<Ten of the student: 10>" in text and "script" not in text and "hacked" not in text
        formats, _ = InteractiveShell.instance().display_formatter.format(space["ten"])
        assert set(formats) == {"text/plain"}
        assert "Ten" in shown("Ten", space) and "same" in shown("same", space)
        text = shown("secret = 12345\nassert bad(0) == secret", space)
        assert "1 / x" in text and "ZeroDivisionError: division by zero" in text and "secret" not in text
    InteractiveShell.clear_instance()
