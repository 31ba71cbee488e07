"""Receptors, kinetics and noise of a configuration, by their names in `jaxneuro.edges`."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from jaxtyping import Array, Key

from jaxneuro import edges
from jaxneuro.core import init_key, suggest
from jaxneuro.edges import AbstractReceptor, AbstractSourcelessEdge

from ._cell import check_kind, known_parameters
from ._network_config import NoiseConfig, PartConfig, ReceptorConfig
from ._quantity import draw

Registry = Mapping[str, Callable[..., Any]]


def _named(*names: str) -> Registry:
    return {name: getattr(edges, name) for name in names}


RECEPTORS = _named(
    "Direct",
    "Delta",
    "ExponentialCurrent",
    "ExponentialConductance",
    "DirectConductance",
    "AMPA",
    "NMDA",
    "GABAA",
    "GABAB",
    "ConductanceReceptor",
    "CurrentReceptor",
)
KINETICS = _named("FirstOrder", "Bounded", "SecondOrder", "Alpha", "DualExponential", "GProtein")
NOISE = _named(
    "PoissonNoise",
    "PoissonEvents",
    "GaussianNoise",
    "GaussianEvents",
    "OrnsteinUhlenbeck",
    "BaselineNoise",
    "Oscillation",
)
# What the configuration does not say by a number.
PARTS = ("target", "kinetics", "gate")


def build_receptor(
    where: str, config: ReceptorConfig, key: Key[Array, ""], shape: tuple[int, ...]
) -> AbstractReceptor:
    """A receptor on a population of this shape.

    **Raises:** `ValueError` naming the nearest kinds or parameters.
    """
    given: dict[str, Any] = {}
    kinetics = config.kinetics
    if kinetics != PartConfig():
        inner = f"{where}.kinetics"
        given["kinetics"] = _build(inner, kinetics.kind, kinetics.parameters, KINETICS, key, shape)
    return _build(where, config.kind, config.parameters, RECEPTORS, key, shape, **given)


def build_noise(
    where: str, config: NoiseConfig, key: Key[Array, ""], shape: tuple[int, ...]
) -> AbstractSourcelessEdge:
    """Noise on a population of this shape, or on one of its receptors.

    **Raises:** as `build_receptor`.
    """
    given = {"target": config.target}
    return _build(where, config.kind, config.parameters, NOISE, key, shape, **given)


def drawn(
    where: str, parameters: Mapping[str, Any], key: Key[Array, ""], shape: tuple[int, ...]
) -> dict[str, Any]:
    """The parameters, with an array for each list and distribution.

    **Raises:** `ValueError` naming the parameter.
    """
    values = dict(parameters)
    for name, value in parameters.items():
        if isinstance(value, (list, dict)):
            with prefixed(f"{where}.{name}"):
                values[name] = draw(value, init_key(key, f"{where}.{name}"), shape)
    return values


@contextmanager
def prefixed(where: str) -> Iterator[None]:
    """Inside, a `ValueError` says where in the configuration it comes from."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def known(value: Any) -> Any:
    """A setting that the configuration's check has made sure of."""
    assert value is not None
    return value


def _build(
    where: str,
    kind: str,
    parameters: Mapping[str, Any],
    registry: Registry,
    key: Key[Array, ""],
    shape: tuple[int, ...],
    **given: Any,
) -> Any:
    if kind not in registry:
        came = f"there is no {kind!r}" if kind else "it is missing"
        raise ValueError(f"{where}.kind: {came}. {suggest(kind, list(registry))}")
    defaults = known_parameters(registry[kind])
    for name in given:
        if name not in defaults:
            raise ValueError(f"{where}: {kind} has no {name}; leave them out.")
    if defaults.get("kinetics") is not None and "kinetics" not in given:
        raise ValueError(
            f"{where}: {kind} needs kinetics, such as kinetics = {{kind = 'Alpha', parameters = "
            "{tau = 2.0}}."
        )
    names = [name for name in defaults if name not in PARTS]
    for name, value in parameters.items():
        if name not in names:
            raise ValueError(
                f"{where}.parameters.{name}: {kind} has no such parameter. {suggest(name, names)}"
            )
        check_kind(f"{where}.parameters.{name}", value, defaults[name])
    values = drawn(f"{where}.parameters", parameters, key, shape)
    with prefixed(where):
        return registry[kind](**given, **values)
