"""The process in which a meeting is heard with other models: `python -m meeting.hearing_worker`, by a server."""

from __future__ import annotations

import os

from meeting.jobs.hearing_process import carry_out, take_order, tell_fault
from meeting.server.logs import set_up_logs
from meeting.sources.backend import Backend


def main(backend: Backend | None = None) -> None:
    """Carry out the order that comes on standard input; `backend` builds the models, the real ones when None."""
    order, told = take_order()
    set_up_logs(order.config.server.log_level, order.config.server.log_json)
    try:
        carry_out(order, told, backend)
    except Exception as error:  # as in the server itself: its job fails, and says so
        tell_fault(order, told, error)
    # Without the interpreter's own end, for which threads of libraries might make the server wait.
    told.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
