"""The text console of Pylontech US2000 … US5000 and Pytes, spoken by a virtual bank; start at `battery`.

Written from what real consoles were seen to print, byte by byte; with the bridge's decoder it shares nothing.
"""
