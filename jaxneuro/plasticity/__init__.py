"""Rules by which the weights of projections learn while a network runs."""

from ._bcm import BCM as BCM
from ._bounds import AbstractBounds as AbstractBounds
from ._bounds import HardBounds as HardBounds
from ._bounds import SoftBounds as SoftBounds
from ._bounds import Unbounded as Unbounded
from ._diehl_cook import DiehlCookSTDP as DiehlCookSTDP
from ._homeostatic_scaling import HomeostaticScaling as HomeostaticScaling
from ._inhibitory_stdp import InhibitorySTDP as InhibitorySTDP
from ._oja import Oja as Oja
from ._pair_stdp import PairSTDP as PairSTDP
from ._pairs import AbstractPairs as AbstractPairs
from ._pairs import pairs_of as pairs_of
from ._plastic import Batch as Batch
from ._plastic import Plastic as Plastic
from ._plastic import PlasticState as PlasticState
from ._reward_stdp import RewardSTDP as RewardSTDP
from ._rule import AbstractRule as AbstractRule
from ._rule import AbstractTermRule as AbstractTermRule
from ._rule import Activity as Activity
from ._rule import Term as Term
from ._rules import Rules as Rules
from ._traces import after_spikes as after_spikes
from ._traces import decayed as decayed
from ._triplet_stdp import TripletSTDP as TripletSTDP
from ._voltage_stdp import VoltageSTDP as VoltageSTDP
