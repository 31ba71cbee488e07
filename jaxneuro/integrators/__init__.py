from ._base import AbstractIntegrator as AbstractIntegrator
from ._euler import Euler as Euler
from ._exponential_euler import ExponentialEuler as ExponentialEuler
from ._heun import Heun as Heun
from ._rk4 import RK4 as RK4
