"""The text console: a command line that prints tables and dictionaries.

*Table*: an answer with a header that names its columns, and a row per module or cell. *Dictionary*: an answer of lines
with a key and its value. *Conversion*: what becomes of a printed word or number in the model.
"""
