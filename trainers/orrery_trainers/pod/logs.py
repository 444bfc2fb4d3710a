"""Logs in pino's format: one JSON object per line, with a constant message and the facts as fields."""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
import time
import warnings
from contextlib import suppress
from typing import Any, TextIO

# Python's levels -> pino's, which are higher by 10.
_LEVELS = {logging.DEBUG: 20, logging.INFO: 30, logging.WARNING: 40, logging.ERROR: 50, logging.CRITICAL: 60}


class Logger:
    """A logger with bound fields. ``Logger(stage='astro/sft').info('checkpoint saved', step=50)``"""

    def __init__(self, stream: TextIO | None = None, **bound: Any) -> None:
        self._stream = stream
        self._bound = {"pid": os.getpid(), "hostname": socket.gethostname(), **bound}

    def info(self, message: str, **fields: Any) -> None:
        self.write(30, message, fields)

    def warn(self, message: str, **fields: Any) -> None:
        self.write(40, message, fields)

    def error(self, message: str, **fields: Any) -> None:
        self.write(50, message, fields)

    def write(self, level: int, message: str, fields: dict[str, Any]) -> None:
        """Print one line. It never fails: values that JSON cannot represent are printed as text, and a full disk loses
        the line.
        """
        line = {"level": level, "time": int(time.time() * 1000), **self._bound, **fields, "msg": message}
        with suppress(OSError):
            print(json.dumps(line, ensure_ascii=False, default=str), file=self._stream or sys.stdout, flush=True)


def print_reason(reason: object) -> None:
    """Print why a program ends, as its last line on stderr. The exit code says it too, so a full disk may lose it."""
    with suppress(OSError):
        print(reason, file=sys.stderr, flush=True)


class _Bridge(logging.Handler):
    """Writes the log records and warnings of libraries as lines of our log."""

    def __init__(self, log: Logger) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        number = _LEVELS.get(record.levelno, 40)
        self._log.write(number, record.getMessage().strip(), {"logger": record.name})


def adopt_library_logs(log: Logger) -> None:
    """Send warnings, and the records of every Python logger from level WARNING, to ``log``.

    Deprecation warnings are dropped, because the reader of a stage's log cannot act on them.
    """
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    logging.captureWarnings(True)
    root = logging.getLogger()
    root.handlers = [_Bridge(log)]
    root.setLevel(logging.WARNING)
