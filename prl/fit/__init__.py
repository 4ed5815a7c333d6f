"From a config to trained weights: the loop, and what carries it to its end."

from .config import Config
from .loop import fit
from .training import Run
