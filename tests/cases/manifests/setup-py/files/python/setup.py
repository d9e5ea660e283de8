import os

from setuptools import setup

here = os.path.abspath(os.path.dirname(__file__))

with open(os.path.join(here, "requirements.txt")) as handle:
    install_requires = handle.read().splitlines()

if os.name == "nt":
    install_requires.append("pywin32")

setup(name="forecast", install_requires=install_requires, version="%s" % "1.0")
