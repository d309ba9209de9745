"""Measure speed and memory of hetscore beside the tools it stands on, in one run: ``python -m scripts.bench``."""
