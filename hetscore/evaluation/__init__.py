"""How right a result is: the cells, fragments and labels of a run against what is known to be true.

Truth is either a phantom folder, where every cell is known, or points read by people in some crops. `document` reads
both sides and puts the figures together; `detection`, `classification`, `fragments` and `cases` compute them from plain
columns. No figure is made up where it is not defined: it is None, and every rate stands beside the number it is of.
"""
