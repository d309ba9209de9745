"""Paint what lies between and around cells: stroma, muscle, mucus, blood, and what damage leaves.

Every ground is a function of place: it is given the pixels of its kind and says how dark they are. So it can be painted
strip by strip, and only where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hetscore.phantom.epithelium import Ground
from hetscore.phantom.noise import Field, PackedField, SmoothField, draw_field, draw_packed


@dataclass(frozen=True)
class GroundParams:
    """How the grounds look. Hematoxylin, base 10, at gain 1; sizes in microns.

    By eye on the cores of `eac-tma`: stroma on all of them, smooth muscle on 2_ac71 and 1_f8a2, red cells on 0_9b0f,
    wisps of mucus on 2_da59, secretion in glands on 2_0123. Necrosis, crush and fibrin are on none of them; they are
    drawn after their descriptions in textbooks.
    """

    stroma_od: float = 0.022
    """Measured around stromal nuclei: 0-0.04."""
    fiber_od: float = 0.018
    """Standard deviation of the fibers of stroma."""
    waves_um: tuple[tuple[float, float], ...] = ((60.0, 9.0), (18.0, 2.5))
    """Scale and amplitude of the waves that bend fibers and streaks."""
    muscle_od: float = 0.040
    """Haze of smooth muscle; it has no gaps but between bundles."""
    vacuole_od: float = 0.007
    """Mucin is washed out or takes no stain."""
    necrosis_od: float = 0.050
    ghost_um: float = 10.0
    """Between the outlines of dead cells: the pitch of the cells they were."""
    dust_um: float = 5.0
    """Between specks of burst nuclei, of which `dust_share` are seen."""
    dust_share: float = 0.22
    crush_od: float = 0.26
    """Of a streak: nuclear chromatin, drawn out."""
    fibrin_um: float = 5.5
    """Mesh of the net of fibrin."""
    fibrin_od: float = 0.075
    mucus_od: float = 0.055
    """Of a wisp; between them mucus is clear."""
    red_cell_um: float = 5.8
    """Between red cells, packed; they shrink in fixation from 7.5."""
    red_cell_dab_od: float = 0.065
    """Hemoglobin's own yellow-brown passes for a little DAB."""
    red_cell_od: float = 0.022
    secretion_od: float = 0.030
    """Of grains lying in the lumens of some glands."""


@dataclass(frozen=True)
class GroundTexture:
    """The random fields of one fragment's grounds, drawn once."""

    waves: tuple[tuple[SmoothField, SmoothField, float], ...]
    """Displacement along x, along y, and its amplitude in pixels."""
    fibers: SmoothField
    crossing: SmoothField
    clefts: SmoothField
    streaks: SmoothField
    """Long: of muscle and mucus."""
    smears: SmoothField
    """Shorter and broader: of crush."""
    patches: SmoothField
    """Some 40 um: where there is more of it and where less."""
    grain: SmoothField
    ghosts: PackedField
    dust: PackedField
    net: PackedField
    red_cells: PackedField
    mpp: float


def draw_texture(
    rng: np.random.Generator, shape: tuple[int, int], mpp: float, angle: float, params: GroundParams
) -> GroundTexture:
    """Draw the fields of a fragment of `shape` pixels whose fibers run along `angle` (radians, from x towards y)."""

    def streaks(along_um: float, across_um: float, turn: float = 0.0) -> SmoothField:
        return draw_field(rng, shape, (along_um / mpp, across_um / mpp), angle + turn)

    return GroundTexture(
        waves=tuple(
            (draw_field(rng, shape, scale / mpp), draw_field(rng, shape, scale / mpp), amplitude / mpp)
            for scale, amplitude in params.waves_um
        ),
        fibers=streaks(16, 1.2),
        crossing=streaks(6, 0.9, 0.5),
        clefts=streaks(12, 4),
        streaks=streaks(42, 2.4),
        smears=streaks(22, 3.2, 0.08),
        patches=draw_field(rng, shape, 40 / mpp),
        grain=draw_field(rng, shape, 0.8 / mpp),
        ghosts=draw_packed(rng, shape, params.ghost_um / mpp, 0.35),
        dust=draw_packed(rng, shape, params.dust_um / mpp),
        net=draw_packed(rng, shape, params.fibrin_um / mpp),
        red_cells=draw_packed(rng, shape, params.red_cell_um / mpp, 0.22),
        mpp=mpp,
    )


@dataclass(frozen=True)
class Places:
    """Pixels of one ground, as columns: where they are, and where the waves bend them from."""

    x: Field
    y: Field
    bent_x: Field
    bent_y: Field

    def bent(self, field: SmoothField, bend: float = 1.0) -> Field:
        """Read a field through the waves, made `bend` times as high."""
        return field.at(*self._through(bend))

    def straight(self, field: SmoothField) -> Field:
        """Read a field as it is."""
        return field.at(self.x, self.y)

    def packed(self, field: PackedField, bend: float = 0.0) -> tuple[Field, Field, Field]:
        """Read a packed field through waves made `bend` times as high: full ones would stretch disks into rods."""
        return field.at(*self._through(bend))

    def _through(self, bend: float) -> tuple[Field, Field]:
        if bend == 1:
            return self.bent_x, self.bent_y
        share = np.float32(bend)
        return self.x + share * (self.bent_x - self.x), self.y + share * (self.bent_y - self.y)


def find_places(texture: GroundTexture, row: NDArray[np.intp], column: NDArray[np.intp]) -> Places:
    """Place the pixels (row, column) of a fragment."""
    x, y = column.astype(np.float32), row.astype(np.float32)
    bent_x, bent_y = x.copy(), y.copy()
    for along_x, along_y, amplitude in texture.waves:
        bent_x += np.float32(amplitude) * along_x.at(x, y)
        bent_y += np.float32(amplitude) * along_y.at(x, y)
    return Places(x, y, bent_x, bent_y)


Values = NDArray[np.floating]
"""One a pixel."""

Painter = Callable[[Places, GroundTexture, GroundParams], tuple[Values, Values | float]]
"""From pixels of a ground to their hematoxylin and DAB; the latter what is no stain but passes for it."""


def _stroma(at: Places, texture: GroundTexture, params: GroundParams) -> tuple[Values, float]:
    """Pale collagen with fibers in two directions and clefts between them."""
    fibers = at.bent(texture.fibers) + 0.7 * at.bent(texture.crossing)
    clefts = 0.8 * at.bent(texture.clefts) + 0.5 * fibers
    solid = np.clip(2 * (clefts + 0.4), 0, 1)
    return solid * (params.stroma_od + params.fiber_od * fibers), 0.0


def _muscle(at: Places, texture: GroundTexture, params: GroundParams) -> tuple[Values, float]:
    """Show an even haze, fine long streaks, and clear gaps between bundles."""
    bundle = at.bent(texture.streaks) + 0.5 * at.straight(texture.patches)
    fine = 0.18 * at.bent(texture.fibers) + 0.10 * at.straight(texture.grain)
    gap = _rise(bundle, -1.9, -1.45)
    return params.muscle_od * gap * (1 + 0.14 * bundle + fine), 0.0


def _vacuole(at: Places, texture: GroundTexture, params: GroundParams) -> tuple[Values, float]:
    """Clear, with a trace of mucin in it."""
    return params.vacuole_od * np.clip(1 + 0.5 * at.bent(texture.clefts) + 0.4 * at.straight(texture.grain), 0, 3), 0.0


def _necrosis(at: Places, texture: GroundTexture, params: GroundParams) -> tuple[Values, Values]:
    """Ghosts of cells in a coarse grain, and the dust of burst nuclei."""
    near, second, mark = at.packed(texture.ghosts, 0.35)
    patches = at.straight(texture.patches)
    outline = _bump((second - near) * texture.mpp, 1.3) * np.clip(0.7 + 0.5 * patches, 0, 1)
    ghost = (1 - _rise(near * texture.mpp, 1.8, 3.4)) * (0.2 + 1.1 * mark)
    grain = 0.7 * at.straight(texture.grain) + 0.8 * at.bent(texture.clefts)
    density = params.necrosis_od * (0.60 + 0.75 * outline + 0.75 * ghost + 0.2 * patches + 0.28 * grain)
    return np.maximum(density, 0.008) + _specks(at, texture, params, 0.17), np.maximum(0.018 + 0.008 * grain, 0)


def _specks(at: Places, texture: GroundTexture, params: GroundParams, od: float) -> Values:
    """Dark round specks, up to 1.3 um in radius, one in every few squares of the dust."""
    near, _, mark = at.packed(texture.dust)
    size = mark / params.dust_share
    radius_px = (0.3 + 1.0 * size) / texture.mpp
    speck: Values = np.where(size < 1, np.float32(od) * (1 - _rise(near, 0.7 * radius_px, 1.3 * radius_px)), 0)
    return speck


def _crush(at: Places, texture: GroundTexture, params: GroundParams) -> tuple[Values, float]:
    """Nuclei smeared into dark streaks that thin out and tear, in torn stroma."""
    pale, _ = _stroma(at, texture, params)
    broken = at.bent(texture.smears, 0.5) + 0.5 * at.straight(texture.patches)
    dark = _rise(broken, 0.25, 1.7) * np.clip(0.9 + 0.35 * at.bent(texture.clefts, 0.5), 0.2, 1.5)
    thread = 0.35 * _bump(at.bent(texture.streaks, 0.5) - 0.8, 0.22)
    grain = 1 + 0.2 * at.bent(texture.fibers) + 0.12 * at.straight(texture.grain)
    return np.maximum(1.5 * pale + params.crush_od * (dark + thread) * grain, 0), 0.0


def _debris(at: Places, texture: GroundTexture, params: GroundParams) -> tuple[Values, Values]:
    """Show a net of fibrin, here dense and there torn, with grains in it."""
    near, second, mark = at.packed(texture.net, 0.8)
    strand = _bump((second - near) * texture.mpp, 0.7) * np.clip(0.5 + 0.7 * at.bent(texture.crossing), 0, 1.5)
    dense = np.clip(0.75 + 0.4 * at.straight(texture.patches) + 0.35 * at.bent(texture.clefts), 0.1, 1.5)
    grain = at.straight(texture.grain)
    density = params.fibrin_od * dense * (0.15 + 0.3 * mark + 0.9 * strand + 0.2 * grain)
    return np.maximum(density, 0) + _specks(at, texture, params, 0.06), 0.016 * dense


def _mucus(at: Places, texture: GroundTexture, params: GroundParams) -> tuple[Values, float]:
    """Nearly clear, with strands that bend, fray and fade."""
    shown = np.clip(0.7 + 0.6 * at.straight(texture.patches) + 0.4 * at.bent(texture.clefts), 0, 1.6)
    strand = _rise(at.bent(texture.streaks), 0.6, 2.0) + 0.5 * _rise(at.bent(texture.fibers), 0.7, 2.0)
    haze = 0.10 + 0.05 * at.straight(texture.grain)
    return params.mucus_od * (haze + shown * strand), 0.0


def _blood(at: Places, texture: GroundTexture, params: GroundParams) -> tuple[Values, Values]:
    """Packed disks, darker at the rim, pale in the middle, clear between them."""
    near, second, mark = at.packed(texture.red_cells, 0.25)
    radius = (0.49 + 0.08 * mark) * params.red_cell_um / texture.mpp
    share = near / radius
    gap = _rise((second - near) * texture.mpp, 0.1, 0.7)
    inside = (1 - _rise(share, 0.94, 1.08)) * gap
    rim = _bump(share - 0.84, 0.12)
    disk = inside * (0.45 + 0.35 * share + 0.35 * mark + 0.7 * rim) * (1 + 0.08 * at.straight(texture.grain))
    return params.red_cell_od * disk, params.red_cell_dab_od * disk


def _lumen(at: Places, texture: GroundTexture, params: GroundParams) -> tuple[Values, float]:
    """Empty, but for grains of secretion in some."""
    patches = at.straight(texture.patches)
    some = _rise(patches, 1.1, 1.8)
    if not some.any():
        return np.zeros_like(patches), 0.0
    grain = 0.6 * at.bent(texture.clefts) + at.straight(texture.grain)
    return params.secretion_od * some * np.maximum(grain + 0.1, 0), 0.0


GROUNDS: Mapping[Ground, Painter] = MappingProxyType(
    {
        Ground.STROMA: _stroma,
        Ground.LUMEN: _lumen,
        Ground.VACUOLE: _vacuole,
        Ground.MUSCLE: _muscle,
        Ground.NECROSIS: _necrosis,
        Ground.CRUSH: _crush,
        Ground.DEBRIS: _debris,
        Ground.MUCUS: _mucus,
        Ground.BLOOD: _blood,
    }
)
"""Painter by ground. Glass has none; epithelium is painted cell by cell."""

DEFAULT_GROUNDS = GroundParams()


def _bump(value: Values, width: float) -> Values:
    """1 at 0, falling to 0 at twice `width` on either side, half in between: a smooth bump without exponentials."""
    share = np.minimum(np.abs(value) * np.float32(0.5 / width), 1)
    bump: Values = 1 - share * share * (3 - 2 * share)
    return bump


def _rise(value: Values, low: Values | float, high: Values | float) -> Values:
    """0 below `low`, 1 above `high`, smooth between them."""
    share = np.clip((value - low) / (high - low), 0, 1)
    risen: Values = share * share * (3 - 2 * share)
    return risen
