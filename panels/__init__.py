"""Panels: views of fields and run records. Logic in Python, drawn by the React components in `web/`."""

from __future__ import annotations

from .compare.panel import ComparisonPanel
from .curation.panel import CurationPanel
from .curation.status import Status
from .map.panel import MapPanel
from .report.panel import ReportPanel
from .review.panel import ReviewPanel

OPERATORS = (Status,)  # that answer with what the panels show
PANELS = (CurationPanel, ReviewPanel, MapPanel, ReportPanel, ComparisonPanel)
