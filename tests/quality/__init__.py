"""Tests of what cannot be judged."""
