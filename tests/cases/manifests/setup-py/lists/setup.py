from setuptools import find_packages, setup

BASE = ["numpy>=1.15", "pandas"]
BASE += ["scipy"]
EXTRAS = {"plot": ["matplotlib"], "test": ["pytest"]}
EXTRAS["gpu"] = ["cupy==9.0"]

setup(
    name="sensor-tools",
    packages=find_packages(),
    install_requires=BASE
    + [
        "click>=7",
        "dataclasses; python_version < '3.7'",
    ],
    setup_requires=["setuptools_scm"],
    tests_require=["pytest"],
    extras_require=EXTRAS,
)
