"""Worlds with known causes: linear structural models, what they do, and what a regression sees. Private."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ._confounding_columns import Floats, column, generator, real, whole
from ._confounding_effects import Estimate, adjusted_effect
from ._confounding_graph import Edge, Graph, question

Columns = Mapping[str, Floats]


@dataclass(frozen=True)
class StructuralModel:
    """A causal diagram with a number at each arrow: every variable is a sum of its causes and noise.

    Parameters
    ----------
    weights : mapping from (cause, effect) to float
        How much the effect grows when the cause grows by one unit. An arrow of weight 0 stays in the diagram.
    noise : mapping from name to float, optional
        Standard deviation of each variable's own normal noise, 0 or more; 1 where it is not given.
    halved : mapping from name to name, optional
        Variables that are 1 where another is positive and 0 elsewhere: a number that was written down as
        high or low. They cause nothing.

    Raises
    ------
    ValueError
        If the arrows run in a circle, a number is not finite, a name is unknown, or a halved variable
        has other causes or effects.

    Examples
    --------
    >>> model = StructuralModel({("age", "feature"): 1.0, ("age", "outcome"): 2.0, ("feature", "outcome"): 0.5})
    >>> model.total_effect("feature", "outcome")
    0.5
    >>> model.regression("feature", "outcome"), model.regression("feature", "outcome", ["age"])
    (1.5, 0.5)
    """

    weights: Mapping[Edge, float]
    noise: Mapping[str, float] = field(default_factory=dict)
    halved: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        graph = Graph(self.edges)
        for (cause, effect), weight in self.weights.items():
            real(weight, f"The weight of {cause} → {effect}")
        for name, deviation in self.noise.items():
            graph.known(name, "The noise of")
            real(deviation, f"The noise of {name}", 0.0)
        for name in self.halved:
            if graph.children[name] or len(graph.parents[name]) > 1 or name in self.noise:
                raise ValueError(
                    f"{name!r} is {self.halved[name]!r} in two halves: it has no other cause, no effect and no noise."
                )

    @property
    def edges(self) -> list[Edge]:
        """The arrows of the diagram."""
        return [*self.weights, *((source, name) for name, source in self.halved.items())]

    @property
    def names(self) -> list[str]:
        """The variables, causes before effects."""
        return Graph(self.edges).order

    def simulate(self, n: int, rng: np.random.Generator) -> dict[str, Floats]:
        """One number for each variable of each of `n` patients, from the generator `rng`."""
        count = whole(n, "n", 1)
        generator(rng)
        graph = Graph(self.edges)
        columns: dict[str, Floats] = {}
        for name in graph.order:
            if name in self.halved:
                columns[name] = (columns[self.halved[name]] > 0).astype(np.float64)
                continue
            columns[name] = self.noise.get(name, 1.0) * rng.standard_normal(count)
            for cause in graph.parents[name]:
                columns[name] += self.weights[cause, name] * columns[cause]
        return columns

    def total_effect(self, treatment: str, outcome: str) -> float:
        """What the outcome gains if someone raises the treatment by one unit: the sum over causal paths."""
        graph, _ = question(self.edges, treatment, outcome, ())
        gain = dict.fromkeys(graph.order, 0.0)
        gain[treatment] = 1.0
        for name in graph.order:
            if name != treatment and name not in self.halved:
                gain[name] = float(
                    sum(self.weights[cause, name] * gain[cause] for cause in graph.parents[name])
                )
        if outcome in self.halved:
            raise ValueError(f"{outcome!r} is a variable in two halves. Its effect is not one number.")
        return gain[outcome]

    def covariance(self) -> Floats:
        """Of all variables in the order of `names`, exactly: what infinitely many patients would show."""
        graph = Graph(self.edges)
        place = {name: i for i, name in enumerate(graph.order)}
        mixing = np.zeros((len(place), len(place)))  # each variable as a sum of the noises
        for name, i in place.items():
            if name not in self.halved:
                mixing[i, i] = self.noise.get(name, 1.0)
                for cause in graph.parents[name]:
                    mixing[i] += self.weights[cause, name] * mixing[place[cause]]
        for name, source in self.halved.items():
            mixing[place[name]] = mixing[place[source]]
        covariance = mixing @ mixing.T
        halves = [place[name] for name in self.halved]
        deviation = np.sqrt(np.diag(covariance))
        # A normal variable z and its half: cov(x, z > 0) = cov(x, z) / (sd(z) sqrt(2 pi)). Of two halves: an arcsine.
        among = np.clip(
            covariance[np.ix_(halves, halves)] / np.outer(deviation[halves], deviation[halves]), -1, 1
        )
        covariance[:, halves] /= deviation[halves] * np.sqrt(2 * np.pi)
        covariance[halves] = covariance[:, halves].T
        covariance[np.ix_(halves, halves)] = np.arcsin(among) / (2 * np.pi)
        return covariance

    def regression(self, treatment: str, outcome: str, adjustment: Iterable[str] = ()) -> float:
        """The slope that least squares finds in infinitely many patients, causal or not.

        Parameters
        ----------
        treatment, outcome : str
        adjustment : list or set of str
            Variables beside the treatment in the regression.

        Raises
        ------
        ValueError
            If a name is unknown, or the adjustment leaves nothing of the treatment.
        """
        _, given = question(self.edges, treatment, outcome, adjustment)
        names = self.names
        covariance = self.covariance()
        others = [names.index(name) for name in sorted(given)]
        x, y = names.index(treatment), names.index(outcome)
        beside = covariance[np.ix_(others, others)]
        shares = np.linalg.pinv(beside, hermitian=True) @ covariance[others, x]  # of x, told by the others
        left = covariance[x, x] - shares @ covariance[others, x]
        if left <= 1e-12 * covariance[x, x]:
            raise ValueError(f"{treatment!r} does not vary once the adjustment is held fixed.")
        return float((covariance[x, y] - shares @ covariance[others, y]) / left)


def estimated_effect(
    columns: Columns, treatment: str, outcome: str, adjustment: Iterable[str] = ()
) -> Estimate:
    """`adjusted_effect` of simulated patients, by the names of the columns.

    Parameters
    ----------
    columns : mapping from name to 1-D array
        As `StructuralModel.simulate` gives them.
    treatment, outcome : str
    adjustment : list or set of str

    Returns
    -------
    Estimate
        With its 95 % interval.

    Raises
    ------
    ValueError
        If a name is not a column; as for `adjusted_effect`.
    """
    names = [treatment, outcome, *sorted(adjustment)]
    for name in names:
        if name not in columns:
            raise ValueError(f"There is no column {name!r}. The columns are: {', '.join(columns)}.")
    x, y, *others = (column(columns[name], name) for name in names)
    return adjusted_effect(x, y, np.column_stack(others) if others else np.empty((len(x), 0)))


@dataclass(frozen=True)
class World:
    """A structural model with a question: the effect of "feature" on "outcome".

    Parameters
    ----------
    model : StructuralModel
    adjustment : tuple of str
        The variable that somebody proposes to adjust for.
    story : str
        Who does what to whom.
    """

    model: StructuralModel
    adjustment: tuple[str, ...]
    story: str

    @property
    def effect(self) -> float:
        """The true effect."""
        return self.model.total_effect("feature", "outcome")

    def bias(self, *, adjusted: bool) -> float:
        """How far least squares is off in infinitely many patients."""
        given = self.adjustment if adjusted else ()
        return self.model.regression("feature", "outcome", given) - self.effect

    def try_it(self, n: int, rng: np.random.Generator) -> tuple[Estimate, Estimate]:
        """The crude and the adjusted estimate, with intervals, of the same `n` patients."""
        columns = self.model.simulate(n, rng)
        crude = estimated_effect(columns, "feature", "outcome")
        return crude, estimated_effect(columns, "feature", "outcome", self.adjustment)


#: The worlds that `world` makes.
WORLDS = ("confounder", "noisy", "halved", "collider", "mediator", "m-structure", "instrument")


def world(name: str, effect: float = 0.5, strength: float = 1.0, reliability: float = 0.5) -> World:
    """One of seven small worlds in which the feature's effect on the outcome is known.

    Parameters
    ----------
    name : str
        "confounder": anatomy drives feature and outcome. "noisy": so it does, but is recorded with error.
        "halved": so it does, but is recorded as high or low. "collider": feature and outcome both lead to
        referral. "mediator": half of the effect goes through the stage. "m-structure": a symptom has two
        hidden causes, one shared with the feature, one with the outcome. "instrument": the protocol
        moves the feature alone, while a hidden confounder moves feature and outcome.
    effect : float
        Of the feature on the outcome, in all.
    strength : float
        Of every other arrow.
    reliability : float
        Share of the recorded anatomy's variance that is the anatomy's own, above 0 to 1. Used by "noisy".

    Returns
    -------
    World

    Raises
    ------
    ValueError
        If the name is not one of these, a number is not finite, or the reliability is not above 0 and at
        most 1.

    Examples
    --------
    >>> asked = world("confounder")
    >>> asked.bias(adjusted=False), asked.bias(adjusted=True)
    (0.5, 0.0)
    >>> round(world("collider").bias(adjusted=True), 2)
    -0.75
    """
    b, s = real(effect, "effect"), real(strength, "strength")
    if real(reliability, "reliability", 0.0, 1.0) == 0:
        raise ValueError(
            "reliability must be above 0. A record that holds nothing of the anatomy is no record."
        )
    direct: dict[Edge, float] = {("feature", "outcome"): b}
    common = {("anatomy", "feature"): s, ("anatomy", "outcome"): s, **direct}
    if name == "confounder":
        return World(StructuralModel(common), ("anatomy",), "Anatomy drives both feature and outcome.")
    if name == "noisy":
        error = float(np.sqrt(1 / reliability - 1))
        model = StructuralModel({**common, ("anatomy", "record"): 1.0}, {"record": error})
        return World(model, ("record",), "Anatomy drives both; the record of it is noisy.")
    if name == "halved":
        model = StructuralModel(common, halved={"record": "anatomy"})
        return World(model, ("record",), "Anatomy drives both; it was recorded as high or low.")
    if name == "collider":
        model = StructuralModel({**direct, ("feature", "referral"): s, ("outcome", "referral"): s})
        return World(model, ("referral",), "Feature and outcome both lead to referral.")
    if name == "mediator":
        share = {("feature", "outcome"): b / 2, ("feature", "stage"): 1.0, ("stage", "outcome"): b / 2}
        return World(StructuralModel(share), ("stage",), "Half of the effect goes through the stage.")
    if name == "m-structure":
        hidden = {
            ("smoking", "feature"): s,
            ("smoking", "cough"): s,
            ("asthma", "cough"): s,
            ("asthma", "outcome"): s,
        }
        return World(
            StructuralModel({**hidden, **direct}),
            ("cough",),
            "Cough shares a hidden cause with each of the two.",
        )
    if name == "instrument":
        hidden = {("frailty", "feature"): s, ("frailty", "outcome"): s, ("protocol", "feature"): s}
        return World(
            StructuralModel({**hidden, **direct}),
            ("protocol",),
            "The protocol moves the feature alone; frailty, which nobody measured, moves both.",
        )
    raise ValueError(f"There is no world {name!r}. There are: {', '.join(WORLDS)}.")


def simulate_confounded(
    n: int, effect: float, confounding: float, rng: np.random.Generator
) -> dict[str, Floats | NDArray[np.int64]]:
    """Patients whose anatomy drives both the feature and the outcome; the feature's effect is known.

    anatomy is 0 (lung) or 1 (liver), each with probability 1/2. feature = confounding × anatomy + noise,
    and outcome = effect × feature + confounding × anatomy + noise, each noise normal with standard
    deviation 1. In many patients the crude slope is off by confounding² / (4 + confounding²).

    Parameters
    ----------
    n : int
        Number of patients, 1 or more.
    effect : float
        Of the feature on the outcome: outcome units per feature unit.
    confounding : float
        Of the anatomy, on the feature and on the outcome.
    rng : numpy.random.Generator

    Returns
    -------
    dict of arrays of length n
        "feature" and "outcome" float64, "anatomy" int64.

    Raises
    ------
    ValueError
        If `n` is not a whole number of 1 or more, or a strength is not finite.
    TypeError
        If `rng` is not a generator.

    Examples
    --------
    >>> from digital_biopsy.confounding import crude_effect
    >>> data = simulate_confounded(100_000, 0.5, 2.0, np.random.default_rng(1))
    >>> print(crude_effect(data["feature"], data["outcome"]))
    1.00 (1.00 to 1.01)
    >>> print(adjusted_effect(data["feature"], data["outcome"], data["anatomy"]))
    0.50 (0.50 to 0.51)
    """
    count = whole(n, "n", 1)
    effect, confounding = real(effect, "effect"), real(confounding, "confounding")
    generator(rng)
    anatomy = rng.integers(0, 2, count)
    feature = confounding * anatomy + rng.standard_normal(count)
    outcome = effect * feature + confounding * anatomy + rng.standard_normal(count)
    return {"feature": feature, "outcome": outcome, "anatomy": anatomy}
