from ._base import AbstractStrategy as AbstractStrategy
from ._evosax import Evosax as Evosax
from ._evosax import evosax_names as evosax_names
from ._evosax import uses_optimizer as uses_optimizer
from ._genetic import GeneticAlgorithm as GeneticAlgorithm
from ._low_rank_es import LowRankES as LowRankES
