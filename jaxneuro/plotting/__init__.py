"""Matplotlib figures of arrays; none touches pyplot or any other global state."""

from ._confusion import confusion as confusion
from ._evolution import evolution_curves as evolution_curves
from ._fi_curve import fi_curve as fi_curve
from ._gating import gating_curves as gating_curves
from ._iv_curves import draw_iv_curves as draw_iv_curves
from ._iv_curves import iv_curves as iv_curves
from ._learning_curves import learning_curves as learning_curves
from ._membrane import membrane as membrane
from ._mistakes import hardest_mistakes as hardest_mistakes
from ._phase_plane import phase_plane as phase_plane
from ._raster import raster as raster
from ._traces import traces as traces
