"""Tests of `scripts.bench`; what all its parts share is in `tests/test_bench.py`."""
