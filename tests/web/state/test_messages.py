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


def test_models_that_do_not_answer_are_told_of_and_not_what_is_left_out_because_of_that(javascript: Run) -> None:
    away, busy, well = javascript(
        """async () => {
          const { busyText } = await load('state/messages.js')
          return [{ left_out: 'long_hop', models_answer: false }, { left_out: 'long_hop', models_answer: true },
            { left_out: 'none', models_answer: true }].map((stats) => busyText(stats))
        }"""
    )
    assert away.startswith("The models on other machines do not answer at the moment.")
    assert "busy" in busy
    assert well == ""


def test_a_machine_elsewhere_and_an_open_way_are_named_before_text_goes_there(javascript: Run) -> None:
    home, there = javascript(
        """async () => {
          const { makeNotesQuestion } = await load('state/messages.js')
          const home = { model: 'tiny', host: 'localhost:1', local: true, encrypted: true }
          const there = { model: 'tiny', host: '10.0.0.7', local: false, encrypted: false }
          return [makeNotesQuestion(home, false).text, makeNotesQuestion(there, true).text]
        }"""
    )
    assert "tiny at localhost:1, on this server’s own machine." in home
    assert "Whoever runs it" not in home
    assert "tiny at 10.0.0.7, on another machine. The way there is not encrypted." in there
    assert "Whoever runs it can read that." in there
    assert "takes the place of these notes" in there


def test_how_far_notes_are_is_told_in_parts(javascript: Run) -> None:
    source = """async (all) => {
      const { notesProgressText } = await load('state/messages.js')
      return all.map(notesProgressText)
    }"""
    given = [None, {"done": 0, "parts": 0}, {"done": 0, "parts": 1}, {"done": 1, "parts": 3}, {"done": 3, "parts": 3}]
    assert javascript(source, given) == [
        "Notes are about to be written…",
        "Notes are about to be written…",
        "Notes are being written…",
        "Notes are being written, part 2 of 3…",
        "The notes of all parts are being put together…",
    ]


def test_notes_say_who_wrote_them_and_what_is_wrong_with_them(javascript: Run) -> None:
    source = """async ([made, outdated]) => (await load('state/messages.js')).madeNotesText(made, outdated)"""
    made = {"model": "tiny", "host": "a.example", "incomplete": False}
    assert javascript(source, [made, False]) == ("Written by the language model tiny at a.example, which may be wrong.")
    assert javascript(source, [{**made, "incomplete": True}, True]).endswith(
        "It broke off: something may be missing. The transcript has changed since."
    )
