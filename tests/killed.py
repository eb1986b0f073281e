"""Work that is cut off by a real kill, at the very moment when one of its functions begins or is done."""

import os
import signal
import sys
from collections.abc import Callable
from multiprocessing import get_context
from typing import Any, Literal

Moment = Literal["call", "return"]
_processes = get_context("forkserver")  # a fork of a process with threads would wait for those for ever
_processes.set_forkserver_preload(["tests.rights_kit"])


def killed(act: Callable[..., object], *given: Any, at: Callable[..., Any], moment: Moment, time: int = 1) -> None:
    """Runs an act in a process of its own, which is killed with SIGKILL when `at` is called, or has just returned.

    act, at  functions of modules; what is given can be pickled
    time     the first time, or a later one
    """
    process = _processes.Process(target=_run, args=(act, given, at, moment, time))
    process.start()
    process.join(900)
    assert process.exitcode == -signal.SIGKILL, "the act ended before it could be killed"


def _run(act: Callable[..., object], given: tuple[Any, ...], at: Callable[..., Any], moment: Moment, time: int) -> None:
    seen = 0

    def watch(frame: Any, event: str, _: Any) -> None:
        nonlocal seen
        if event == moment and frame.f_code is at.__code__:
            seen += 1
            if seen == time:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(watch)
    act(*given)
