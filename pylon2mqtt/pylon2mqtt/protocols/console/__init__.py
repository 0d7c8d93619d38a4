"""The text console: a command line that prints tables and dictionaries.

*Command*: a row of `commands`: its words, what reads its answer, how often it is asked, when an answer is believed.
*Table*: an answer with a header that names its columns, and a row per module or cell. *Dictionary*: an answer of lines
with a key and its value. *Conversion*: what becomes of a printed word or number in the model; those of a stack stand in
`stack`, those of a high-voltage rack in `rack`. *Doubt*: what is a known form that was damaged, or one that this
firmware has of its own; the session asks again, and what comes twice is the firmware's own.
"""
