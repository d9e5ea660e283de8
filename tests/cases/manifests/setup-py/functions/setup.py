from setuptools import find_packages, setup


def requirements():
    """What forecasts need."""
    needed = ["numpy>=1.20", "pandas"]
    return needed + ["geopandas>=0.12"]


def version():
    with open("VERSION") as file:
        return file.read().strip()


setup(
    name="forecasts",
    version=version(),
    packages=find_packages(),
    install_requires=requirements() + "requests tqdm>=4".split(),
    extras_require={"plots": "seaborn, plotly>=5".split(",")},
    tests_require="pytest;mock".split(";"),
)
