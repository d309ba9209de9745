"""Draw each kind of artefact: what is to be done to which cells of the slide.

On a fragment its edge is put where the share of tissue asked for lies inside. By eye, after artefacts that pathologists
know; colors and widths are what such things look like at x20 to x40, measured on no slide.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from hetscore.phantom.artefact_spots import Floats, Room, Scene, Spot, on_fragment
from hetscore.phantom.noise import smooth_noise
from hetscore.phantom.retouch import Mask, Overlay, Patch, Retouch, defocused
from hetscore.phantom.spec import ArtefactKind


def _length_angle(spot: Spot) -> float:
    """Angle of the patch's longer side."""
    return 0.0 if spot.patch.box.width >= spot.patch.box.height else math.pi / 2


def _rise(value: Floats, low: float, high: float) -> Floats:
    """0 at `low`, 1 at `high`, smooth between."""
    share = np.clip((value - low) / (high - low), 0, 1)
    risen: Floats = share * share * (3 - 2 * share)
    return risen


def _dim(share: Floats, color: tuple[float, float, float]) -> NDArray[np.float32]:
    """Factors of light that passes `share` of a layer which lets `color` through."""
    factors: NDArray[np.float32] = np.power(np.array(color), share[..., None]).astype(np.float32)
    return factors


def _pick(rng: np.random.Generator, spot: Spot) -> tuple[float, float]:
    """Choose a place on the tissue, microns; the middle of the patch on the glass."""
    if spot.tissue.all():
        return float(spot.x.mean()), float(spot.y.mean())
    row, column = np.nonzero(spot.tissue)
    k = int(rng.integers(len(row)))
    return float(spot.x[row[k], column[k]]), float(spot.y[row[k], column[k]])


def _turned(spot: Spot, center: tuple[float, float], angle: float) -> tuple[Floats, Floats]:
    """Give how far along and across a line through `center` each cell lies."""
    dx, dy = spot.x - center[0], spot.y - center[1]
    cos, sin = math.cos(angle), math.sin(angle)
    return dx * cos + dy * sin, dy * cos - dx * sin


def _bend(rng: np.random.Generator, along: Floats, amplitude_um: float, length_um: float) -> Floats:
    """Bend a line: two waves, the second half as long."""
    waves = np.zeros_like(along)
    for k in (1, 2):
        phase = rng.uniform(0, 2 * math.pi)
        waves += amplitude_um / k * np.sin(2 * math.pi * k * along / length_um + phase)
    return waves


def _round_distance(rng: np.random.Generator, spot: Spot, center: tuple[float, float], lobes: float) -> Floats:
    """Distance from a center, lobed, so that what lies within a distance is not quite a disk."""
    dx, dy = spot.x - center[0], spot.y - center[1]
    theta = np.arctan2(dy, dx)
    shape = sum(rng.normal(0, lobes / k) * np.cos(k * theta + rng.uniform(0, 2 * math.pi)) for k in (2, 3, 4, 5))
    distance: Floats = np.hypot(dx, dy) / (1 + np.clip(shape, -0.5, 0.5))
    return distance


_FOLD_UM = 80.0
"""Width of one fold, about; wider ones are several."""


def _fold(scene: Scene, spot: Spot, rng: np.random.Generator) -> Retouch:
    """Lay tissue over itself along bent bands that taper: mirrored, as it turns over, and a little out of focus."""
    size = math.sqrt(np.count_nonzero(spot.tissue)) * spot.cell_um
    n_bands = max(1, round(spot.share * size / _FOLD_UM))
    along, across = _turned(spot, _middle(spot), rng.uniform(0, math.pi))
    across = across - _bend(rng, along, 0.06 * size, 1.3 * size)
    taper = np.sqrt(np.clip(1 - (along / (0.75 * size)) ** 2, 0.05, 1))
    offset = (np.arange(n_bands) - (n_bands - 1) / 2 + rng.uniform(-0.2, 0.2, n_bands)) * size / n_bands
    signed = np.stack([across - o for o in offset])
    signed = np.take_along_axis(signed, np.abs(signed).argmin(axis=0)[None], axis=0)[0]
    distance = np.abs(signed) / taper
    half = spot.level(distance)
    near = ndimage.binary_dilation(spot.tissue, iterations=2)
    inside = np.where(near, 1 - _rise(distance, half - 2, half + 2), 0)
    edge = np.where(near, np.exp(-0.5 * ((distance - half) / 2.5) ** 2), 0)
    source = scene.rgb[spot.patch.box.slices].copy()
    return Retouch(
        factor=_dim(0.5 * edge + 0.15 * inside, (0.62, 0.60, 0.72)),
        softness=(0.9 * inside).astype(np.float32),
        defocus_um=1.1,
        overlays=(Overlay(inside.astype(np.float32), *_mirrored(spot, signed, half * taper), source),),
    )


def _middle(spot: Spot) -> tuple[float, float]:
    return float(spot.x[spot.tissue].mean()), float(spot.y[spot.tissue].mean())


def _mirrored(spot: Spot, signed: Floats, half: Floats) -> tuple[Floats, Floats]:
    """Places seen in the mirror that stands on the fold's far edge, pixels of the patch."""
    gradient_y, gradient_x = np.gradient(signed, spot.cell_um)
    norm = np.maximum(np.hypot(gradient_x, gradient_y), 0.2)
    step = 2 * (half - signed) / norm
    x = spot.x + step * gradient_x / norm
    y = spot.y + step * gradient_y / norm
    return _to_pixels(spot.patch, x, y)


def _to_pixels(patch: Patch, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """From microns on the slide to pixels of the patch, first pixel's middle at 0."""
    return x / patch.mpp - patch.box.x - 0.5, y / patch.mpp - patch.box.y - 0.5


_INKS = ((0.22, 0.33, 0.70), (0.24, 0.58, 0.36), (0.24, 0.24, 0.27))
"""What blue, green and black ink let through; by eye."""


def _pen(_: Scene, spot: Spot, rng: np.random.Generator) -> Retouch:
    """Draw a stroke with streaks along it and soft edges: ink lies on the coverslip, above the focus."""
    on_glass = spot.on_glass
    angle = _length_angle(spot) + rng.normal(0, 0.08) if on_glass else rng.uniform(0, 2 * math.pi)
    along, across = _turned(spot, _middle(spot), angle)
    across = across - _bend(rng, along, 15.0 if on_glass else 25.0, 1600.0)
    if on_glass:
        upper = 0.25 * min(float(np.ptp(spot.x)), float(np.ptp(spot.y)))
        width = 2 * upper
    else:
        upper = spot.level(across)
        width = max(rng.uniform(300, 600), upper - float(across[spot.tissue].min()) + 40)
    ends = spot.border - 40 + 10 * spot.noise(rng, 50)
    inward = np.minimum(np.minimum(upper - across, across - upper + width), ends) + 4 * spot.noise(rng, 80)
    tracks = smooth_noise(rng, (1, math.ceil(float(np.ptp(across))) + 2), 8.0)[0]
    streaks = np.interp(across - across.min(), np.arange(len(tracks)), tracks)
    ink = _rise(inward, -9, 9) * (0.95 + 0.2 * streaks + 0.12 * spot.noise(rng, 120))
    ink += 0.4 * np.exp(-0.5 * ((inward - 8) / 9) ** 2)
    return Retouch(factor=_dim(np.maximum(ink, 0), _INKS[int(rng.integers(len(_INKS)))]))


def _blur(_: Scene, spot: Spot, rng: np.random.Generator) -> Retouch:
    """Lose the focus in a patch with a soft border."""
    distance = _round_distance(rng, spot, _pick(rng, spot), 0.25)
    level = spot.level(distance)
    border = min(30.0, 0.3 * level)
    soft = 1 - _rise(distance, level - border, level + 0.3 * border)
    return Retouch(softness=soft.astype(np.float32), defocus_um=rng.uniform(1.8, 4.0))


def _bubble(_: Scene, spot: Spot, rng: np.random.Generator) -> Retouch:
    """Draw an air bubble: a dark ring where light is bent away, a bright one within, and a pale blurred inside."""
    center = _pick(rng, spot)
    distance = _round_distance(rng, spot, center, 0.05)
    size = 0.5 * min(float(np.ptp(spot.x)), float(np.ptp(spot.y)))
    level = spot.level(distance) if not spot.on_glass else 0.75 * size
    theta = np.arctan2(spot.y - center[1], spot.x - center[0])
    side = 1 + 0.45 * np.cos(theta - rng.uniform(0, 2 * math.pi))
    width = rng.uniform(0.6, 1.1) * min(7.0, 0.1 * level) * side
    ring = np.exp(-0.5 * ((distance - level) / (0.5 * width)) ** 2)
    ring += 0.15 * np.exp(-0.5 * ((distance - level + 2.6 * width) / (0.5 * width)) ** 2)
    glow = np.exp(-0.5 * ((distance - level + 1.35 * width) / (0.45 * width)) ** 2)
    inside = 1 - _rise((distance - level) / width, -1, 0)
    factor = _dim(1.2 * ring, (0.16, 0.17, 0.20)) * (1 + 0.04 * inside + 0.06 * glow)[..., None]
    return Retouch(factor.astype(np.float32), (0.85 * inside).astype(np.float32), rng.uniform(1.0, 1.8))


def _coverslip(_: Scene, spot: Spot, rng: np.random.Generator) -> Retouch:
    """Draw the coverslip's edge, dark with a fringe of colors; beyond it lies bare, dull tissue and spilt medium."""
    length = max(float(np.ptp(spot.x)), float(np.ptp(spot.y)))
    angle = _length_angle(spot) + math.pi * int(rng.integers(2)) + np.clip(rng.normal(0, 20), -40, 40) / length
    across = _turned(spot, _middle(spot), angle)[1]
    level = spot.level(across) if not spot.on_glass else float(np.quantile(across, 0.65))
    beyond = level - across + 0.4 * spot.noise(rng, 200)
    channels = []
    for fringe_um, weight in ((-1.3, 1.0), (0.0, 1.1), (1.3, 0.9)):
        line = np.exp(-0.5 * ((beyond + fringe_um) / 3.2) ** 2)
        line += 0.3 * np.exp(-0.5 * ((beyond + 1.5 * fringe_um - 16) / 2.2) ** 2)
        channels.append(np.power(0.2, weight * line))
    end = float(beyond[spot.tissue].max()) + 25 if not spot.on_glass else 0.5 * float(beyond.max())
    spilt = _rise(beyond, 0, 4) * (1 - _rise(beyond + 10 * spot.noise(rng, 60), end, end + 8))
    dull = _dim(spilt * (0.10 + 0.008 * spot.noise(rng, 30)), (0.30, 0.32, 0.38))
    return Retouch((np.stack(channels, axis=2) * dull).astype(np.float32), (0.6 * spilt).astype(np.float32), 0.9)


_HAIR_UM = 35.0
"""Largest radius of a hair; thin ones are fibers of cloth."""


def _hair(_: Scene, spot: Spot, rng: np.random.Generator) -> Retouch:
    """Draw long thin fibers, dark with a paler core, above the focus."""
    size = math.sqrt(np.count_nonzero(spot.tissue)) * spot.cell_um
    n_hairs = max(1, round(spot.share * size / (1.6 * _HAIR_UM))) if not spot.on_glass else 1
    cells = np.column_stack([spot.x.ravel(), spot.y.ravel()])
    distance = cKDTree(np.concatenate([_draw_hair(rng, spot) for _ in range(n_hairs)])).query(cells)[0]
    distance = distance.reshape(spot.x.shape)
    radius = rng.uniform(4.0, 9.0)
    if not spot.on_glass:
        radius = float(np.clip(spot.level(distance), 4.0, _HAIR_UM))
    soft = min(4.0, 0.4 * radius)
    cover = 1 - _rise(distance, radius - soft, radius + soft)
    cover *= _rise(spot.border, 2, 2 + 2 * radius)
    core = np.clip(1 - distance / (0.65 * radius), 0, 1)
    color = ((0.22, 0.19, 0.18), (0.40, 0.36, 0.34), (0.34, 0.38, 0.52))[int(rng.integers(3))]
    return Retouch(factor=_dim(cover * (1 - 0.55 * core) * (1 + 0.1 * spot.noise(rng, 15)), color))


def _draw_hair(rng: np.random.Generator, spot: Spot) -> Floats:
    """Walk both ways from a place on the tissue with a slowly changing turn; (n, 2) microns, one a micron."""
    reach = rng.uniform(0.5, 0.7) * math.hypot(float(np.ptp(spot.x)), float(np.ptp(spot.y)))
    turn = rng.normal(0, 1.2) / reach + 0.9 / reach * smooth_noise(rng, (1, math.ceil(2 * reach)), 0.5 * reach)[0]
    heading = rng.uniform(0, 2 * math.pi) + np.cumsum(turn.astype(np.float64))
    path = np.column_stack([np.cumsum(np.cos(heading)), np.cumsum(np.sin(heading))])
    walked: Floats = path - path[len(path) // 2] + _pick(rng, spot)
    return walked


_TORN_EDGE_UM = 1.5
"""Standard deviation over which the border of a torn piece fades: it is out of focus."""


def _floater(scene: Scene, spot: Spot, rng: np.random.Generator) -> Retouch:
    """Lay a piece torn from a fragment over this place, turned and out of focus."""
    others = [i for i in range(len(scene.fragments)) if i + 1 != spot.number] or [0]
    number = others[int(rng.integers(len(others)))]
    torn = on_fragment(scene, number + 1, 1.0, KINDS[ArtefactKind.FLOATER].room, rng)
    available = np.count_nonzero(torn.tissue)
    wanted = spot.share * np.count_nonzero(spot.tissue)
    if spot.on_glass:
        wanted *= 0.5
    middle = _pick(rng, torn)
    distance = _round_distance(rng, torn, middle, 0.45) + 4 * torn.noise(rng, 14)
    level = float(np.quantile(distance[torn.tissue], min(0.6, wanted / available)))
    piece = torn.tissue & (distance < level)
    angle = rng.uniform(-0.6, 0.6)
    along, across = _turned(spot, _landing(rng, spot, torn, piece, middle, angle), angle)
    x, y = middle[0] + along, middle[1] + across
    share = ndimage.gaussian_filter(_read_piece(torn, piece, x, y), _TORN_EDGE_UM / spot.cell_um)
    source = defocused(scene.rgb[torn.patch.box.slices], rng.uniform(0.9, 1.8) / scene.mpp)
    return Retouch(overlays=(Overlay(share, *_to_pixels(torn.patch, x, y), source),))


def _read_piece(torn: Spot, piece: Mask, x: Floats, y: Floats) -> NDArray[np.float32]:
    """Read at the places (x, y), microns, whether the piece is there."""
    at = np.stack([y - torn.y[0, 0], x - torn.x[0, 0]]) / torn.cell_um
    share: NDArray[np.float32] = ndimage.map_coordinates(piece.astype(np.float32), at, order=0, cval=0.0)
    return share


def _landing(
    rng: np.random.Generator, spot: Spot, torn: Spot, piece: Mask, middle: tuple[float, float], angle: float
) -> tuple[float, float]:
    """Choose of some places the one where the piece covers most tissue."""
    u, v = torn.x[piece] - middle[0], torn.y[piece] - middle[1]
    dx, dy = u * math.cos(angle) - v * math.sin(angle), u * math.sin(angle) + v * math.cos(angle)
    best, most = _middle(spot), -1
    for x, y in [_middle(spot), *(_pick(rng, spot) for _ in range(12))]:
        row = np.rint((y + dy - spot.y[0, 0]) / spot.cell_um).astype(int)
        column = np.rint((x + dx - spot.x[0, 0]) / spot.cell_um).astype(int)
        is_in = (row >= 0) & (row < spot.y.shape[0]) & (column >= 0) & (column < spot.x.shape[1])
        covered = int(np.count_nonzero(spot.tissue[row[is_in], column[is_in]]))
        if covered > 1.05 * most:
            best, most = (x, y), covered
    return best


@dataclass(frozen=True)
class Kind:
    """How to draw a kind of artefact, and how much room it takes."""

    draw: Callable[[Scene, Spot, np.random.Generator], Retouch]
    room: Room


KINDS: Mapping[ArtefactKind, Kind] = MappingProxyType(
    {
        ArtefactKind.FOLD: Kind(_fold, Room(20, (0, 0))),
        ArtefactKind.PEN: Kind(_pen, Room(350, (1500, 700))),
        ArtefactKind.BLUR: Kind(_blur, Room(20, (0, 0))),
        ArtefactKind.BUBBLE: Kind(_bubble, Room(200, (500, 500))),
        ArtefactKind.COVERSLIP: Kind(_coverslip, Room(60, (1e6, 150), is_long=True)),
        ArtefactKind.HAIR: Kind(_hair, Room(250, (900, 500))),
        ArtefactKind.FLOATER: Kind(_floater, Room(40, (350, 350))),
    }
)
"""Fold and blur have no room on the glass, where they would not be seen."""
