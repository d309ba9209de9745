"""Cells as columns, with the classes of membranous staining and its pattern."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum
from tempfile import SpooledTemporaryFile
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hetscore.errors import UsageError


class MembraneClass(IntEnum):
    """Membranous staining of one cell. UNSCORED means it could not be measured; it is never silently 0."""

    UNSCORED = -1
    NEGATIVE = 0
    FAINT = 1
    MODERATE = 2
    STRONG = 3

    @property
    def label(self) -> str:
        """As written in reports: 0, 1+, 2+, 3+ or unscored."""
        return "unscored" if self is MembraneClass.UNSCORED else ("0", "1+", "2+", "3+")[self]


class MembranePattern(IntEnum):
    """Which sides of the cell are stained."""

    NONE = 0
    PARTIAL = 1
    LATERAL = 2
    BASOLATERAL = 3
    COMPLETE = 4


@dataclass(frozen=True)
class Cells:
    """Cells as columns, all of length n, in level-0 pixels. `measure_cells` makes it, `merge_gathered` joins it."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    """Centroid of the nucleus."""
    fragment: NDArray[np.int32]
    """`Fragment.id`; 0 until the cell is given to a fragment, and where it lies in none: on area excluded by hand."""
    nucleus_area_um2: NDArray[np.float32]
    p_tumor: NDArray[np.float32]
    membrane_od: NDArray[np.float32]
    """DAB optical density of the membrane line above what lies on both sides of it; NaN where not measurable."""
    membrane_completeness: NDArray[np.float32]
    """Stained share of the membrane's length, [0, 1]."""
    membrane_arc: NDArray[np.float32]
    """Longest stained arc as a share of the membrane's length, [0, 1]."""
    membrane_pattern: NDArray[np.int8]
    """`MembranePattern`."""
    cytoplasm_od: NDArray[np.float32]
    nucleus_od: NDArray[np.float32]
    """DAB optical density in the cytoplasm and over the nucleus."""
    membrane_width_um: NDArray[np.float32]
    """Width of the membrane line at half its height, the median over the stained part; NaN where nothing is stained."""
    nucleus_residual_od: NDArray[np.float32]
    """Optical density over the nucleus that neither stain explains (the length of what unmixing leaves over)."""
    membrane_ground_od: NDArray[np.float32]
    """DAB optical density of what lies beside the line, on its darker side; with `membrane_od` the density of the line
    itself."""
    membrane_arcs: NDArray[np.int8]
    """How many stretches of the membrane are stained; a ring is one."""
    gap_deg: NDArray[np.float32]
    """Direction of the middle of the longest unstained stretch, degrees from the right, growing downward, [0, 360); NaN
    where the membrane is stained all around or nowhere."""
    lumen_share: NDArray[np.float32]
    """Share of the membrane's length that faces open space: the apical side of a gland's cell, [0, 1]."""
    lumen_stained: NDArray[np.float32]
    """Stained share of that, [0, 1]; NaN where no side faces open space."""
    saturated_share: NDArray[np.float32]
    """Share of the membrane's length where the line is too dark for the camera, and its density a lower bound."""
    membrane_class: NDArray[np.int8]
    """`MembraneClass`."""
    p_class: NDArray[np.float32]
    """(n, 4), probability of 0, 1+, 2+, 3+; zeros where unscored."""
    outline_xy: NDArray[np.float32]
    """(m, 2), the outlines of all cells one after another, level-0 pixels."""
    outline_start: NDArray[np.int64]
    """(n + 1,), outline of cell i is ``outline_xy[outline_start[i]:outline_start[i + 1]]``."""
    tumor_by_hand: NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, np.int8))
    """What a person said of the cell, which outranks `p_tumor`: 1 tumor, -1 not tumor, 0 nothing. Nothing where it is
    not given: whoever measures cells knows of no person."""

    def __post_init__(self) -> None:
        if not len(self.tumor_by_hand):
            object.__setattr__(self, "tumor_by_hand", np.zeros(len(self), np.int8))

    def __len__(self) -> int:
        return len(self.x)

    @property
    def is_tumor(self) -> NDArray[np.bool_]:
        """Which cells count as tumor cells: what a person said, else those more likely tumor than not."""
        return np.where(self.tumor_by_hand == 0, self.p_tumor >= 0.5, self.tumor_by_hand > 0)

    def outline(self, index: int) -> NDArray[np.float32]:
        """Outline of one cell, (k, 2) level-0 pixels."""
        return self.outline_xy[self.outline_start[index] : self.outline_start[index + 1]]

    def take(self, index: NDArray[Any]) -> Cells:
        """Return the cells chosen by a boolean mask or by positions, in that order."""
        positions = np.flatnonzero(index) if index.dtype == np.bool_ else index
        columns = {name: getattr(self, name)[positions] for name in CELL_COLUMNS}
        return Cells(**columns, **_take_outlines(self.outline_xy, self.outline_start, positions))

    def between(self, start: int, stop: int) -> Cells:
        """Return the cells of some rows, as views: nothing is copied but where outlines start."""
        columns = {name: getattr(self, name)[start:stop] for name in CELL_COLUMNS}
        first, last = self.outline_start[start], self.outline_start[stop]
        starts = self.outline_start[start : stop + 1] - first
        return Cells(**columns, outline_xy=self.outline_xy[first:last], outline_start=starts)

    def with_columns(self, **columns: NDArray[Any]) -> Self:
        """Return the cells with some columns replaced."""
        return replace(self, **columns)


CELL_COLUMNS = tuple(f.name for f in fields(Cells) if not f.name.startswith("outline"))
"""Names of the columns that hold one row a cell."""


SPOOL_BYTES = 16 * 2**20
"""Cells that wait to be joined are held in memory up to this size, some 60,000 of them, and in a file beyond it: large
biopsies fit, and a resection takes no more memory than they do."""


class CellParts:
    """Cells as they come, part by part, kept as columns until they are joined.

    Beyond `SPOOL_BYTES` they wait in a temporary file: a part is small and lies among the pictures of its tile, which
    could not be given back to the system as long as it stood there.
    """

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 - it lives as long as the parts do
        self._places: dict[str, list[tuple[int, int]]] = {}
        self._empty: dict[str, NDArray[Any]] = {}
        self.add(empty_cells())  # so that the types are known without any part

    def __del__(self) -> None:
        with suppress(OSError):  # where parts are let go unjoined, nobody misses what could not be written
            self._file.close()

    def add(self, part: Cells) -> None:
        """Take the columns of a part, as the types that `Cells` names.

        Raises
        ------
        UsageError
            If there is no room for the temporary file.
        ValueError
            If a column holds another kind of numbers, or rows of another length.
        """
        columns = {name: getattr(part, name) for name in (*CELL_COLUMNS, "outline_xy")}
        columns["lengths"] = np.diff(part.outline_start)
        with _temporary_file():
            for name, column in columns.items():
                empty = self._empty.setdefault(name, column[:0])
                _check_kind(name, column, empty)
                start = self._file.seek(0, os.SEEK_END)  # which also writes what was held back until now
                self._file.write(column.astype(empty.dtype, copy=False).tobytes())
                self._places.setdefault(name, []).append((start, len(column)))

    def column(self, name: str) -> NDArray[Any]:
        """Join one column, in the order in which the parts were added.

        Raises
        ------
        UsageError
            If there is no room for the temporary file, or it does not hold what was written.
        """
        places, empty = self._places[name], self._empty[name]
        joined = np.empty((sum(n for _, n in places), *empty.shape[1:]), empty.dtype)
        first = 0
        with _temporary_file():
            for start, n in places:
                self._read(start, joined[first : first + n])
                first += n
        return joined

    def _read(self, start: int, rows: NDArray[Any]) -> None:
        """Read what was written from a place on into rows of a column."""
        if not rows.size:
            return
        self._file.seek(start)
        if self._file.readinto(rows.data.cast("B")) != rows.nbytes:
            raise OSError(errno.EIO, "the file is shorter than what was written")

    def join(self, order: NDArray[np.intp] | None = None) -> Cells:
        """Put all cells one after another, or in an order of their rows so numbered; afterwards nothing is left here.

        Parameters
        ----------
        order : ndarray of int, optional
            Rows of what all parts would be one after another; those not named are left out.

        Returns
        -------
        Cells
            In that order.
        """
        chosen = slice(None) if order is None else order
        outlines = self._join_outlines(order)  # the widest first, while nothing else is held
        cells = Cells(**outlines, **{name: self.column(name)[chosen] for name in CELL_COLUMNS})
        self._file.close()
        return cells

    def _join_outlines(self, order: NDArray[np.intp] | None) -> dict[str, NDArray[Any]]:
        outline_xy, outline_start = self.column("outline_xy"), _starts(self.column("lengths"))
        if order is None:
            return {"outline_xy": outline_xy, "outline_start": outline_start}
        return _take_outlines(outline_xy, outline_start, order)


def _check_kind(name: str, column: NDArray[Any], meant: NDArray[Any]) -> None:
    """Check that a column can be kept as it is meant to be: other widths of number are converted, fractions not cut."""
    is_kind = column.dtype == meant.dtype or np.can_cast(column.dtype, meant.dtype, "same_kind")
    if not is_kind or column.shape[1:] != meant.shape[1:]:
        seen, expected = (f"{a.dtype} in rows of shape {a.shape[1:]}" for a in (column, meant))
        raise ValueError(f"column {name}: {seen}; expected {expected}")


@contextmanager
def _temporary_file() -> Iterator[None]:
    """Tell what fails of the temporary file, whoever first notices: what is written may wait until the next place."""
    try:
        yield
    except OSError as error:
        # not asked of `gettempdir`, which tries to write and so fails again
        folder = tempfile.tempdir or os.environ.get("TMPDIR") or "the temporary folder"
        seen = f"the cells of a slide cannot be kept ({error.strerror or error})"
        raise UsageError(f"{folder}: {seen}; expected room. Make some, or name another in TMPDIR.") from None


def join_cells(parts: Iterable[Cells], order: NDArray[np.intp] | None = None) -> Cells:
    """Put several `Cells` one after another, or in an order of their rows so numbered, see `CellParts.join`."""
    gathered = CellParts()
    for part in parts:
        gathered.add(part)
    return gathered.join(order)


def _starts(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _take_outlines(
    outline_xy: NDArray[np.float32], outline_start: NDArray[np.int64], positions: NDArray[np.intp]
) -> dict[str, NDArray[Any]]:
    """Outlines of some cells; those of one length, as they are measured, without a table of their corners."""
    all_lengths = np.diff(outline_start)
    lengths = all_lengths[positions]
    if len(all_lengths) and (all_lengths == all_lengths[0]).all():
        rows: NDArray[np.float32] = outline_xy.reshape(len(all_lengths), -1, 2)[positions].reshape(-1, 2)
        return {"outline_xy": rows, "outline_start": _starts(lengths)}
    start = _starts(lengths)
    corners = np.arange(start[-1]) - np.repeat(start[:-1] - outline_start[:-1][positions], lengths)
    return {"outline_xy": outline_xy[corners], "outline_start": start}


def empty_cells() -> Cells:
    """Make a `Cells` of no cells."""
    f4, i1 = np.zeros(0, np.float32), np.zeros(0, np.int8)
    return Cells(
        x=np.zeros(0),
        y=np.zeros(0),
        fragment=np.zeros(0, np.int32),
        nucleus_area_um2=f4,
        p_tumor=f4,
        membrane_od=f4,
        membrane_completeness=f4,
        membrane_arc=f4,
        membrane_pattern=i1,
        cytoplasm_od=f4,
        nucleus_od=f4,
        membrane_width_um=f4,
        nucleus_residual_od=f4,
        membrane_ground_od=f4,
        membrane_arcs=i1,
        gap_deg=f4,
        lumen_share=f4,
        lumen_stained=f4,
        saturated_share=f4,
        membrane_class=i1,
        p_class=np.zeros((0, 4), np.float32),
        outline_xy=np.zeros((0, 2), np.float32),
        outline_start=np.zeros(1, np.int64),
    )
