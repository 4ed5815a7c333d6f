"The model in its user's hands: which preference, how far it reaches, how sure."

from .goals import Goal
