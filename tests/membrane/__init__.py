"""Tests of the membrane measures."""
