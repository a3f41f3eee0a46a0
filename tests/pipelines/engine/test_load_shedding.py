"""What a machine that is too full leaves out, and when it takes it up again."""

from __future__ import annotations

from pipelines.engine.load_shedding import LoadShedder, LoadShedderOptions, Shedding

OPTIONS = LoadShedderOptions()


class Machine:
    """A governed machine whose busiest worker computes as much as it is told."""

    def __init__(self) -> None:
        self.shedder = LoadShedder(OPTIONS)
        self.now = 0.0
        self.spent = [0.0, 0.0]

    def run(self, seconds: float, load: float) -> list[Shedding]:
        """So many seconds with this load; what was left out after each tenth of a second."""
        told = []
        for _ in range(round(seconds * 10)):
            self.now += 0.1
            self.spent[0] += 0.1 * load
            told.append(self.shedder.update(self.now, self.spent))
        return told

    def until(self, shedding: Shedding, load: float) -> float:
        """Seconds with this load until so much is left out."""
        began = self.now
        while self.shedder.shedding != shedding:
            self.run(0.1, load)
            assert self.now - began < 1000
        return self.now - began


def test_a_machine_with_room_leaves_nothing_out() -> None:
    machine = Machine()
    assert set(machine.run(120, 0.85)) == {Shedding.NONE}
    assert abs(machine.shedder.load - 0.85) < 0.01


def test_a_full_machine_leaves_out_the_least_important_first() -> None:
    told = Machine().run(60, 1.0)
    assert sorted(set(told)) == list(Shedding)
    assert told == sorted(told)


def test_a_short_rush_changes_nothing() -> None:
    machine = Machine()
    machine.run(20, 0.5)
    assert set(machine.run(1, 1.0)) | set(machine.run(20, 0.5)) == {Shedding.NONE}


def test_recovery_is_automatic_and_slower_than_the_fall() -> None:
    machine = Machine()
    rising = machine.until(Shedding.LONG_HOP, 1.0)
    falling = machine.until(Shedding.NONE, 0.3)
    assert rising < falling < 60


def test_a_step_down_that_had_to_be_taken_back_is_tried_more_rarely() -> None:
    machine = Machine()
    machine.until(Shedding.RARE_PARTIALS, 1.0)
    waits = []
    for _ in range(6):
        waits.append(round(machine.until(Shedding.NONE, 0.5)))
        machine.until(Shedding.RARE_PARTIALS, 1.0)
    assert waits == sorted(waits)
    assert waits[-1] > 4 * waits[0]
    assert waits[-1] <= OPTIONS.max_lower_after + OPTIONS.window


def test_between_the_bounds_nothing_changes() -> None:
    machine = Machine()
    machine.until(Shedding.NO_PARTIALS, 1.0)
    assert set(machine.run(300, 0.75)) == {Shedding.NO_PARTIALS}


def test_after_a_silence_nothing_is_left_out_of_the_next_meeting() -> None:
    machine = Machine()
    machine.until(Shedding.LONG_HOP, 1.0)
    machine.now += 3600
    assert set(machine.run(1, 1.0)) == {Shedding.NONE}


def test_the_busiest_worker_counts() -> None:
    shedder = LoadShedder(OPTIONS)
    for tenth in range(100):
        shedder.update(tenth / 10, [tenth * 0.02, tenth * 0.05])
    assert abs(shedder.load - 0.5) < 0.01


def test_what_is_left_out_has_a_name() -> None:
    assert [shedding.label for shedding in Shedding] == ["none", "rare_partials", "no_partials", "long_hop"]
