"""What we build on of uvicorn and websockets is there; and if it were not, a sentence would say so."""

from __future__ import annotations

from meeting.transport.uvicorn_parts import H11Protocol, missing


def test_the_installed_libraries_are_as_we_know_them() -> None:
    problems = missing()
    assert not problems, "\n".join(problems)


def test_what_is_gone_or_different_is_told_in_a_sentence() -> None:
    called = [(H11Protocol, "no_such_method", "self"), (H11Protocol, "handle_events", "self more")]
    told = missing(called, [(H11Protocol.handle_events, "no such words", "something holds")])
    assert len(told) == 3
    assert all(text.startswith("uvicorn.protocols.http.h11_impl.H11Protocol.") for text in told)
    assert "(gone) in this version" in told[0]
    assert "something holds" in told[2]
