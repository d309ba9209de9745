"""CaseResult -> case.json, the record of truth: the answer, what it rests on, and how it came about.

Keys stand in a fixed order and numbers are rounded to what they can mean, so that the same result gives the same bytes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any

from hetscore.domain import (
    Annotations,
    CaseResult,
    CaseScore,
    Coverage,
    Decision,
    Decisive,
    FragmentMatch,
    Her2Score,
    Registration,
    Sensitivity,
    SlideResult,
    StainEstimate,
)
from hetscore.flags import FLAGS
from hetscore.report.document import (
    AFFINE_DECIMALS,
    AREA_DECIMALS,
    DEGREE_DECIMALS,
    ERROR_DECIMALS,
    INDEX_DECIMALS,
    MPP_DECIMALS,
    OD_DECIMALS,
    POSITION_DECIMALS,
    SCHEMA_NAME,
    CaseDocument,
    CellCounts,
    CoverageRecord,
    DecidedBy,
    DecisivePlace,
    DrawnRecord,
    FragmentCountRecord,
    FragmentCounts,
    Her2,
    Heterogeneity,
    IndexRecord,
    MatchRecord,
    ModelRecord,
    ProvenanceRecord,
    RegistrationRecord,
    Row,
    SensitivityRecord,
    SlideRecord,
    SplitRecord,
    StainRecord,
)
from hetscore.report.evidence_json import record_evidence
from hetscore.report.reading import read_validated

CASE_FILE = "case.json"


def write(result: CaseResult, folder: Path) -> tuple[Path, ...]:
    """Write case.json.

    Parameters
    ----------
    result : CaseResult
        The case.
    folder : Path
        Existing folder of the case.

    Returns
    -------
    tuple of Path
        The file.
    """
    path = folder / CASE_FILE
    path.write_text(case_text(case_document(result)), encoding="utf-8", newline="\n")
    return (path,)


def case_text(document: CaseDocument) -> str:
    """Give the text of case.json: two-space JSON, non-ASCII letters as they are, a newline at the end."""
    plain = document.model_dump(mode="json", by_alias=True)
    return json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def read_case_json(path: Path) -> CaseDocument:
    """Read and validate a case.json.

    Raises
    ------
    UsageError
        If the file is absent or not a case.json of this schema.
    """
    return read_validated(path, CaseDocument.model_validate_json)


def case_document(result: CaseResult) -> CaseDocument:
    """Put a result into the shape of case.json."""
    score = result.score
    return CaseDocument(
        schema=SCHEMA_NAME,
        case_id=score.case_id,
        hetscore_version=result.provenance.hetscore_version,
        label=score.label.value,
        label_basis="reviewed" if score.is_reviewed else "automatic",
        provisional=score.is_provisional,
        reason=score.reason,
        literal_label=score.literal_label.value,
        her2=_her2(score),
        fragments=_fragment_counts(score),
        cells=_cell_counts(score),
        evidence=record_evidence(score),
        heterogeneity=_heterogeneity(score),
        sensitivity=[_sensitivity(row) for row in score.sensitivity],
        decisive=[_decisive(place) for place in score.decisive],
        coverage=_coverage(result.slides),
        registrations=[_registration(registration) for registration in result.registrations],
        flags=_flags(result),
        provenance=_provenance(result),
    )


def _her2(score: CaseScore) -> Her2:
    return Her2(
        ihc_score=_label(score.score),
        ish=score.ish.result.value,
        her2_copies=_exact(score.ish.her2_copies),
        cep17_copies=_exact(score.ish.cep17_copies),
        ish_ratio=_exact(score.ish.ratio),
        ish_group=score.ish.group,
        ish_amplified_share=_exact(score.ish.amplified_share),
        ish_cells=score.ish.n_cells,
        status=score.status.value,
        rule_set=score.rule_set,
        decided_by=DecidedBy(
            ihc_score=_row(score.guideline, score.score_decision),
            ish=_row(score.rule_set, score.ish.decision),
            status=_row(score.rule_set, score.status_decision),
        ),
        low=None if score.low is None else _row("her2-low", score.low),
    )


def _exact(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def _heterogeneity(score: CaseScore) -> Heterogeneity:
    indices = score.indices
    return Heterogeneity(
        pattern=None if score.pattern is None else _row("homo-hetero", score.pattern),
        indices=None
        if indices is None
        else IndexRecord(**{k: _rounded(v, INDEX_DECIMALS) for k, v in asdict(indices).items()}),
    )


def _rounded(value: float | None, decimals: int) -> float | None:
    return None if value is None else round(value, decimals)


def _label(score: Her2Score | None) -> Any:  # noqa: ANN401 - Her2Score.label is a str; the record checks which
    return None if score is None else score.label


def _row(table: str, decision: Decision) -> Row:
    return Row(table=table, value=decision.value, rule=decision.rule, text=decision.text)


def _fragment_counts(score: CaseScore) -> FragmentCounts:
    voting = [f.score for f in score.tumor_fragments if f.score is not None]
    return FragmentCounts(
        total=len(score.fragments),
        with_tumor=len(score.tumor_fragments),
        score_2plus_or_3plus=sum(s >= Her2Score.TWO_PLUS for s in voting),
        score_3plus=sum(s == Her2Score.THREE_PLUS for s in voting),
        not_assessable=len(score.fragments) - len(score.tumor_fragments),
    )


def _cell_counts(score: CaseScore) -> CellCounts:
    """Count what the label rests on, cells of voting fragments, and say how many tumor cells lie elsewhere."""
    voting = score.tumor_fragments
    none, faint, moderate, strong = (sum(f.counts[c] for f in voting) for c in range(4))
    n_tumor = sum(f.n_tumor for f in voting)
    return CellCounts(
        total=sum(f.n_cells for f in score.fragments),
        tumor=n_tumor,
        unscored=sum(f.n_unscored for f in voting),
        by_class={"0": none, "1+": faint, "2+": moderate, "3+": strong},
        tumor_not_voting=sum(f.n_tumor for f in score.fragments) - n_tumor,
    )


def _sensitivity(row: Sensitivity) -> SensitivityRecord:
    return SensitivityRecord(
        variant=row.variant,
        text=row.text,
        label=row.label.value,
        literal_label=row.literal_label.value,
        ihc_score=_label(row.score),
        status=row.status.value,
        changed_cells=row.n_changed,
        label_changed=row.is_changed,
    )


def _decisive(place: Decisive) -> DecisivePlace:
    box = place.bounds
    return DecisivePlace.model_validate(
        {
            "kind": place.kind,
            "fragment": place.fragment,
            "slide": place.slide,
            "x": round(place.x, POSITION_DECIMALS),
            "y": round(place.y, POSITION_DECIMALS),
            "n_cells": place.n_cells,
            "bounds": (box.x, box.y, box.width, box.height),
            "text": place.text,
        }
    )


def _coverage(slides: Sequence[SlideResult]) -> CoverageRecord:
    parts: list[Coverage] = [slide.coverage for slide in slides]
    return CoverageRecord(
        tissue_mm2=_area(sum(part.tissue_mm2 for part in parts)),
        analysed_mm2=_area(sum(part.analysed_mm2 for part in parts)),
        excluded_mm2={k: _area(v) for k, v in _summed(part.excluded_mm2 for part in parts).items()},
        failed_mm2=_area(sum(part.failed_mm2 for part in parts)),
        failed_tiles=[line for slide in slides for line in slide.failed_tiles],
        dropped_pieces={k: int(v) for k, v in _summed(slide.dropped for slide in slides).items()},
    )


def _area(mm2: float) -> float:
    return round(float(mm2), AREA_DECIMALS)


def _summed(mappings: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Add the values of each key; keys in alphabetical order."""
    total: Counter[str] = Counter()
    for mapping in mappings:
        for key, value in mapping.items():
            total[key] += value  # type: ignore[assignment]  # Counter adds floats as well
    return dict(sorted(total.items()))


def _flags(result: CaseResult) -> list[str]:
    """Join the flags of the case and of its slides, in the order of the registry."""
    seen = {*result.score.flags, *(flag for slide in result.slides for flag in slide.flags)}
    return [name for name in FLAGS if name in seen] + sorted(seen - set(FLAGS))


def _provenance(result: CaseResult) -> ProvenanceRecord:
    made = result.provenance
    return ProvenanceRecord(
        slides=[_slide(slide) for slide in result.slides],
        model=ModelRecord(name=made.model, sha256=made.model_sha256),
        guideline=result.score.guideline,
        rule_set=result.score.rule_set,
        calibration=made.calibration,
        settings={name: _plain(value) for name, value in made.settings.items()},
        device=made.device,
        started=made.started,
        seconds=round(made.seconds, 2),
    )


def _slide(slide: SlideResult) -> SlideRecord:
    info = slide.info
    return SlideRecord(
        path=info.path.as_posix(),
        sha256=slide.sha256,
        mpp=None if info.mpp is None else round(info.mpp, MPP_DECIMALS),
        mpp_source=None if info.mpp_source is None else info.mpp_source.value,
        reader=info.reader,
        width=info.width,
        height=info.height,
        stain=None if slide.stain is None else _stain(slide.stain),
        annotations=None if slide.annotations is None else _drawn(slide.annotations),
        count=_count(slide),
    )


def _count(slide: SlideResult) -> FragmentCountRecord | None:
    """Tell how sure the count is; necks by the numbers that their fragments have in the case.

    The slide numbers what it found from 1; a piece that nobody drew anew shows by how much the case shifts that.
    """
    if slide.survey is None or slide.survey.fragments.count_range is None:
        return None
    found = slide.survey.fragments
    number_of = {item.bounds: item.id for item in found.items}
    shifts = [f.id - number_of[f.bounds] for f in slide.fragments if f.bounds in number_of]
    least, most = slide.survey.fragments.count_range
    splits = [
        SplitRecord(
            fragments=[number + shifts[0] for number in split.fragments],
            confidence=round(split.confidence, INDEX_DECIMALS),
            reason=split.reason,
        )
        for split in found.splits
        if shifts
    ]
    return FragmentCountRecord(least=least, most=most, splits=splits)


def _registration(registration: Registration) -> RegistrationRecord:
    return RegistrationRecord(
        slide=registration.slide,
        companion=registration.companion,
        refused_because=registration.reason,
        matches=[_match(match) for match in registration.matches],
    )


def _match(match: FragmentMatch) -> MatchRecord:
    affine = None if match.is_refused else match.affine
    return MatchRecord(
        fragment=match.fragment,
        affine=None if affine is None else affine.round(AFFINE_DECIMALS).tolist(),
        error_um=_rounded(match.error_um, ERROR_DECIMALS),
        error_p90_um=_rounded(match.error_p90_um, ERROR_DECIMALS),
        agreement=round(match.agreement, INDEX_DECIMALS),
        places=match.n_blocks,
        refused_because=match.reason,
    )


def _drawn(drawn: Annotations) -> DrawnRecord:
    return DrawnRecord(
        path=drawn.path.as_posix(),
        sha256=drawn.sha256,
        regions=dict(sorted(Counter(region.class_name for region in drawn.regions).items())),
        unclassified=drawn.n_unclassified,
        mended=drawn.n_mended,
    )


def _stain(found: StainEstimate) -> StainRecord:
    return StainRecord(
        hematoxylin=_direction(found.hematoxylin),
        dab=_direction(found.dab),
        hematoxylin_degrees=_rounded(found.hematoxylin_degrees, DEGREE_DECIMALS),
        dab_degrees=_rounded(found.dab_degrees, DEGREE_DECIMALS),
        residual_od=_rounded(found.residual_od, OD_DECIMALS),
        pixels=found.n_pixels,
    )


def _direction(vector: tuple[float, float, float] | None) -> tuple[float, float, float] | None:
    """Round a stain vector as model cards give it, so that it can be copied into one."""
    if vector is None:
        return None
    red, green, blue = (round(part, 3) for part in vector)
    return red, green, blue


def _plain(value: Any) -> Any:  # noqa: ANN401 - settings hold any plain Python value
    """Turn a setting into what JSON knows: paths and enumerations into text, tuples into lists."""
    match value:
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case Enum():
            return _plain(value.value)
        case Path():
            return value.as_posix()
        case list() | tuple():
            return [_plain(item) for item in value]
    return value
