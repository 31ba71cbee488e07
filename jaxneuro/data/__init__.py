"""Labelled images (embedded digits, MNIST files), augmentation, trials of spikes."""

from ._augment import affine as affine
from ._augment import random_affine as random_affine
from ._dataset import Dataset as Dataset
from ._dataset import Split as Split
from ._digits import digits as digits
from ._idx import read_idx as read_idx
from ._mnist import fashion_mnist as fashion_mnist
from ._mnist import mnist as mnist
from ._pool import pool as pool
from ._trial_files import load_trials as load_trials
from ._trial_files import save_trials as save_trials
from ._trials import SpikeTrials as SpikeTrials
from ._trials import trials_from_series as trials_from_series
from ._trials import trials_from_times as trials_from_times
