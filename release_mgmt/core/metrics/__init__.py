"""What is measured: delivery by DORA's definitions, and how predictable we are by our own.

Definitions are data (:mod:`.definitions`); each is worked out by one pure function over facts (:mod:`.facts`) and tells
over what, since when and until when, and which changes stand behind it (:mod:`.figures`).
"""

from release_mgmt.core.metrics.definitions import DEFINITIONS, Better, Definition, find
from release_mgmt.core.metrics.deployments import Deployment, Facts, Failure, deployments, failures
from release_mgmt.core.metrics.facts import (
    DateFact,
    GateFact,
    GlassFact,
    IncidentFact,
    LevelFact,
    MoveFact,
    Report,
    ShippedFact,
    TagFact,
)
from release_mgmt.core.metrics.figures import Bucket, Figure, figures
from release_mgmt.core.metrics.measures import MEASURES, Result
from release_mgmt.core.metrics.numbers import median, percentile
from release_mgmt.core.metrics.spans import Span, blocks, days_back, days_to, span

__all__ = [
    "DEFINITIONS",
    "MEASURES",
    "Better",
    "Bucket",
    "DateFact",
    "Definition",
    "Deployment",
    "Facts",
    "Failure",
    "Figure",
    "GateFact",
    "GlassFact",
    "IncidentFact",
    "LevelFact",
    "MoveFact",
    "Report",
    "Result",
    "ShippedFact",
    "Span",
    "TagFact",
    "blocks",
    "days_back",
    "days_to",
    "deployments",
    "failures",
    "figures",
    "find",
    "median",
    "percentile",
    "span",
]
