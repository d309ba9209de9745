"""Time HistomicsTK on a picture: python -m scripts.bench.peers.histomicstk PICTURE.npz, in its own environment.

Nothing is random here: color deconvolution, nuclei as its command ComputeNucleiFeatures finds them, and of its
features only shape and intensity of hematoxylin and DAB, the ones that stand nearest to what hetscore measures.
"""

from __future__ import annotations

from importlib.metadata import version

import numpy as np

from scripts.bench.peers.peer import MEASURING, Peer, Picture, run_peer

RADIUS = (6, 20)
MIN_AREA = 80
SEARCH_RADIUS = 10
CYTO_WIDTH = 8
"""Pixels; all defaults of ComputeNucleiFeatures, which works at x20 as here."""


def load(picture: Picture) -> Peer:
    """Take the steps once, so that each has what it needs of the one before."""
    from histomicstk.features import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
        compute_nuclei_features,
    )
    from histomicstk.preprocessing import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
        color_deconvolution as colors,
    )
    from histomicstk.segmentation.nuclear import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
        detect_nuclei_kofahi,
    )
    from skimage.filters import threshold_otsu

    vectors = np.array([colors.stain_color_map[name] for name in ("hematoxylin", "dab", "null")]).T

    def separate() -> tuple[np.ndarray, np.ndarray]:
        stains = colors.color_deconvolution(picture.rgb, vectors).Stains
        return stains[..., 0].astype(float), stains[..., 1].astype(float)

    hematoxylin, dab = separate()

    def find() -> np.ndarray:
        is_dark = hematoxylin < threshold_otsu(hematoxylin)  # its fixed 60 is made for H&E with its colors normalized
        return np.asarray(detect_nuclei_kofahi(hematoxylin, is_dark, *RADIUS, MIN_AREA, SEARCH_RADIUS))

    nuclei = find()

    def measure() -> int:
        return len(
            compute_nuclei_features(
                nuclei,
                hematoxylin,
                dab,
                cyto_width=CYTO_WIDTH,
                fsd_features_flag=False,
                gradient_features_flag=False,
                haralick_features_flag=False,
            )
        )

    steps = {"colors": separate, "nuclei": find, MEASURING: measure}
    what = "nuclei, their shape and stain; no network"
    return Peer("HistomicsTK", version("histomicstk"), what, picture, steps)


if __name__ == "__main__":
    run_peer(load)
