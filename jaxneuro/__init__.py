"""A differentiable, accelerator-ready simulator of spiking neurons in JAX."""

from . import core as core
from . import edges as edges
from . import evolution as evolution
from . import inputs as inputs
from . import integrators as integrators
from . import network as network
from . import neurons as neurons
from . import simulation as simulation
from . import surrogates as surrogates
from . import sweeps as sweeps
from . import topology as topology
from . import training as training
from .network import Layer as Layer
from .network import Network as Network
from .network import sequential as sequential
from .neurons import Input as Input
from .neurons import Population as Population
from .simulation import Simulation as Simulation
from .simulation import simulate as simulate

__version__ = "0.1.0"
