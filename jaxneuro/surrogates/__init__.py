from ._arctan import Arctan as Arctan
from ._base import AbstractSurrogate as AbstractSurrogate
from ._box import Box as Box
from ._multi_gaussian import MultiGaussian as MultiGaussian
from ._sigmoid import Sigmoid as Sigmoid
from ._straight_through import StraightThrough as StraightThrough
from ._superspike import SuperSpike as SuperSpike
from ._triangular import Triangular as Triangular
