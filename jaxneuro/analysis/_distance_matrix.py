from collections.abc import Callable

import numpy as np
from jaxtyping import Array, Float

from ._spike_times import Trains, unpad_spike_times


def distance_matrix(
    times: Trains, distance: Callable[..., float], **options: float
) -> Float[np.ndarray, "trains trains"]:
    """The distance of each two spike trains, by any measure of two.

    **Arguments:**

    - `times`: ms, a list of trains, as from `spike_times`, or a padded array.
    - `distance`: a symmetric measure that is 0 for equal trains: `victor_purpura`, `van_rossum`,
      `isi_distance`, `spike_distance`, or a function of your own.
    - `options`: passed on to it by name.

    **Returns:** a symmetric matrix with zeros on its diagonal.

    >>> import numpy as np
    >>> from jaxneuro.analysis import victor_purpura
    >>> trains = [np.array([10.0, 50.0]), np.array([12.0]), np.array([])]
    >>> distance_matrix(trains, victor_purpura, cost=0.1).tolist()
    [[0.0, 1.2, 2.0], [1.2, 0.0, 1.0], [2.0, 1.0, 0.0]]
    """
    trains = unpad_spike_times(times) if isinstance(times, Array | np.ndarray) else list(times)
    matrix = np.zeros((len(trains), len(trains)))
    for row, column in zip(*np.triu_indices(len(trains), 1), strict=True):
        matrix[row, column] = distance(trains[row], trains[column], **options)
    return matrix + matrix.T
