"""HER2 heterogeneity of gastric biopsies, read from IHC whole-slide images.

The tree is the pipeline: see `hetscore.pipeline` for the order of the stages and `hetscore.domain` for the nouns they
exchange. This module holds the version and imports nothing, so that ``hetscore --help`` answers at once.
"""

__version__ = "0.1.0"
