"""Notes which files this process opens, and so which modules it loads.

Python imports this at its start where the folder is in PYTHONPATH; it does nothing without ``ORRERY_TRACE``. The notes go
to ``ORRERY_TRACE/<pid>``, after a first line with the stage file.
"""

import os
import sys

FOLDER = os.environ.get("ORRERY_TRACE")
NOTES: dict[int, int] = {}
"""Descriptor of the notes by process: a fork has its own."""


def note(event: str, arguments: tuple[object, ...]) -> None:
    """An audit hook. It must not raise, or the program would."""
    if event != "open" or not isinstance(arguments[0], str) or not arguments[0].startswith("/"):
        return
    try:
        pid = os.getpid()
        if pid not in NOTES:
            NOTES[pid] = -1  # the open below is an event too
            NOTES[pid] = os.open(f"{FOLDER}/{pid}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(NOTES[pid], f"{os.environ.get('ORRERY_STAGE_FILE', '')}\n".encode())
        if NOTES[pid] >= 0:
            os.write(NOTES[pid], f"{arguments[0]}\n".encode())
    except OSError:
        pass


if FOLDER:
    sys.addaudithook(note)
