"""Which keys mean something to the player, and where they mean something else."""

from __future__ import annotations

import pytest

from tests.web.conftest import Run

NOWHERE = {"modified": False, "inField": False, "onButton": False, "inPlayer": False}


def actions(javascript: Run, keys: list[str], **pressed: bool) -> list[str | None]:
    found: list[str | None] = javascript(
        """async ([keys, pressed]) => {
          const { playerAction } = await load('state/playback/player-keys.js')
          return keys.map((key) => playerAction({ key, ...pressed }))
        }""",
        [keys, NOWHERE | pressed],
    )
    return found


def test_space_and_arrows_work_anywhere_and_signs_in_the_player_alone(javascript: Run) -> None:
    keys = [" ", "ArrowLeft", "ArrowRight", "<", ">", "a", "Enter"]
    assert actions(javascript, keys) == ["toggle", "back", "forward", None, None, None, None]
    assert actions(javascript, keys, inPlayer=True)[3:5] == ["slower", "faster"]


def test_a_button_keeps_the_space_that_presses_it(javascript: Run) -> None:
    assert actions(javascript, [" ", "ArrowLeft"], onButton=True) == [None, "back"]


@pytest.mark.parametrize("pressed", [{"modified": True}, {"inField": True}])
def test_fields_and_shortcuts_of_the_browser_keep_all_keys(javascript: Run, pressed: dict[str, bool]) -> None:
    assert actions(javascript, [" ", "ArrowLeft", ">"], inPlayer=True, **pressed) == [None, None, None]
