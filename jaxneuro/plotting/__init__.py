"""Matplotlib figures of arrays; none touches pyplot or any other global state."""

from ._confusion import confusion as confusion
from ._evolution import evolution_curves as evolution_curves
from ._learning_curves import learning_curves as learning_curves
from ._membrane import membrane as membrane
from ._mistakes import hardest_mistakes as hardest_mistakes
from ._raster import raster as raster
