"""What is behind an error of a library: the number and the words of the system, each once."""

import os
from collections.abc import Iterator


def cause(error: BaseException) -> tuple[int | None, str]:
    """Return the system's error number and its words; without a number, the words of the first error.

    pySerial, python-can and termios keep the number in different places, and put one text around the other.
    """
    errors = list(_chain(error))
    for one in errors:
        places = [getattr(one, "error_code", None), getattr(one, "errno", None), *one.args[:1]]
        number = next((place for place in places if isinstance(place, int)), None)
        if number is not None:
            return number, os.strerror(number) if number > 0 else str(one.args[-1])
    return None, str(errors[-1])


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
