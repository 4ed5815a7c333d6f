"A wheel carries what the clone has beside the package; all else is in pyproject.toml."

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SHIPPED = ["nbs/[a-z]*.ipynb", "reports/published.csv"]  # run notebooks, and what they read


class WithNotebooks(build_py):
    "`prl/shipped/nbs/train.ipynb` is `nbs/train.ipynb`: copied as the wheel is built, kept once."

    def run(self):
        super().run()
        if self.editable_mode:
            return
        for file in (file for pattern in SHIPPED for file in sorted(Path().glob(pattern))):
            target = Path(self.build_lib, "prl/shipped", file)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)


setup(cmdclass={"build_py": WithNotebooks})
