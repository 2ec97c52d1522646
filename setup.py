"""The checkout is the package: every folder with an `__init__.py` below these is one of its packages."""

from setuptools import find_packages, setup

FOLDERS = ("core", "dataset", "operators", "panels", "cli")
INSIDE = find_packages(include=[pattern for folder in FOLDERS for pattern in (folder, f"{folder}.*")])

setup(packages=["image_curation", *(f"image_curation.{name}" for name in INSIDE)])
