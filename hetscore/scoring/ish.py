"""ISH counts -> amplified or not, by the table of a rule set.

In: a result given by the laboratory, mean signals per nucleus, or the signals counted nucleus by nucleus. Out: an
`IshReading` with exact numbers and the row that decided. Unknown is a value of its own and is never guessed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from hetscore.domain import Decision, Her2Score, IshCounts, IshData, IshReading, IshResult
from hetscore.errors import UsageError


@dataclass(frozen=True)
class Span:
    """An interval of exact numbers; None is an open end."""

    low: Fraction | None = None
    high: Fraction | None = None
    is_low_in: bool = True
    is_high_in: bool = False


@dataclass(frozen=True)
class IshRow:
    """One row: these ratios, copies and IHC scores give this result."""

    name: str
    result: IshResult
    text: str
    """The sentence of the source in our words."""
    ratio: Span | None = None
    her2: Span | None = None
    """Mean HER2 copies per nucleus. A row that asks for a number not known does not hold."""
    scores: tuple[Her2Score, ...] | None = None
    """IHC scores of the case for which the row holds; None: any, and also where there is none."""
    group: int | None = None
    """ASCO/CAP dual-probe group."""
    needs_recount: bool = False
    """Whether the guideline asks for a second, blinded count before the result stands."""
    is_equivocal: bool = False
    """Whether the guideline calls the numbers equivocal, and asks for another test."""


@dataclass(frozen=True)
class IshRule:
    """How signals are read: the first row that holds decides; where none does, for want of a number, it is unknown."""

    dual: tuple[IshRow, ...]
    """Where the ratio is known."""
    single: tuple[IshRow, ...]
    """Where only HER2 copies are known."""
    min_cells: int = 20
    """The guidelines ask for 20 nuclei or more; fewer leave the result unknown."""
    amplified_nucleus: Span = Span(low=Fraction("2.2"), is_low_in=False)
    """HER2/CEP17 of one nucleus that is amplified by itself: more than 2.20 (Vance GH et al. (CAP), Arch Pathol Lab Med
    2009;133:611-612, as applied by Bartlett AI et al., Am J Clin Pathol 2011;136:266-274). CAP's other criterion, by
    HER2 signals alone, is not equivalent and is not read."""
    heterogeneous_share: Span = Span(Fraction(1, 20), Fraction(1, 2), is_low_in=False)
    """Share of such nuclei that is genomic heterogeneity: more than 5 % and less than 50 %; from 50 % on CAP calls the
    tumor amplified (same sources)."""
    polysomy: Span = Span(low=Fraction(3))
    """Mean CEP17 copies called polysomy: a convention of the literature (Orsaria M et al., J Clin Pathol 2013;66:1070);
    other thresholds exist, and no row of ours depends on it."""


@dataclass(frozen=True)
class _Number:
    """A number as given: its exact value, and how far rounding to the decimals shown may have moved it."""

    value: Fraction
    slack: Fraction = Fraction(0)


@dataclass(frozen=True)
class _Numbers:
    """What is known of a test, whether it was counted or given."""

    n_cells: int | None = None
    her2: _Number | None = None
    cep17: _Number | None = None
    ratio: _Number | None = None


def read_ish(ish: IshData, rule: IshRule, score: Her2Score | None = None) -> IshReading:
    """Tell whether HER2 is amplified from what is known of the ISH test.

    Parameters
    ----------
    ish : IshData
        A result given by the laboratory stands; else the counts, or the numbers of its summary, are read by the rule.
    rule : IshRule
        Whose rows hold.
    score : Her2Score or None
        The IHC score of the case: some rows of ASCO/CAP 2018 ask for it. None where it could not be judged.

    Returns
    -------
    IshReading
        With the row that decided: one of the rule's, or "given-result", "few-cells", "no-copies" (rows ask for HER2
        copies that are not given) or "no-score" (they ask for an IHC score that there is not).

    Raises
    ------
    UsageError
        If a number cannot be what it is called, or two of them contradict each other by more than rounding.

    Notes
    -----
    A float is taken as its shortest decimal text, exactly: 1.99 is below 2 and 2.0 is not. It is taken to be rounded
    there, but never before the first decimal, since it has lost its closing zeros: 2.0 may have been 2.00.

    The ratio is of the means, never the mean of ratios, so a nucleus without CEP17 signal counts in it. Where several
    sources agree the one closest to the signals is read: the counts, then a ratio given, which its laboratory took
    before it rounded the means, then the quotient of the means given. A test with HER2 copies only is read by the
    single-probe rows. A test whose number of nuclei is not given is taken at its word.

    The share of amplified nuclei is of those with CEP17 signal; it is None where these are fewer than `min_cells`.
    """
    seen = _find_numbers(ish)
    reading = _read_numbers(seen, rule, score)
    if ish.result is not IshResult.UNKNOWN:
        reading = _give_result(reading, ish.result)
    if seen.cep17 is not None and not _has_few(seen, rule) and is_in(seen.cep17.value, rule.polysomy):
        reading = replace(reading, flags=(*reading.flags, "cep17-polysomy"))
    if ish.counts is not None and ish.counts.cep17 is not None:
        reading = _add_share(reading, ish.counts.her2, ish.counts.cep17, rule)
    return replace(reading, flags=tuple(sorted(reading.flags)))


def compare_locations(readings: Sequence[IshReading]) -> Decision:
    """Tell whether HER2 differs between places of one tumor, as in a trial of dual blockade without chemotherapy.

    Parameters
    ----------
    readings : sequence of IshReading
        One for each place that was sampled; the trial sampled two.

    Returns
    -------
    Decision
        "heterogeneous" where in some place more than 5 % and less than 50 % of the nuclei are amplified, or HER2 is not
        amplified; "homogeneous" where every place is amplified in 50 % of the nuclei or more; else "not-assessable".

    Notes
    -----
    Fewer than two places, or a place without a result or without a share of amplified nuclei, leave it open unless
    another shows heterogeneity.

    References
    ----------
    .. [1] Filho OM, Viale G, Metzger O et al., Cancer Discov 2021;11:2474-2487.
    """
    if any(r.result is IshResult.NOT_AMPLIFIED or "genomic-heterogeneity" in r.flags for r in readings):
        text = (
            "Some place of the tumor is not amplified, or amplified in more than 5 % and less than 50 % of its nuclei."
        )
        return Decision("heterogeneous", "some-place-differs", text)
    shares = [r.amplified_share for r in readings if r.result is IshResult.AMPLIFIED]
    if (
        len(readings) > 1
        and len(shares) == len(readings)
        and all(s is not None and s >= Fraction(1, 2) for s in shares)
    ):
        return Decision(
            "homogeneous", "all-places-amplified", "All places are amplified in 50 % of the nuclei or more."
        )
    return Decision("not-assessable", "too-little-known", "Two places with counted nuclei are needed.")


def is_in(number: Fraction, span: Span) -> bool:
    """Tell whether a number lies in an interval, compared exactly."""
    if span.low is not None and (number < span.low or (number == span.low and not span.is_low_in)):
        return False
    return span.high is None or number < span.high or (number == span.high and span.is_high_in)


def holds(row: IshRow, ratio: Fraction | None, her2: Fraction | None, score: Her2Score | None) -> bool:
    """Tell whether a row is fulfilled; one that asks for something not known is not."""
    return not _find_missing(row, her2, score) and _may_hold(row, ratio, her2, score)


def _may_hold(row: IshRow, ratio: Fraction | None, her2: Fraction | None, score: Her2Score | None) -> bool:
    """Tell whether nothing that is known speaks against a row."""
    if row.scores is not None and score is not None and score not in row.scores:
        return False
    asked = ((ratio, row.ratio), (her2, row.her2))
    return all(number is None or span is None or is_in(number, span) for number, span in asked)


def _find_missing(row: IshRow, her2: Fraction | None, score: Her2Score | None) -> tuple[str, ...]:
    """Name what a row asks for that is not known; the ratio is known wherever a row asks for it."""
    asks = {
        "no-copies": row.her2 is not None and her2 is None,
        "no-score": row.scores is not None and score is None,
    }
    return tuple(name for name, is_missing in asks.items() if is_missing)


def _read_numbers(seen: _Numbers, rule: IshRule, score: Her2Score | None) -> IshReading:
    """Read the numbers of a test by the rows of its kind, dual or single probe."""
    ratio, her2 = _value(seen.ratio), _value(seen.her2)
    reading = IshReading(
        IshResult.UNKNOWN,
        Decision(IshResult.UNKNOWN.value, "no-copies", "No ISH result and no HER2 copies are given."),
        n_cells=seen.n_cells,
        her2_copies=her2,
        cep17_copies=_value(seen.cep17),
        ratio=ratio,
    )
    if _has_few(seen, rule):
        text = f"ISH counted {seen.n_cells} nuclei; {rule.min_cells} are needed."
        return replace(reading, decision=Decision(reading.result.value, "few-cells", text))
    if ratio is None and her2 is None:
        return reading
    rows = rule.single if ratio is None else rule.dual
    row = next((row for row in rows if holds(row, ratio, her2, score)), None)
    if row is None:
        return _leave_open(reading, [row for row in rows if _may_hold(row, ratio, her2, score)], score)
    decision = Decision(row.result.value, row.name, f"{_describe(seen)} {row.text}")
    asked = {"ish-recount": row.needs_recount, "ish-equivocal": row.is_equivocal}
    flags = tuple(name for name, is_asked in asked.items() if is_asked)
    return replace(reading, result=row.result, decision=decision, group=row.group, flags=flags)


def _leave_open(reading: IshReading, possible: Sequence[IshRow], score: Her2Score | None) -> IshReading:
    """Say what is missing to tell the rows apart that may hold; a group that all of them share is known."""
    needed = {"no-copies": "the mean HER2 copies per nucleus", "no-score": "the IHC score of the case"}
    missing = {name for row in possible for name in _find_missing(row, reading.her2_copies, score)}
    names = [name for name in needed if name in missing]
    if not names:
        raise ValueError("read_ish: no row speaks of these numbers; expected the rows of an IshRule to cover all.")
    groups = {row.group for row in possible}
    group = groups.pop() if len(groups) == 1 else None
    what = "The ISH numbers" if group is None else f"The ISH numbers are of group {group}, but they"
    text = f"{what} cannot be read without {' and '.join(needed[name] for name in names)}."
    return replace(reading, decision=Decision(reading.result.value, names[0], text), group=group)


def _give_result(reading: IshReading, given: IshResult) -> IshReading:
    """Let the laboratory's result stand, and tell where its numbers would read otherwise."""
    is_otherwise = reading.result not in (IshResult.UNKNOWN, given)
    doubt = f" The numbers given with it would read {reading.result.value}: {reading.decision.text}"
    text = f"The ISH result was given as {given.value}.{doubt if is_otherwise else ''}"
    flags = ("ish-contradicted",) if is_otherwise else ()
    return replace(reading, result=given, decision=Decision(given.value, "given-result", text), flags=flags)


def _add_share(reading: IshReading, her2: Sequence[int], cep17: Sequence[int], rule: IshRule) -> IshReading:
    """Tell how many nuclei are amplified each by itself, and flag the share that is genomic heterogeneity."""
    ratios = [Fraction(h, c) for h, c in zip(her2, cep17, strict=True) if c > 0]
    n_blind, n_amplified = len(her2) - len(ratios), sum(is_in(ratio, rule.amplified_nucleus) for ratio in ratios)
    blind = "nucleus has" if n_blind == 1 else "nuclei have"
    text = f" {n_blind} {blind} no CEP17 signal and no ratio of {'its' if n_blind == 1 else 'their'} own."
    sentence = reading.decision.text + (text if n_blind else "")
    if len(ratios) < rule.min_cells:
        return replace(reading, decision=replace(reading.decision, text=sentence))
    share = Fraction(n_amplified, len(ratios))
    are = "is" if n_amplified == 1 else "are"
    sentence += f" {n_amplified} of {len(ratios)} nuclei {are} amplified by themselves ({_write(100 * share)} %)."
    flags = ("genomic-heterogeneity",) if is_in(share, rule.heterogeneous_share) else ()
    decision = replace(reading.decision, text=sentence)
    return replace(reading, decision=decision, amplified_share=share, flags=(*reading.flags, *flags))


def _has_few(seen: _Numbers, rule: IshRule) -> bool:
    return seen.n_cells is not None and seen.n_cells < rule.min_cells


def _value(number: _Number | None) -> Fraction | None:
    return None if number is None else number.value


def _write(number: Fraction) -> str:
    # not by way of a float, which cannot hold the ratio of the least CEP17 copies that a float can
    return f"{Decimal(number.numerator) / Decimal(number.denominator):.6g}"


def _describe(seen: _Numbers) -> str:
    """Write the numbers that were read as one sentence."""
    her2 = "" if seen.her2 is None else f"{_write(seen.her2.value)} HER2 copies"
    cep17 = "" if seen.cep17 is None else f"{_write(seen.cep17.value)} CEP17 copies"
    copies = " and ".join(part for part in (her2, cep17) if part)
    per_nucleus = f"{copies} per nucleus" if copies else ""
    ratio = "" if seen.ratio is None else f"HER2/CEP17 is {_write(seen.ratio.value)}"
    cells = "" if seen.n_cells is None else f" in {seen.n_cells} nuclei"
    return f"{', '.join(part for part in (ratio, per_nucleus) if part)}{cells}."


def _find_numbers(ish: IshData) -> _Numbers:
    """Check what is given and put counts and summary together."""
    counted, given = _count_signals(ish.counts), _read_summary(ish)
    if counted.n_cells is not None and given.n_cells not in (None, counted.n_cells):
        raise _contradiction("ish_cells", str(given.n_cells), f"{counted.n_cells} nuclei are counted")
    her2 = _choose("her2_copies", counted.her2, given.her2)
    cep17 = _choose("cep17_copies", counted.cep17, given.cep17)
    ratio = _choose("ish_ratio", counted.ratio, given.ratio)
    if her2 is not None and cep17 is not None:
        _check_quotient(her2, cep17, ratio)
        ratio = ratio or _Number(her2.value / cep17.value)
    return _Numbers(given.n_cells if counted.n_cells is None else counted.n_cells, her2, cep17, ratio)


def _count_signals(counts: IshCounts | None) -> _Numbers:
    """Take the means of the signals counted nucleus by nucleus, and the ratio of these means."""
    if counts is None:
        return _Numbers()
    n_cells = len(counts.her2)
    if counts.cep17 is not None and len(counts.cep17) != n_cells:
        seen = f"{n_cells} nuclei have HER2 counts and {len(counts.cep17)} have CEP17 counts"
        raise UsageError(f"ISH: {seen}; expected one of each for every nucleus. Correct the counts.")
    n_her2, n_cep17 = _sum_signals("HER2", counts.her2), _sum_signals("CEP17", counts.cep17 or ())
    if n_cells == 0:
        return _Numbers(0)
    her2 = _Number(Fraction(n_her2, n_cells))
    if counts.cep17 is None:
        return _Numbers(n_cells, her2)
    if n_cep17 == 0:
        seen = f"none of {n_cells} nuclei has a CEP17 signal"
        remedy = "Leave the CEP17 counts out where the probe was not used."
        raise UsageError(f"ISH: {seen}; expected at least one, since HER2 is divided by them. {remedy}")
    return _Numbers(n_cells, her2, _Number(Fraction(n_cep17, n_cells)), _Number(Fraction(n_her2, n_cep17)))


def _sum_signals(probe: str, signals: Sequence[int]) -> int:
    for i, n in enumerate(signals, start=1):
        if not 0 <= n < math.inf or n % 1:
            raise UsageError(f"ISH: nucleus {i} has {n} {probe} signals; expected 0, 1, 2, ... Correct the counts.")
    return sum(int(n) for n in signals)


def _read_summary(ish: IshData) -> _Numbers:
    if ish.n_cells is not None and ish.n_cells < 0:
        raise UsageError(f"ISH: ish_cells is {ish.n_cells}; expected a number of nuclei. Correct the table.")
    return _Numbers(
        ish.n_cells,
        _read_number("her2_copies", ish.her2_copies, "a mean number of copies per nucleus, 0 or more", is_zero_in=True),
        _read_number("cep17_copies", ish.cep17_copies, "a mean number of copies per nucleus above 0"),
        _read_number("ish_ratio", ish.ratio, "HER2/CEP17 above 0"),
    )


def _read_number(name: str, number: float | None, expected: str, *, is_zero_in: bool = False) -> _Number | None:
    """Take a float as its shortest decimal text, which may stand for anything that rounds to it."""
    if number is None:
        return None
    if not 0 <= number < math.inf or (number == 0 and not is_zero_in):
        raise UsageError(f"ISH: {name} is {number:g}; expected {expected}. Correct the table.")
    exact = Fraction(repr(float(number)))
    unit = Fraction(1, 10)
    while (exact / unit).denominator > 1:
        unit /= 10
    return _Number(exact, unit / 2)


def _choose(name: str, counted: _Number | None, given: _Number | None) -> _Number | None:
    """Prefer what was counted to what was given, which must agree."""
    if counted is None or given is None:
        return given if counted is None else counted
    if abs(counted.value - given.value) > given.slack:
        raise _contradiction(name, _write(given.value), f"the counts give {_write(counted.value)}")
    return counted


def _check_quotient(her2: _Number, cep17: _Number, ratio: _Number | None) -> None:
    """Compare a ratio given with the means: some numbers that round to the three must fulfill the division."""
    if ratio is None:
        return
    least = (her2.value - her2.slack) / (cep17.value + cep17.slack)
    most = (her2.value + her2.slack) / (cep17.value - cep17.slack)  # the slack is at most half the number: never 0
    if ratio.value + ratio.slack < least or most < ratio.value - ratio.slack:
        means = f"the copies are {_write(her2.value)} and {_write(cep17.value)}, which give"
        raise _contradiction("ish_ratio", _write(ratio.value), f"{means} {_write(her2.value / cep17.value)}")


def _contradiction(name: str, given: str, other: str) -> UsageError:
    remedy = "Correct what is wrong, or leave one of the two out."
    return UsageError(f"ISH: {name} is {given}, but {other}; expected them to agree as far as rounded. {remedy}")
