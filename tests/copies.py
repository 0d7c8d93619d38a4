"""A copy of the house in a temporary folder, where a test adds something as CONTRIBUTING says."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
_COPIED = ("pylon2mqtt", "script", "tests/test_app_folder.py", "pyproject.toml", "CONTRIBUTING.md")
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")


class Copy:
    """The app, its scripts and the tests of its folder, to be changed at will."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        for name in _COPIED:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, folder / name, ignore=_LEFT_OUT)
            else:
                shutil.copy(ROOT / name, folder / name)

    def write(self, path: str, text: str) -> None:
        """Add a file."""
        assert not (self.root / path).exists(), f"{path} is there already"
        (self.root / path).write_text(text, encoding="utf-8")

    def read(self, path: str) -> str:
        return (self.root / path).read_text(encoding="utf-8")

    def insert(self, path: str, *, behind: str, text: str) -> None:
        """Put text behind what stands once in a file."""
        before = self.read(path)
        assert before.count(behind) == 1, f"{behind!r} stands {before.count(behind)} times in {path}"
        (self.root / path).write_text(before.replace(behind, behind + text), encoding="utf-8")

    def python(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run Python with the package of this copy."""
        return subprocess.run(
            [sys.executable, *arguments], cwd=self.root, env=self._environment(environment), check=False,
            capture_output=True, text=True,
        )  # fmt: skip

    @contextmanager
    def running(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Let Python with the package of this copy run beside what is inside; its standard output can be read."""
        command = [sys.executable, *arguments]
        with subprocess.Popen(
            command, cwd=self.root, env=self._environment({}), stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                yield process
            finally:
                process.terminate()

    def _environment(self, more: dict[str, str]) -> dict[str, str]:
        folder = str(self.root / "pylon2mqtt")
        return os.environ | {"PYTHONPATH": folder, "PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1"} | more

    def judged(self) -> subprocess.CompletedProcess[str]:
        """Run the tests that hold options, schema, translations and documentation together."""
        return self.python("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_app_folder.py")


def named_files(section: str) -> set[str]:
    """Return the files and folders that a section of CONTRIBUTING names, in the order of the alphabet."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = re.search(rf"^### {re.escape(section)}\n(.*?)(?=^##)", text, re.MULTILINE | re.DOTALL)
    assert found, f"CONTRIBUTING has no section {section!r}"
    return {name for name in re.findall(r"`([\w./<>-]+)`", found[1]) if "/" in name}
