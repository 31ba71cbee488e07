"""Models of the literature by name, `MODELS`, and populations and networks made of them."""

from jaxneuro.neurons import HHneuronBischop as HHneuronBischop
from jaxneuro.neurons import HHneuronCorbit as HHneuronCorbit
from jaxneuro.neurons import IntegratorNeuron as IntegratorNeuron
from jaxneuro.neurons import Izhikevich2007 as Izhikevich2007

from ._artificial import IntegratorNeuronSimple as IntegratorNeuronSimple
from ._artificial import PoissonNeuron as PoissonNeuron
from ._artificial import PoissonNeuronSin as PoissonNeuronSin
from ._artificial import PoissonNeuronUpDown as PoissonNeuronUpDown
from ._calvin_redish import InterneuronPopulation as InterneuronPopulation
from ._calvin_redish import InterneuronRing as InterneuronRing
from ._calvin_redish import PyramidalPopulation as PyramidalPopulation
from ._calvin_redish import PyramidalRing as PyramidalRing
from ._conductance_cells import ConductanceCells as ConductanceCells
from ._conductance_network import ConductanceNetwork as ConductanceNetwork
from ._conductance_network import Synapses as Synapses
from ._conductance_network import conductance_network as conductance_network
from ._diehl_cook import diehl_cook_network as diehl_cook_network
from ._hodgkin_huxley import HHneuronBischopSyn as HHneuronBischopSyn
from ._hodgkin_huxley import HHneuronCorbitSyn as HHneuronCorbitSyn
from ._hodgkin_huxley import HHneuronCorbitVoltageClamp as HHneuronCorbitVoltageClamp
from ._izhikevich_2003 import Izhikevich2003FixedNoisyAmpa as Izhikevich2003FixedNoisyAmpa
from ._izhikevich_2003 import Izhikevich2003NoisyAmpa as Izhikevich2003NoisyAmpa
from ._izhikevich_2003 import Izhikevich2003NoisyAmpaNonlin as Izhikevich2003NoisyAmpaNonlin
from ._izhikevich_2003 import (
    Izhikevich2003NoisyAmpaOscillating as Izhikevich2003NoisyAmpaOscillating,
)
from ._izhikevich_2003 import Izhikevich2003NoisyBase as Izhikevich2003NoisyBase
from ._izhikevich_2003 import Izhikevich2003NoisyBaseNonlin as Izhikevich2003NoisyBaseNonlin
from ._izhikevich_2007 import Izhikevich2007CorbitFsiNoisyAmpa as Izhikevich2007CorbitFsiNoisyAmpa
from ._izhikevich_2007 import Izhikevich2007CorbitFsiNoisyBase as Izhikevich2007CorbitFsiNoisyBase
from ._izhikevich_2007 import Izhikevich2007FsiNoisyAmpa as Izhikevich2007FsiNoisyAmpa
from ._izhikevich_2007 import Izhikevich2007NoisyAmpa as Izhikevich2007NoisyAmpa
from ._izhikevich_2007 import (
    Izhikevich2007NoisyAmpaOscillating as Izhikevich2007NoisyAmpaOscillating,
)
from ._izhikevich_2007 import Izhikevich2007NoisyBase as Izhikevich2007NoisyBase
from ._izhikevich_2007 import Izhikevich2007RecCur as Izhikevich2007RecCur
from ._izhikevich_2007 import Izhikevich2007Syn as Izhikevich2007Syn
from ._izhikevich_2007 import Izhikevich2007VoltageClamp as Izhikevich2007VoltageClamp
from ._layered_network import layered_network as layered_network
from ._models import MODELS as MODELS
from ._ring_networks import cue_probe_ring as cue_probe_ring
from ._ring_networks import dual_ring as dual_ring
from ._spatial_network import circular_network as circular_network
from ._spatial_network import critical_network as critical_network
from ._spatial_network import grid_network as grid_network
