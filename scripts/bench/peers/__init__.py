"""Other tools on the same picture, each a script of its own that runs in that tool's environment and not in ours."""
