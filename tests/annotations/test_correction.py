"""Fragments corrected by regions, on maps that can be read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hetscore.domain import FragmentRole, Region, RegionKind, fragment_shape
from tests.annotations.drawn import correct, picture, read_map, region, show

THREE = """
    111..222
    111..222
    111..222
    ........
    333..+..
    333.....
"""
FRAGMENT, EXCLUDE = RegionKind.FRAGMENT, RegionKind.EXCLUDE


def test_nothing_drawn_changes_nothing() -> None:
    """Numbers, outlines and areas are as found."""
    found, _ = read_map(THREE)

    corrected = correct(THREE)

    assert repr(corrected.fragments.items) == repr(found.items)
    assert (corrected.fragments.labels == found.labels).all()
    assert (corrected.settled, corrected.n_unused) == (frozenset(), 0)


def test_slides_of_a_case_are_numbered_on() -> None:
    """The first fragment may have any number."""
    assert [f.id for f in correct(THREE, first_id=5).fragments.items] == [5, 6, 7]


def test_what_was_exported_changes_nothing() -> None:
    """Each outline given back as a fragment, rounded and begun elsewhere, is left as it was found."""
    found, _ = read_map(THREE)
    turned = [fragment_shape(f).normalize() for f in found.items]

    corrected = correct(THREE, *(Region(FRAGMENT, shape, str(i)) for i, shape in enumerate(turned, start=1)))

    assert repr(corrected.fragments.items) == repr(found.items)


class TestFragments:
    """Fragments drawn anew."""

    def test_two_are_one(self) -> None:
        """A region over two pieces makes one of them; it takes the number of the first, and one number is free."""
        corrected = correct(THREE, region(FRAGMENT, (0, 0, 8, 3)))

        assert show(corrected) == picture("""
            111..111
            111..111
            111..111
            ........
            333.....
            333.....
        """)
        assert [(f.id, f.area_mm2, f.is_drawn) for f in corrected.fragments.items] == [(1, 18, True), (3, 6, False)]
        assert "count-unclear" in corrected.settled

    def test_one_is_two(self) -> None:
        """Half of a piece drawn apart is numbered on; the rest keeps its number."""
        corrected = correct(THREE, region(FRAGMENT, (7, 0, 1, 3)))

        assert show(corrected).splitlines()[0] == "111..224"
        assert [(f.id, f.area_mm2) for f in corrected.fragments.items] == [(1, 9), (2, 6), (3, 6), (4, 3)]

    def test_a_name_is_a_number(self) -> None:
        """A region that calls itself by the number of a piece under it has the number; the rest is numbered on."""
        corrected = correct(THREE, region(FRAGMENT, (7, 0, 1, 3), name="Fragment 2"))

        assert show(corrected).splitlines()[0] == "111..442"

    def test_a_number_of_another_place_is_not_given(self) -> None:
        """A name that no piece under the region has says nothing."""
        assert show(correct(THREE, region(FRAGMENT, (7, 0, 1, 3), name="1"))).splitlines()[0] == "111..224"

    def test_slivers_go_with_what_cut_them(self) -> None:
        """What a hand leaves of a piece by a pixel is not a fragment of its own."""
        corrected = correct(THREE, region(FRAGMENT, (0, 0, 3, 2), (0, 2, 2, 1), name="1"))

        assert [(f.id, f.area_mm2) for f in corrected.fragments.items] == [(1, 9), (2, 9), (3, 6)]

    def test_overlap_belongs_to_the_first(self) -> None:
        """Of two regions over one place the one that stands first in the file has it."""
        corrected = correct(THREE, region(FRAGMENT, (5, 0, 2, 3)), region(FRAGMENT, (6, 0, 2, 3)))

        assert show(corrected).splitlines()[0] == "111..224"

    def test_tissue_of_no_fragment_becomes_one(self) -> None:
        """A speck that was taken for dust is a fragment if a person says so; glass is none."""
        corrected = correct(THREE, region(FRAGMENT, (5, 4, 3, 2)))

        assert show(corrected).splitlines()[4] == "333..4.."
        assert correct(THREE, region(FRAGMENT, (3, 0, 2, 6))).n_unused == 1

    def test_drawn_a_little_larger(self) -> None:
        """A piece drawn wide keeps its number and its place, and is known as drawn."""
        (_, drawn, _) = correct(THREE, region(FRAGMENT, (4, 0, 4, 4))).fragments.items

        assert (drawn.id, drawn.slide, drawn.area_mm2, drawn.is_drawn) == (2, "a.tif", 9.0, True)
        assert drawn.bounds == read_map(THREE)[0].items[1].bounds


class TestControls:
    """Pieces that are no biopsies."""

    def test_half_is_enough(self) -> None:
        """A region over half of a piece makes it a control; over less it does nothing, which is told."""
        most, little = (correct(THREE, region(RegionKind.CONTROL, (0, 4, 3, n))) for n in (1, 0))

        assert [f.role.value for f in most.fragments.items] == ["sample", "sample", "control"]
        assert "controls-unclear" in most.settled
        assert repr(little.fragments.items) == repr(read_map(THREE)[0].items)
        assert little.n_unused == 1

    def test_a_control_that_is_none(self) -> None:
        """The outline of a control given back as a fragment makes it a sample."""
        ruled = correct(THREE, region(RegionKind.CONTROL, (0, 4, 3, 2)), region(FRAGMENT, (0, 4, 3, 2)))
        freed = correct(THREE, region(FRAGMENT, (0, 4, 3, 2)))

        assert ruled.fragments.items[2].role is FragmentRole.CONTROL
        assert freed.fragments.items[2].role is FragmentRole.SAMPLE


class TestLevels:
    """Serial sections."""

    def test_in_the_order_of_numbers(self) -> None:
        """Two pieces of a second level are sections of the two of the first."""
        corrected = correct("1.2\n...\n3.4", region(RegionKind.LEVEL, (0, 2, 3, 1), level=2))

        assert [(f.id, f.level, f.piece) for f in corrected.fragments.items] == [
            (1, 1, 1),
            (2, 1, 2),
            (3, 2, 1),
            (4, 2, 2),
        ]
        assert "levels-unclear" in corrected.settled

    def test_levels_of_different_length_are_not_matched(self) -> None:
        """Three pieces and one section: which one is not guessed, and told."""
        corrected = correct(THREE, region(RegionKind.LEVEL, (0, 4, 3, 2), level=2))

        assert [(f.level, f.piece) for f in corrected.fragments.items] == [(1, 1), (1, 2), (2, 3)]
        assert corrected.doubts == ("levels-unclear",)

    def test_a_name_says_of_which_piece(self) -> None:
        """Where levels are not whole, each fragment may say it by itself; one that names no other says nothing."""
        regions = [region(FRAGMENT, (0, 4, 3, 2), name=name) for name in ("3, section of 2", "3 section of 3", "3")]

        assert [correct(THREE, drawn).fragments.items[2].piece for drawn in regions] == [2, 3, 3]


class TestExclude:
    """Area taken out."""

    def test_a_hole_stays(self) -> None:
        """Tissue in the hole of a region is not taken out; glass under it is no area."""
        frame = region(EXCLUDE, (0, 0, 3, 1), (0, 2, 4, 1), (0, 1, 1, 1), (2, 1, 1, 1))

        corrected = correct(THREE, frame, region(EXCLUDE, (0, 4, 3, 1)))

        assert show(corrected) == picture("""
            xxx..222
            xxx..222
            xxx..222
            ........
            xxx.....
            333.....
        """)
        assert [(f.id, f.area_mm2, f.role.value) for f in corrected.fragments.items] == [
            (1, 0.0, "excluded"),
            (2, 9.0, "sample"),
            (3, 3.0, "sample"),
        ]

    def test_a_piece_that_is_gone_keeps_its_number(self) -> None:
        """It is excluded, with the reason, and its outline is told."""
        gone = correct(THREE, region(EXCLUDE, (5, 0, 3, 3))).fragments.items[1]

        assert (gone.id, gone.role, gone.reason) == (2, FragmentRole.EXCLUDED, "excluded by hand")
        assert repr(gone.outlines) == repr(read_map(THREE)[0].items[1].outlines)

    def test_dust_is_area_too(self) -> None:
        """Tissue of no fragment is taken out; a region on glass alone is told."""
        assert correct(THREE, region(EXCLUDE, (5, 4, 1, 1))).is_excluded.sum() == 1
        assert correct(THREE, region(EXCLUDE, (3, 0, 1, 6))).n_unused == 1

    @given(st.lists(st.tuples(*[st.integers(0, 7)] * 2, *[st.integers(1, 5)] * 2), max_size=4), st.integers(0, 4))
    def test_every_pixel_is_somewhere(self, boxes: list[tuple[int, int, int, int]], n_fragments: int) -> None:
        """Whatever is drawn, each tissue pixel is in one fragment, or out by hand, or was in none; areas agree."""
        kinds = [FRAGMENT if i < n_fragments else EXCLUDE for i in range(len(boxes))]
        found, tissue = read_map(THREE)

        corrected = correct(THREE, *(region(kind, box) for kind, box in zip(kinds, boxes, strict=True)))

        labels = corrected.fragments.labels
        assert not ((labels > 0) & (corrected.is_excluded | ~tissue)).any()
        assert ((labels > 0) | corrected.is_excluded)[found.labels > 0].all()
        assert [f.area_mm2 for f in corrected.fragments.items] == [
            float((labels == f.id).sum()) for f in corrected.fragments.items
        ]
