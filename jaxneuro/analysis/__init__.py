"""Statistics of spikes and of predictions, on arrays alone."""

from ._classification import cohen_kappa as cohen_kappa
from ._classification import confusion_matrix as confusion_matrix
from ._iv_curves import IVCurves as IVCurves
from ._iv_curves import equilibrium as equilibrium
from ._iv_curves import equilibrium_cell as equilibrium_cell
from ._iv_curves import iv_curves as iv_curves
from ._iv_curves import negative_regions as negative_regions
from ._population_vector import PopulationVector as PopulationVector
from ._population_vector import angular_difference as angular_difference
from ._population_vector import population_vector as population_vector
from ._psychometric import LogisticFit as LogisticFit
from ._psychometric import StepFit as StepFit
from ._psychometric import fit_logistic as fit_logistic
from ._psychometric import fit_step as fit_step
from ._rates import counts_between as counts_between
from ._rates import rate_map as rate_map
from ._rates import spike_times as spike_times
from ._rates import windowed_counts as windowed_counts
from ._spike_distances import gamma_factor as gamma_factor
from ._spike_distances import van_rossum as van_rossum
from ._spike_distances import victor_purpura as victor_purpura
from ._spikes import firing_rate as firing_rate
from ._spikes import isi_cv as isi_cv
from ._tuning import TuningCurves as TuningCurves
from ._tuning import smooth_curve as smooth_curve
from ._tuning import tuning_curves as tuning_curves
