"""A stage program, from the stage file to its exit code.

A program is ``run_program('sft', train)``, where ``train(context)`` does the work and publishes.
"""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from orrery_trainers.pod.code_version import refuse_other_code
from orrery_trainers.pod.context import StageContext
from orrery_trainers.pod.failures import Terminated, failure_of
from orrery_trainers.pod.logs import Logger, adopt_library_logs
from orrery_trainers.pod.stacks import stacks_on_demand
from orrery_trainers.pod.stopping import Interrupted


def run_program(kind: str, work: Callable[[StageContext[Any]], None]) -> NoReturn:
    """Run a stage program to its exit code. SIGTERM tells ``context.stop``; ``work`` saves and raises Terminated."""
    stacks_on_demand()
    sys.exit(exit_code_of(kind, work))


def exit_code_of(kind: str, work: Callable[[StageContext[Any]], None]) -> int:
    """What :func:`run_program` exits with; the last line on stderr says in words what went wrong."""
    log = Logger()
    try:
        context = StageContext.from_environment(kind)
        log = context.log
        adopt_library_logs(log)
        signal.signal(signal.SIGTERM, context.stop.on_signal)
        if context.is_published():
            log.info("part is already published; nothing to do")
            return 0
        refuse_other_code(context.stage, context.directory, "main")
        log.info("stage program started", kind=kind, key=context.stage["key"])
        context.stop.let_in()  # while it loads there is nothing to save
        work(context)
        return 0
    except Interrupted:
        return _stopped(log, Terminated("SIGTERM: stopped before the first optimizer step; there was nothing to save"))
    except Terminated as stopped:
        return _stopped(log, stopped)
    except Exception as error:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends anyway, and is to say why
        failure = failure_of(error)
        code = failure.exit_code if failure else 1
        log.error("stage program failed", exitCode=code, error=type(error).__name__, stack=traceback.format_exc())
        print(failure or f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return code


def _stopped(log: Logger, stopped: Terminated) -> int:
    log.info("stopped by SIGTERM")
    print(stopped, file=sys.stderr, flush=True)
    return stopped.exit_code
