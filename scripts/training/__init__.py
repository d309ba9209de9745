"""Train the segmentation network; `python -m scripts.train --help` says how."""
