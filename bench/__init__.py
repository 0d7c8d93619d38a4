"""The benchmarks; start at README.md."""

import sys
from pathlib import Path

# In the root of the repository the folder pylon2mqtt/ would be taken for the package inside it; a real package later on
# the path wins over a folder.
sys.path.append(str(Path(__file__).parents[1] / "pylon2mqtt"))
