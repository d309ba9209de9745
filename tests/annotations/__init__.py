"""Tests of hetscore.annotations."""
