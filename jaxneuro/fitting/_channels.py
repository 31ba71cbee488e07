from collections.abc import Sequence
from typing import NamedTuple

from ._units import is_unit


class Channel(NamedTuple):
    """Name and unit of a signal in a file."""

    name: str
    unit: str


def choose_channel(
    channels: Sequence[Channel], kind: str, wanted: str | int | None, where: str
) -> int | None:
    """Which channel holds the voltage or the current.

    **Arguments:**

    - `channels`: those of the file, in its order.
    - `kind`: `"voltage"` or `"current"`; also the keyword that the errors name.
    - `wanted`: name or number of the channel; None for the only one in a unit of that kind.
    - `where`: the file, for the errors.

    **Returns:** its index; None when nothing was wanted and no channel has such a unit.

    **Raises:** `ValueError` when there are several to choose from or no such channel.
    """
    if wanted is None:
        fitting = [i for i, channel in enumerate(channels) if is_unit(channel.unit, kind)]
        if len(fitting) > 1:
            raise ValueError(
                f"{where}: has several channels of {kind}: {listed(channels)}. "
                f"Choose one by {kind}=, its name or number."
            )
        return fitting[0] if fitting else None
    matching = [i for i, channel in enumerate(channels) if channel.name == wanted]
    if len(matching) == 1:
        return matching[0]
    # The command line cannot tell a number from a name.
    if not matching and str(wanted).isdecimal() and int(wanted) < len(channels):
        return int(wanted)
    raise ValueError(
        f"{where}: {kind}={wanted!r} is {'the name of several' if matching else 'no'} channel"
        f"{'s' if matching else ''} of {listed(channels)}. Pass the number of one, from 0 to "
        f"{len(channels) - 1}."
    )


def listed(channels: Sequence[Channel]) -> str:
    """Such as `0 'IN 0' (mV), 1 'IN 1' (pA)`."""
    names = (f"{i} '{channel.name}' ({channel.unit})" for i, channel in enumerate(channels))
    return ", ".join(names) or "no channels"
