"""HER2 slide and H&E companion -> Registration: which place of the one is which of the other, fragment by fragment.

Compared on hematoxylin, which both have. The error is estimated from the pair itself, and a match that may be off by
more than a gland, or is no better than chance, is refused with its reason.
"""

from hetscore.registration.mapping import carry_place, carry_region
from hetscore.registration.params import RegistrationParams
from hetscore.registration.registering import register
from hetscore.registration.views import HE_VECTORS, Section

__all__ = ["HE_VECTORS", "RegistrationParams", "Section", "carry_place", "carry_region", "register"]
