"""Tests of `hetscore.fragments`, step by step; the whole is in tests/test_fragments.py."""
