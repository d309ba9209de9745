"""Tests of hetscore.evaluation."""
