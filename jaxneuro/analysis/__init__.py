"""Statistics of spikes and of predictions, on arrays alone."""

from ._classification import cohen_kappa as cohen_kappa
from ._classification import confusion_matrix as confusion_matrix
from ._spikes import firing_rate as firing_rate
from ._spikes import isi_cv as isi_cv
