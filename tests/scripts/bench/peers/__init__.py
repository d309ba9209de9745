"""Tests of `scripts.bench.peers`, as far as they can run without the peers."""
