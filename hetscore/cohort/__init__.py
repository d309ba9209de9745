"""Many cases at once: the analyses of the papers, with intervals, and with each method named beside its number.

Reads what `scoring` decided (the nouns of `domain`) and decides nothing about a case. One file an analysis. A number
that is not defined is None with a sentence that says why, never 0.
"""
