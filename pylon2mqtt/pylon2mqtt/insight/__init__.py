"""What follows over time: folds over the snapshots of a bank, each in a file that reads like its method.

A fold knows no database, output, clock or thread. Intervals are differences of ``since_start_s``, days and stamps come
from ``taken_at`` in the owner's time zone. What is not certain is unknown.
"""
