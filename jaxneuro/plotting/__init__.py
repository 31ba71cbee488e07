"""Matplotlib figures of arrays; none touches pyplot or any other global state."""

from ._conductances import conductances as conductances
from ._confusion import confusion as confusion
from ._evolution import evolution_curves as evolution_curves
from ._fi_curve import fi_curve as fi_curve
from ._fi_family import fi_family as fi_family
from ._gating import gating_curves as gating_curves
from ._heat_map import heat_map as heat_map
from ._iv_curves import draw_iv_curves as draw_iv_curves
from ._iv_curves import iv_curves as iv_curves
from ._learning_curves import learning_curves as learning_curves
from ._membrane import membrane as membrane
from ._mistakes import hardest_mistakes as hardest_mistakes
from ._network_graph import network_graph as network_graph
from ._parallel_coordinates import parallel_coordinates as parallel_coordinates
from ._phase_plane import phase_plane as phase_plane
from ._population_raster import population_raster as population_raster
from ._population_vector import population_vector as population_vector
from ._raster import raster as raster
from ._rate_map import rate_map as rate_map
from ._synapses import synapse_distributions as synapse_distributions
from ._traces import traces as traces
from ._tuning_curves import tuning_curves as tuning_curves
