"""Panels: views of fields and run records. Logic in Python, drawn by the React components in `web/`."""

from __future__ import annotations

from .comparison import ComparisonPanel
from .curation import CurationPanel
from .map import MapPanel
from .report import ReportPanel
from .review import ReviewPanel

PANELS = (CurationPanel, ReviewPanel, MapPanel, ReportPanel, ComparisonPanel)
