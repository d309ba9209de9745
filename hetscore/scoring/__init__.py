"""From cells to label: everything that decides, nothing that reads pixels.

One file a step of the ladder: cell, clusters, guidelines, fragment, status, heterogeneity, verdict, case. All of it is
pure: no file, no clock, no random number, so that the same cells give the same label on any machine.
"""
