"""The tests see nothing of the environment of the person who runs them."""

import os
import subprocess
import sys
import time
from pathlib import Path

PROBE = "import os, time; print(os.environ.get('HF_HOME'), os.environ['HOME'], time.timezone, os.umask(0))"


def test_nothing_of_the_person_reaches_the_tests(tmp_path):
    """No variables, no home folder, no time zone and no umask of that person."""
    (tmp_path / "test_probe.py").write_text(f"def test_probe():\n    {PROBE}\n")
    theirs = {"HF_HOME": "/mine", "HOME": "/mine", "TZ": "Asia/Kolkata", "LC_ALL": "tr_TR.UTF-8", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "pytest", "-s", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    command += ["-p", "conftest", "--rootdir", str(tmp_path)]
    here = Path(__file__).parent
    path = ":".join(map(str, (here, here / "support", here.parent)))
    env = {**os.environ, **theirs, "PYTHONPATH": path}
    said = subprocess.run(command, env=env, capture_output=True, text=True, check=True, umask=0o077).stdout
    assert "None" in said and "orrery-home-" in said and " 0 18" in said, said
    assert time.timezone == 0
