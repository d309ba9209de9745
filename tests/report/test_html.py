"""report.html: what it must say, and that it stands alone."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from hetscore.domain import (
    CaseLabel,
    CaseResult,
    Decision,
    FragmentMatch,
    Her2Score,
    Her2Status,
    IshReading,
    IshResult,
    Registration,
)
from hetscore.errors import UsageError
from hetscore.flags import FLAGS
from hetscore.report import html, write_case
from hetscore.report.tables import fragment_rows
from tests.report.builders import empty_result, small_result

VOID = {"meta", "img", "link", "br", "hr", "input"}


class Page(HTMLParser):
    """The tags and the text of a page; fails on tags that do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag."""
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Check that the tag closes the one last opened."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note the text, but not that of the style sheet."""
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        """The visible text, white space evened out."""
        return " ".join(" ".join(self.words).split())


def page(result: CaseResult, folder: Path) -> Page:
    """Write a report and read it."""
    return Page(html.write(result, folder)[-1].read_text(encoding="utf-8"))


@pytest.mark.parametrize("result", [small_result(), empty_result()], ids=["small", "empty"])
def test_is_a_well_formed_page_that_stands_alone(result: CaseResult, tmp_path: Path) -> None:
    """All tags nest; nothing is fetched from anywhere and no script runs."""
    found = page(result, tmp_path)

    assert found.open == []
    assert not {"script", "link", "iframe"} & {tag for tag, _ in found.tags}
    sources = [str(value) for _, a in found.tags for key, value in a.items() if key in ("src", "href")]
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)


def test_says_the_answer_and_why(tmp_path: Path) -> None:
    """The label, that it is provisional, its reason, the score, the status and their rows stand on the page."""
    score = small_result().score
    text = page(small_result(), tmp_path).text

    for words in (
        "hetero-HER2 provisional automatic",
        score.reason,
        "HER2 IHC score 3+",
        "HER2 status positive",
        score.score_decision.text,
        score.status_decision.text,
        "Fragments that vote 2 of 3",
        "Largest negative cluster 8 cells",
    ):
        assert words in text


def test_says_where_the_literal_rule_differs(tmp_path: Path) -> None:
    """A label that is not the literal one is pointed out."""
    score = replace(small_result().score, literal_label=CaseLabel.HOMO)

    assert "homo-HER2 (differs from the label)" in page(replace(small_result(), score=score), tmp_path).text


def test_describes_how_the_cells_are_mixed(tmp_path: Path) -> None:
    """Pattern, indices and compartments, and that none of them decides; an index that is not defined is a dash."""
    text = page(small_result(), tmp_path).text

    assert "Descriptive: none of this decides the label." in text
    assert "Pattern fragment: One tumor fragment scores below 2+ while another does not." in text
    assert "H-score 150.0 0 to 300" in text
    assert "Tumor level: the part of Rao between fragments \N{EN DASH}" in text
    assert "1 0.500 0.125 0.062 0.010 0.09 1.62 x2.5-5" in text


def test_says_whether_the_label_stands(tmp_path: Path) -> None:
    """One row a variant, those that change the label marked, and the case as measured above them."""
    text = page(small_result(), tmp_path).text

    assert "Not always: the label changes in 1 of 2 ways in which the measurement may be a little off." in text
    assert "As measured hetero-HER2 hetero-HER2 3+ positive \N{EN DASH}" in text
    assert "DAB 10 % weaker hetero-HER2 hetero-HER2 3+ positive 2" in text
    assert "DAB 10 % stronger homo-HER2 the label changes hetero-HER2 3+ positive 1,234" in text
    assert "The HER2 status changes" not in text


def test_says_where_only_the_status_moves(tmp_path: Path) -> None:
    """A label that stands over a status that does not: both are said."""
    score = small_result().score
    row = replace(score.sensitivity[0], status=Her2Status.EQUIVOCAL, score=Her2Score.TWO_PLUS)
    text = page(replace(small_result(), score=replace(score, sensitivity=(row,))), tmp_path).text

    assert "Yes: the label is the same whichever way the measurement may be a little off (1 tried)." in text
    assert "The HER2 status changes in 1." in text


def test_without_a_panel_nothing_is_said_of_it(tmp_path: Path) -> None:
    """A case that is not assessable has no label that could stand."""
    assert "Does the label stand?" not in page(empty_result(), tmp_path).text


def test_says_how_ish_was_read(tmp_path: Path) -> None:
    """Only where there was something to read; HER2-low stands beside it where it was asked."""
    score = small_result().score
    ish = IshReading(IshResult.AMPLIFIED, Decision("amplified", "ratio-amplified", "HER2/CEP17 is 4."))
    low = Decision("not-low", "ihc-3plus", "IHC 3+ is positive.")
    read = replace(small_result(), score=replace(score, ish=ish, low=low))

    text = page(read, tmp_path).text

    assert "ISH: HER2/CEP17 is 4. (row \u201cratio-amplified\u201d)" in text
    assert "not-low , reported beside the score and never part of it: IHC 3+ is positive." in text
    assert "ISH:" not in page(small_result(), tmp_path).text


def test_flags_are_sentences(tmp_path: Path) -> None:
    """Each flag is shown by its sentence and its name."""
    text = page(small_result(), tmp_path).text

    for name in ("uncalibrated", "limited-sampling", "dropped-specks"):
        assert f"{FLAGS[name].text} {name}" in text


def test_unknown_flag_is_shown_by_name(tmp_path: Path) -> None:
    """A flag of another version is not dropped."""
    score = replace(small_result().score, flags=("from-the-future",))

    assert "caution · from-the-future" in page(replace(small_result(), score=score), tmp_path).text


def test_names_are_escaped(tmp_path: Path) -> None:
    """A slide's name or a reason cannot become markup."""
    score = replace(small_result().score, reason="<script>alert(1)</script> & more")

    found = page(replace(small_result(), score=score), tmp_path)

    assert "script" not in {tag for tag, _ in found.tags}
    assert "<script>alert(1)</script> & more" in found.text
    assert "biopsy <1>.tif" in found.text


def test_pictures_have_words_and_tables_have_headers(tmp_path: Path) -> None:
    """Every picture has an alternative text and its size; every header cell says what it heads."""
    found = page(small_result(), tmp_path)

    pictures = [attrs for tag, attrs in found.tags if tag == "img"]
    assert len(pictures) == 2
    assert all(attrs["alt"] and attrs["width"] and attrs["height"] for attrs in pictures)
    assert all(attrs.get("scope") for tag, attrs in found.tags if tag == "th")


def test_what_was_not_analyzed(tmp_path: Path) -> None:
    """Excluded area by reason, dropped pieces, unscored cells and failed tiles are told."""
    slide = replace(small_result().slides[0], failed_tiles=tuple(f"tile {i}: truncated" for i in range(22)))

    text = page(replace(small_result(), slides=(slide,)), tmp_path).text

    assert "Excluded: control 0.01 25.0 %" in text
    assert "3 (speck)" in text
    assert "could not be scored: 1 of 23" in text
    assert "Tiles that failed: 22." in text
    assert "tile 19: truncated" in text
    assert "tile 20: truncated" not in text
    assert "and 2 more, listed in case.json" in text


def test_nothing_known_is_said_in_words(tmp_path: Path) -> None:
    """A case without slides has sentences, not empty tables."""
    text = page(empty_result(), tmp_path).text

    for words in (
        "not-assessable",
        "No fragment was found.",
        "There is no overview picture.",
        "No single place decides.",
    ):
        assert words in text


def with_companion() -> CaseResult:
    """Make a case whose one field has its H&E field beside it; of three fragments one is refused."""
    result, affine = small_result(), np.array([[0.0, -1.0, 90.0], [1.0, 0.0, 7.0]])
    matches = (
        FragmentMatch(1, affine, 4.4, 9.0, 0.95, 40),
        FragmentMatch(2, affine, 6.1, 12.0, 0.8, 20),
        FragmentMatch(3, affine, 128.2, 170.0, 0.1, 12, "estimated error 128 um exceeds a gland (100 um)"),
    )
    (field,) = result.pictures
    beside = replace(field, slide="he.tif", caption="H&E, registered; estimated error 6 um")
    registration = Registration(field.slide, "he.tif", matches)
    return replace(result, pictures=(replace(field, companion=beside),), registrations=(registration,))


def test_the_companion_is_shown_beside_its_field(tmp_path: Path) -> None:
    """Two pictures in one figure, how well they are registered, and what is refused with the reason."""
    write_case(with_companion(), tmp_path, ["csv", "json", "html"])
    text = (tmp_path / "report.html").read_text(encoding="utf-8")

    figure = text[text.index('<figure class="pair">') :].split("</figure>")[0]
    assert figure.count("<img") == 2
    assert "Right: H&amp;E, registered; estimated error 6 um." in figure
    assert "registered to 2 of 3 fragments" in text
    assert "4 µm (fragment 1), 6 µm (fragment 2)" in text
    assert "Not shown: fragment 3: estimated error 128 um exceeds a gland (100 um)." in text


def test_without_a_companion_nothing_is_said_of_it(tmp_path: Path) -> None:
    """The page of a case without H&E slide has neither pairs nor a section of it."""
    write_case(small_result(), tmp_path, ["csv", "json", "html"])
    text = (tmp_path / "report.html").read_text(encoding="utf-8")

    assert 'class="pair"' not in text
    assert 'id="companion"' not in text


def test_rebuilt_without_pixels(tmp_path: Path) -> None:
    """From the files of the case alone the same page is made again, byte for byte."""
    write_case(small_result(), tmp_path, ["csv", "json", "html"])
    path = tmp_path / "report.html"
    before = path.read_bytes()
    path.unlink()

    assert html.rebuild(tmp_path) == path
    assert path.read_bytes() == before


def test_bars_add_up() -> None:
    """A fragment's bars are its tumor cells, strongest first, empty classes left out."""
    bars = html.class_bars(fragment_rows(small_result())[1])

    assert [(bar.name, bar.count) for bar in bars] == [("3+", 2), ("1+", 2), ("0", 6), ("unscored", 1)]
    assert sum(bar.percent for bar in bars) == pytest.approx(100)


def test_no_tumor_has_no_bar() -> None:
    """Nothing is drawn where nothing was counted."""
    assert html.class_bars(fragment_rows(small_result())[2]) == []


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("case.json", None, "case.json: there is no such file"),
        ("case.json", '{"schema": "hetscore/case/9"}', "case.json: schema: Input should be"),
        ("case.json", "{", "case.json: the file: Invalid JSON"),
        ("fragments.csv", "slide,fragment\na.tif,one\n", "fragments.csv: 0.fragment: Input should be a valid integer"),
        ("pictures/index.json", None, "index.json: there is no such file"),
        ("pictures/field-1.jpg", None, "field-1.jpg: there is no such file"),
    ],
)
def test_damaged_folder_is_named(name: str, text: str | None, says: str, tmp_path: Path) -> None:
    """A file that is missing or damaged is named, with what is wrong and what to do."""
    write_case(small_result(), tmp_path, ["csv", "json", "html"])
    (tmp_path / name).unlink()
    if text is not None:
        (tmp_path / name).write_text(text, encoding="utf-8")

    with pytest.raises(UsageError, match="Score the case again") as caught:
        html.rebuild(tmp_path)

    assert says in str(caught.value)


def test_slides_are_named_where_there_are_several(tmp_path: Path) -> None:
    """With two slides each place says on which one it is."""
    slide = small_result().slides[0]
    other = replace(slide, info=replace(slide.info, path=Path("other.tif")), fragments=())

    found = page(replace(small_result(), slides=(slide, other)), tmp_path)

    assert "x y Slide" in found.text
    assert "x y Slide" not in page(small_result(), tmp_path).text
    assert len([tag for tag, _ in found.tags if tag == "img"]) == 3


def test_the_colors_of_each_slide_are_told(tmp_path: Path) -> None:
    """How far each stain lies from the model's, that one was not seen, and what neither explains."""
    text = page(small_result(), tmp_path).text
    assert "hematoxylin 0.5°, DAB not seen; unexplained by either 0.005" in text


def test_a_slide_that_was_not_analyzed_has_no_colors(tmp_path: Path) -> None:
    """Nothing is said where nothing was estimated."""
    result = small_result()
    refused = replace(result, slides=tuple(replace(slide, stain=None) for slide in result.slides))
    assert "Colors against the model" not in page(refused, tmp_path).text
