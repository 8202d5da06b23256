"""A check gives the same marks and words when the student's functions live in another process."""

from __future__ import annotations

import pytest

from tests.check.remote import here, namespace
from tests.check.test_check import RIGHT, drift

SOURCES = {
    "right": RIGHT,
    "first order": RIGHT.replace(" / (1 + epsilon)", ""),
    "scaled": "def drift_bias(hu, epsilon):\n    return -epsilon * hu",
    "constant": "def drift_bias(hu, epsilon):\n    return 0.0",
    "stub": "def drift_bias(hu, epsilon):\n    raise NotImplementedError('write me')",
    "missing": "other = 3",
    "signature": "def drift_bias(hu, eps):\n    return 0.0",
    "printed": "def drift_bias(hu, epsilon):\n    print(hu)",
    "stopped": "def drift_bias(hu, epsilon):\n    return {}['hu']",
    "always raises": "def drift_bias(hu, epsilon):\n    raise ValueError('no')",
    "no function": "drift_bias = 3",
    "string": "def drift_bias(hu, epsilon):\n    return str(hu)",
}


@pytest.mark.parametrize("name", SOURCES)
def test_same_in_another_process(name: str) -> None:
    source = SOURCES[name]
    with namespace(source) as handles:
        remote = drift(source, space=handles)
    local = drift(source, space=here(source))
    assert remote.card is not None
    assert local.card is not None
    assert float(remote.score) == float(local.score)
    assert remote.card.text() == local.card.text()
    assert remote.card.html() == local.card.html()
    assert (float(local.score) == 3) == (name == "right")
