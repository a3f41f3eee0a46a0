"""What the page says about its connection and its server."""

from __future__ import annotations

from tests.web.conftest import Run


def test_every_close_code_has_a_sentence_and_the_buffer_is_told(javascript: Run) -> None:
    sentences, buffered = javascript(
        """async () => {
          const { connectionText, problemText } = await load('state/messages.js')
          const codes = [4400, 4401, 4404, 4409, 4413, 4429, 1011]
          return [codes.map((close) => problemText({ close, message: 'why' }).text),
            connectionText({ connection: 'reconnecting', role: 'source', attempt: 1, unsent: 3.4 })]
        }"""
    )
    assert len(set(sentences)) == 6  # what has no sentence of its own shares one
    assert buffered == ["reconnecting", "Reconnecting — your audio is safe, 3 s buffered"]


def test_the_language_that_was_detected_stands_before_how_far_the_text_is_behind(javascript: Run) -> None:
    told = javascript(
        """async () => {
          const { lagText } = await load('state/messages.js')
          const stats = { asr_lag: 0, diarization_lag: 0, rtf: 0.1 }
          return [lagText({ ...stats, language: 'de' }, 0.5)[0], lagText({ ...stats, language: null }, 0.5)[0],
            lagText({ ...stats, language: 'de' }, null)[0]]
        }"""
    )
    assert told == ["German · Text 0.5 s behind", "Text 0.5 s behind", ""]


def test_what_a_busy_server_leaves_out_is_told(javascript: Run) -> None:
    sentences = javascript(
        """async () => {
          const { busyText } = await load('state/messages.js')
          return ['none', 'rare_partials', 'no_partials', 'long_hop'].map((left_out) => busyText({ left_out }))
            .concat(busyText(null), busyText({}))
        }"""
    )
    assert [bool(sentence) for sentence in sentences] == [False, True, True, True, False, False]
    assert all("Nothing is lost" in sentence for sentence in sentences[1:4])
