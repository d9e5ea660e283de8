"""release-mgmt: a release calendar and changelog service for teams whose software carries data science."""

__version__ = "0.1.0"
