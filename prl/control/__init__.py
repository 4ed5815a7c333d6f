"The model in its user's hands: which preference, how far it reaches, how sure."

from .goals import Goal
from .reach import control_range
from .search import solve
