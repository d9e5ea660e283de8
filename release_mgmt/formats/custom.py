"""A team's own template over the model of a changelog, in a process of its own.

Jinja's sandbox keeps a template from files, modules and private attributes; it does not keep it from a loop without end
or a text of a terabyte. So it runs in a child with nothing of our environment, a limit of memory and one of processor
time, and what it cannot do ends there.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from dataclasses import dataclass

from jinja2 import StrictUndefined, TemplateError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from release_mgmt.core.audience import ChangelogView
from release_mgmt.core.errors import FieldError, InvalidInput, TooLarge, Unavailable
from release_mgmt.formats.html import model
from release_mgmt.formats.links import Links
from release_mgmt.formats.words import Words

TEMPLATE_LIMIT = 100_000
OUTPUT_LIMIT = 20_000_000
MOST_SECONDS = 10
"""Of processor time."""
MOST_MEMORY = 1 << 30
_PATIENCE = 120  # seconds of the clock, for a machine that is busy with other things


@dataclass(frozen=True, slots=True)
class _Task:
    source: str
    view: ChangelogView
    language: str
    links: Links | None
    html: bool
    seconds: int


def render(source: str, view: ChangelogView, say: Words, links: Links | None = None, *, html: bool = True) -> str:
    """What the template writes. ``html`` False switches escaping off (for Markdown and plain text).

    Raises InvalidInput naming the line of a fault, TooLarge for a template or a text beyond the limits.
    """
    if len(source) > TEMPLATE_LIMIT:
        raise TooLarge(f"The template has {len(source):,} characters; {TEMPLATE_LIMIT:,} are allowed.")
    task = pickle.dumps(_Task(source, view, say.language, links, html, MOST_SECONDS))
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__],
            input=task,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
            env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONUTF8": "1"},
        )
    except subprocess.TimeoutExpired as error:
        raise _refused(f"it took more than {MOST_SECONDS} seconds") from error
    except OSError as error:
        raise Unavailable("A process for the template cannot be started.", details={"retry_after": 5}) from error
    if done.returncode < 0:  # killed: by the limit of time, or by the system for want of memory
        raise _refused(f"it took more than {MOST_SECONDS} seconds or too much memory")
    kind, _, rest = done.stdout.partition(b"\n")
    if done.returncode or kind not in (b"text", b"fault", b"large"):
        raise _refused("it took too much memory")
    if kind == b"large":
        raise TooLarge(f"The template wrote more than {OUTPUT_LIMIT:,} characters.")
    if kind == b"fault":
        raise _refused(str(json.loads(rest)))
    return rest.decode("utf-8", "replace")


def _refused(why: str) -> InvalidInput:
    return InvalidInput("The template cannot be used.", [FieldError("template", why)])


def _run(task: _Task) -> tuple[str, str]:
    """In the child: ``text`` and what was written, ``fault`` and why not, or ``large``."""
    sandbox = ImmutableSandboxedEnvironment(
        autoescape=task.html, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    sandbox.globals = {"range": sandbox.globals["range"]}
    del sandbox.filters["random"]  # the same changelog gives the same text
    out: list[str] = []
    size = 0
    try:
        values = model(task.view, Words(task.language), task.links, None)
        for piece in sandbox.from_string(task.source).generate(values):
            size += len(piece)
            if size > OUTPUT_LIMIT:
                return "large", ""
            out.append(piece)
    except SecurityError as error:
        return "fault", f"{_place(error)}not allowed in a template: {error}"
    except TemplateError as error:
        return "fault", f"{_place(error)}{error.message}"
    except MemoryError:
        return "fault", "it took too much memory"
    except Exception as error:  # noqa: BLE001 - whatever a template calls with wrong values is its own fault
        return "fault", f"{_place(error)}{str(error)[:300] or type(error).__name__}"
    return "text", "".join(out)


def _place(error: Exception) -> str:
    """The line of the template at fault: Jinja tells it of its syntax, and has it in the trace of what went wrong."""
    line, trace = getattr(error, "lineno", None), error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"line {line}: " if line else ""


def main() -> None:
    """The child: a task on standard input, what came of it on standard output."""
    import resource

    task = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - our own parent wrote it
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (task.seconds, task.seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    kind, text = _run(task)
    told = json.dumps(text) if kind == "fault" else text
    sys.stdout.buffer.write(kind.encode() + b"\n" + told.encode("utf-8", "replace"))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
