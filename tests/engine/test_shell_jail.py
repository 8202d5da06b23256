"""What notebooks do, inside the jail: nothing outside the libraries is there, and it must work all the same."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine.shells import Ran, Zygote

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the jail is made of parts of Linux"),
]

Cells = Callable[..., list[Ran]]


@pytest.fixture(scope="module")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    made = Zygote("torch", home=tmp_path_factory.mktemp("home"))
    yield made
    made.close()


@pytest.fixture
def cells(zygote: Zygote, tmp_path: Path) -> Cells:
    private = tmp_path / "private"
    private.mkdir()
    return lambda *sources: zygote.run(list(sources), private, jailed=True)


def test_one_thread_with_torch_too(zygote: Zygote) -> None:
    assert zygote.state["threads"] == [1, 1, 1]
    assert set(zygote.state["missing"]) <= {"pandas"}


# Each with its name and the kinds of its outputs.
CELLS = r"""
# %% figure: display
import matplotlib.pyplot as plt
plt.plot([1, 2], label="a"); plt.title("$\\sqrt{x}$ µ"); plt.legend();

# %% image: display
import matplotlib.pyplot as plt, numpy as np
plt.imshow(np.eye(9)); plt.colorbar(); plt.show()

# %% space: display
import matplotlib.pyplot as plt
plt.figure().add_subplot(projection="3d").plot([1], [2], [3]);

# %% savefig: stdout
import matplotlib.pyplot as plt, os
plt.plot([1]); plt.savefig("a.pdf"); plt.savefig("a.png"); plt.close()
print(sorted(os.listdir()))

# %% widget: result
import ipywidgets as w
w.interactive(lambda x: x, x=(0, 3))

# %% optimize: stdout
import numpy as np, scipy.optimize as o
print(o.minimize(lambda x: ((x - 1) ** 2).sum(), np.zeros(3)).x.round(2))
print(o.curve_fit(lambda x, a: a * x, np.arange(4.0), 2 * np.arange(4.0))[0])

# %% scipy: result
from scipy import ndimage, stats, interpolate, signal, integrate, spatial
import numpy as np
ndimage.gaussian_filter(np.eye(5), 1).shape, stats.norm.cdf(0), integrate.quad(lambda x: x, 0, 1)[0]

# %% linear algebra: result
import numpy as np
a = np.random.rand(300, 300)
(a @ np.linalg.inv(a)).trace().round()

# %% marching cubes: stdout
import numpy as np
from skimage import measure, filters, morphology, segmentation, transform, io
v = np.zeros((9, 9, 9)); v[3:6, 3:6, 3:6] = 1; v[4, 4, 4] = 2
print(measure.marching_cubes(v, 0.5)[0].shape, filters.threshold_otsu(v), measure.label(v).max())
io.imsave("a.png", np.zeros((5, 5), np.uint8), check_contrast=False)
print(io.imread("a.png").shape)

# %% backward: result
import torch
w = torch.ones(3, requires_grad=True)
(w * w).sum().backward()
w.grad

# %% training: result
import torch
from torch import nn
m = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 1))
o = torch.optim.Adam(m.parameters())
for _ in range(3):
    o.zero_grad(); m(torch.rand(4, 1, 8, 8)).mean().backward(); o.step()
torch.save(m.state_dict(), "m.pt")
len(torch.load("m.pt"))

# %% loader: result
import torch
from torch.utils.data import DataLoader, TensorDataset
len(list(DataLoader(TensorDataset(torch.ones(10, 2)), batch_size=2, shuffle=True)))

# %% arrays in files: stdout
import numpy as np
np.save("a.npy", np.ones(3)); np.savez("b.npz", a=np.ones(2)); np.savetxt("c.txt", np.eye(2))
print(np.load("a.npy"), np.load("b.npz")["a"], np.loadtxt("c.txt")[0])

# %% temporary files: stdout
import tempfile, pathlib
with tempfile.NamedTemporaryFile("w+") as f, tempfile.TemporaryDirectory() as d:
    f.write("x"); f.flush()
    print(pathlib.Path(f.name).read_text(), len(list(pathlib.Path(d).iterdir())))

# %% await: result
import asyncio
await asyncio.gather(asyncio.sleep(0.01, 1), asyncio.to_thread(lambda: 2))

# %% thread: stdout
import threading
t = threading.Thread(target=lambda: print("thread")); t.start(); t.join()

# %% executor: stdout
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(2) as p:
    print(list(p.map(abs, [-1, 2])))

# %% timeit: stdout
%timeit -n1 -r1 1

# %% dates: stdout
import datetime, zoneinfo
print(datetime.datetime(2024, 7, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")).utcoffset())

# %% source: stdout
import inspect
def f(): pass
print(inspect.getsource(f))

# %% child: stdout
import os
if not os.fork():
    os._exit(0)
print(os.wait()[1])
"""
WORKS = {name: (source, kinds.split()) for name, kinds, source in re.findall(
    r"^# %% ([\w ]+): (.+)\n((?:(?!# %%).*\n)+)", CELLS, re.M
)}  # fmt: skip


def test_all_cells_are_read() -> None:
    assert len(WORKS) == CELLS.count("# %%") == 21


@pytest.mark.parametrize("name", WORKS)
def test_it_works_in_the_jail(cells: Cells, name: str) -> None:
    source, kinds = WORKS[name]
    ran, error = cells(source, "def f(): return 1 / 0\nf()")
    assert ran.good, ran.outputs
    assert ran.kinds == kinds, ran.outputs
    assert error.error["ename"] == "ZeroDivisionError"


REFUSED = {
    "exec": ("import subprocess; subprocess.run(['ls'])", "PermissionError"),
    "line": ("!ls", "PermissionError"),
    "cell": ("%%bash\nls", "PermissionError"),
    "socket": ("import urllib.request; urllib.request.urlopen('http://127.0.0.1:9')", "URLError"),
    "outside": ("open('/etc/passwd')", "PermissionError"),
    "pool": ("import multiprocessing as m\nwith m.Pool(2) as p: p.map(abs, [1])", "PermissionError"),
    "memory": ("import numpy as np; np.ones(1 << 40)", "MemoryError"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_jail_denies_is_an_error_and_the_next_cell_runs(cells: Cells, name: str) -> None:
    source, error = REFUSED[name]
    ran, after = cells(source, "1 + 1")
    assert ran.error["ename"] == error, ran.outputs
    assert after.result == "2"


def test_a_module_beside_the_notebook(cells: Cells) -> None:
    *_, ran = cells(
        "%%writefile mine.py\ndef f(): return 3\n",
        "import sys; sys.path.insert(0, '')",
        "import mine; mine.f()",
    )
    assert ran.result == "3"


def test_the_same_seed_gives_the_same_tensors(zygote: Zygote, tmp_path: Path) -> None:
    source = "import torch\ntorch.rand(3), torch.randperm(9), torch.nn.Linear(2, 2).weight"
    results = []
    for seed in (5, 5, 6):
        private = tmp_path / str(len(results))
        private.mkdir()
        results.append(zygote.run([source], private, jailed=True, seed=seed)[0].result)
    assert results[0] == results[1] != results[2]
