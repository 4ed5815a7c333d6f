"The model in its user's hands: which preference, how far it reaches, how sure."

from .goals import Goal
from .labelled import of_classifier, of_logits, of_model
from .reach import control_range
from .solution import solve, verify
