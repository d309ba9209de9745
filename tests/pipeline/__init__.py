"""Tests of `hetscore.pipeline`."""
