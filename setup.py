"""Ships db/ and opi/ inside the package, which pyproject.toml cannot express."""

from pathlib import Path
from shutil import copytree, ignore_patterns

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py


class BuildWithShare(build_py):
    """Copy the shared folders to daqpv/_share, except in an editable install."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for name in ("db", "opi"):
                copytree(
                    name,
                    Path(self.build_lib, "daqpv", "_share", name),
                    dirs_exist_ok=True,
                    ignore=ignore_patterns("__pycache__"),
                )


setup(
    package_dir={"": "."},
    packages=find_packages(include=["daqpv*"]),
    package_data={
        "daqpv": ["py.typed"],
        "daqpv.instruments.descriptions": ["*.yaml"],
        "daqpv.links.ca": ["bin/caRepeater"],
        "daqpv.links.soap": ["*.wsdl"],
    },
    cmdclass={"build_py": BuildWithShare},
)
