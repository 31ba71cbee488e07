import equinox as eqx

from jaxneuro.core import fits


def check_fit(
    module: eqx.Module, names: tuple[str, ...], shape: tuple[int, ...], what: str = "target"
) -> None:
    """Refuses parameters of an edge that fit no source or target of this shape."""
    for name in names:
        value = getattr(module, name)
        if value is not None and not fits(value.shape, shape):
            raise ValueError(
                f"{type(module).__name__}: {name} has shape {value.shape}, which does not fit a "
                f"{what} of shape {shape}. Pass one number, or shape {shape}."
            )
