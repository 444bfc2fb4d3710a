"""The frame of a stage program: reads the stage file, runs the work, and maps errors to exit codes.

Use it as ``run_program('sft', train)``, where ``train(context)`` does the work and publishes the result.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from orrery_trainers.pod.code_version import refuse_other_code
from orrery_trainers.pod.context import StageContext
from orrery_trainers.pod.failures import Terminated, failure_of
from orrery_trainers.pod.logs import Logger, adopt_library_logs, print_reason
from orrery_trainers.pod.stacks import print_stacks_on_sigusr1
from orrery_trainers.pod.stopping import Interrupted


def run_program(kind: str, work: Callable[[StageContext[Any]], None]) -> NoReturn:
    """Run a stage program and exit. SIGTERM sets ``context.stop``; then ``work`` saves and raises Terminated."""
    print_stacks_on_sigusr1()
    code = exit_code_of(kind, work)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        os._exit(code)  # their files are in the store, whose disk may be full; Python would exit with 120
    sys.exit(code)


def exit_code_of(kind: str, work: Callable[[StageContext[Any]], None]) -> int:
    """The exit code of :func:`run_program`. On a failure, the last line on stderr is its message."""
    log = Logger()
    try:
        context = StageContext.from_environment(kind)
        log = context.log
        adopt_library_logs(log)
        signal.signal(signal.SIGTERM, context.stop.on_signal)
        if context.is_published():
            log.info("this part is published already; nothing to do")
            return 0
        refuse_other_code(context.stage, context.directory, "main")
        log.info("stage program started", kind=kind, key=context.stage["key"])
        context.stop.allow_interrupt()  # there is nothing to save while the program loads
        work(context)
        return 0
    except Interrupted:
        return _stopped(log, Terminated("SIGTERM: stopped before the first optimizer step; there was nothing to save"))
    except Terminated as stopped:
        return _stopped(log, stopped)
    except Exception as error:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the program ends anyway, and must still print the reason
        failure = failure_of(error)
        code = failure.exit_code if failure else 1
        log.error("stage program failed", exitCode=code, error=type(error).__name__, stack=traceback.format_exc())
        print_reason(failure or f"{type(error).__name__}: {error}")
        return code


def _stopped(log: Logger, stopped: Terminated) -> int:
    log.info("stopped by SIGTERM")
    print_reason(stopped)
    return stopped.exit_code
