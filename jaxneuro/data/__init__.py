"""Labelled images: embedded digits, MNIST and Fashion-MNIST files, augmentation."""

from ._augment import affine as affine
from ._augment import random_affine as random_affine
from ._dataset import Dataset as Dataset
from ._dataset import Split as Split
from ._digits import digits as digits
from ._idx import read_idx as read_idx
from ._mnist import fashion_mnist as fashion_mnist
from ._mnist import mnist as mnist
