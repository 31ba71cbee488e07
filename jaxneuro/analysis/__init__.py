"""Statistics of spikes and of predictions, on arrays alone."""

from ._classification import cohen_kappa as cohen_kappa
from ._classification import confusion_matrix as confusion_matrix
from ._iv_curves import IVCurves as IVCurves
from ._iv_curves import equilibrium as equilibrium
from ._iv_curves import equilibrium_cell as equilibrium_cell
from ._iv_curves import iv_curves as iv_curves
from ._iv_curves import negative_regions as negative_regions
from ._spikes import firing_rate as firing_rate
from ._spikes import isi_cv as isi_cv
