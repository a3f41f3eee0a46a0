"""One check on many things within one test: each further test costs some milliseconds, many times what it checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def for_each(names: Sequence[str]) -> Callable[[Callable[[str], None]], Callable[[], None]]:
    """Makes a check on one name a test of all of them, which names each one on which it fails."""

    def decorate(check: Callable[[str], None]) -> Callable[[], None]:
        def test() -> None:
            assert names, "there is nothing to check"
            problems = []
            for name in names:
                try:
                    check(name)
                except AssertionError as error:
                    problems.append(f"{name}: {error}")
            assert not problems, "\n".join(problems)

        return test

    return decorate
