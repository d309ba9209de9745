"""Errors a user can act on.

One root, few leaves: whose fault it is decides the leaf. Every message reads
``{where}: {what was seen}; expected {what}. {remedy}``. A poor specimen is never an error: it is a result without a
score (see `hetscore.flags`).
"""


class HetscoreError(Exception):
    """Anything the user can mend: shown as one line, never as a traceback."""


class UsageError(HetscoreError):
    """The command, the cases table, the settings or the output folder is wrong; nothing was scored (exit status 2)."""


class SlideError(HetscoreError):
    """One slide cannot be read; the other slides of the run are still scored (exit status 1)."""


class ResolutionError(SlideError):
    """The slide has no plausible microns per pixel, and none was given."""


class ModelError(HetscoreError):
    """A model folder is missing, incomplete or does not match its card."""
