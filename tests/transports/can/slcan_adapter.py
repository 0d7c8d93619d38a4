"""An slcan adapter at the end of a pseudo terminal."""

import os
import select
import threading
import tty
from contextlib import suppress


class SlcanAdapter:
    """Notes what it is told, and says what a test lets it say; ``path`` is its port."""

    def __init__(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self.told = b""
        self._gone = False
        self._ears = threading.Thread(target=self._listen, daemon=True)
        self._ears.start()

    def _listen(self) -> None:
        while not self._gone:
            if select.select([self._master], [], [], 0.02)[0]:
                with suppress(OSError):
                    self.told += os.read(self._master, 100)

    def say(self, text: str) -> None:
        os.write(self._master, text.encode())

    def unplug(self) -> None:
        # Nobody may be reading: a file that is read stays open.
        self._gone = True
        self._ears.join()
        os.close(self._master)
        os.close(self._slave)
