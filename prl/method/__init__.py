"Every system of the tables, one page each."

from .registry import METHODS
