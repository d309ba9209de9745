"""Many cases: the cases table and the run."""
