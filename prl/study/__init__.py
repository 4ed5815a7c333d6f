"Many runs: here, on a cluster, from a shell; and what they cost."

from .many import study
