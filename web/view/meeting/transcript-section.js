// The transcript of a meeting's page. Of a long meeting a portion is drawn at once, and the rest in the next frames.

import { clock, onlyLanguage } from '../../state/format.js'
import { heardAt, lineAt } from '../../state/playback/heard.js'
import { isPlayable } from '../../state/playback/playable.js'
import { FIRST_PORTION, complete, portionOf, widened } from '../../state/portion.js'
import { captured } from '../../state/recording.js'
import { mayEdit } from '../../state/selectors.js'
import { sourceNames } from '../../state/sources/source-rows.js'
import { speakingSeconds, toBlocks } from '../../state/turns.js'
import { t } from '../../texts/texts.js'
import { el, keepingFocus, sameFields, set, setText } from '../dom.js'
import { LineEditing } from '../editing/line-editing.js'
import { icon } from '../icons.js'
import { HeardMark } from '../player/heard-mark.js'
import { playOnClick } from '../player/play-on-click.js'
import { TranscriptView } from './transcript-view.js'

/** @typedef {import('../../state/page-state.js').PageState} PageState */
/** @typedef {import('../../state/transcript.js').Speakers} Speakers */
/** @typedef {import('../../state/transcript.js').Transcript} Transcript */
/** @typedef {import('../../state/turns.js').Block} Block */
/** @typedef {import('./scroll-follower.js').ScrollFollower} ScrollFollower */

/** @typedef {{ blocks: Block[], speakers: Speakers, editable: boolean, playable: boolean, left: number }} Drawn */

export class TranscriptSection {
  #follower
  #turns = el('div', { class: 'turns' })
  #earlier = el('p', { class: 'earlier', hidden: true, 'data-testid': 'earlier' })
  #endText = el('span')
  /** The line behind the last one once the meeting is over; it can have the focus. */
  end = el('p', { class: 'end', hidden: true, tabindex: -1, 'data-testid': 'end' }, icon('check'), this.#endText)
  node = el(
    'section',
    { class: 'transcript', 'aria-label': t('transcript.label'), 'data-testid': 'transcript' },
    this.#earlier,
    this.#turns,
    this.end,
  )
  #view
  #editing
  #heard
  /** @type {Transcript | null} that the blocks are of */
  #transcript = null
  /** @type {Drawn | null} */
  #drawn = null
  #endLine = ''
  #portion = FIRST_PORTION
  /** @type {Block[]} all that could be drawn */
  blocks = []
  /** Seconds that each speaker spoke. */
  seconds = speakingSeconds([])

  /**
   * @param {ScrollFollower} follower
   * @param {import('./meeting-view.js').MeetingHandlers} handlers
   */
  constructor(follower, { onSpeaker, editing, player }) {
    this.#follower = follower
    this.#view = new TranscriptView(this.#turns, onSpeaker)
    this.#editing = new LineEditing(this.#turns, editing, {
      replace: (id, node) => this.#view.replace(id, node),
      onBegin: player.onPause,
    })
    this.node.append(...this.#editing.nodes)
    this.#heard = new HeardMark(this.#view)
    playOnClick(this.#turns, this.#view, player.onPlayFrom, player.onPause)
  }

  open() {
    this.#editing.open()
  }

  /** Whether something is written that is not saved. */
  get unsaved() {
    return this.#editing.unsaved
  }

  /** @param {TranscriptSection} before that this takes the place of */
  takeOver(before) {
    this.#editing.takeOver(before.#editing)
  }

  /**
   * @param {PageState} state
   * @returns {boolean} whether lines were drawn
   */
  render(state) {
    const { transcript, sources, following } = state
    this.#group(transcript, sources)
    set(this.#turns, { lang: onlyLanguage(transcript.models) })
    const portion = { blocks: portionOf(this.blocks, this.#portion), left: transcript.left }
    const can = { editable: mayEdit(state), playable: isPlayable(state) }
    const drawn = keepingFocus(this.node, () => {
      const anew = this.#draw({ ...portion, speakers: transcript.speakers, ...can }, following)
      this.#editing.render(state, this.blocks)
      return anew
    })
    this.#showHeard(state)
    const over = transcript.phase === 'ended' && this.blocks.length > 0
    this.#showEnd(over ? t('transcript.end', { time: clock(captured(state.recording)) }) : '')
    return drawn
  }

  /**
   * @param {Transcript} transcript
   * @param {PageState['sources']} sources
   */
  #group(transcript, sources) {
    if (this.#transcript && sameLines(transcript, this.#transcript)) return
    this.#transcript = transcript
    this.blocks = toBlocks(transcript, this.blocks, sourceNames(sources))
    this.seconds = speakingSeconds(this.blocks)
  }

  /**
   * @param {Drawn} next
   * @param {boolean} following
   * @returns {boolean} whether there was anything to draw
   */
  #draw(next, following) {
    if (sameFields(next, this.#drawn)) return false
    this.#drawn = next
    const { blocks, speakers, editable, playable, left } = next
    this.#turns.toggleAttribute('data-playable', playable)
    this.#follower.hold(this.#turns, following, () => {
      this.#view.render(blocks, speakers, editable, playable)
      this.#earlier.hidden = blocks === this.blocks && left === 0
      setText(this.#earlier, t('transcript.earlier'))
    })
    return true
  }

  /**
   * Brings a line into sight and the focus to it, where it is drawn.
   *
   * @param {string} id
   */
  point(id) {
    const line = /** @type {HTMLElement | null} */ (this.#turns.querySelector(`[data-segment="${CSS.escape(id)}"]`))
    if (!line) return
    line.tabIndex = -1
    line.scrollIntoView({ block: 'center' })
    line.focus({ preventScroll: true })
  }

  close() {
    this.#editing.close()
    this.#heard.clear()
  }

  /** @param {PageState} state */
  #showHeard({ playback: { playing, position, opened }, transcript }) {
    const shown = playing || position > 0 || opened
    const heard = shown && transcript.phase !== 'connecting' ? heardAt(this.blocks, position) : []
    this.#heard.render(heard, playing)
  }

  /**
   * Brings the line of a second into sight.
   *
   * @param {number} second
   * @param {number} left earlier lines that are still to come
   * @returns {boolean} false while that line is not there yet
   */
  bring(second, left) {
    const line = lineAt(this.blocks, second)
    const node = line && (left === 0 || line.start <= second) && this.#view.lineNode(line.id)
    if (!node) return this.blocks.length > 0 && left === 0 && line === null
    node.scrollIntoView({ block: 'center' })
    return true
  }

  /** @param {string} line what stands behind the last one; empty while the meeting is not over */
  #showEnd(line) {
    if (line === this.#endLine) return
    this.#endLine = line
    this.end.hidden = !line
    setText(this.#endText, line)
  }

  /**
   * Makes the next portion larger, by as much as drawing this one took time.
   *
   * @param {PageState} state
   * @param {number} took milliseconds
   * @returns {boolean} whether there is more to draw in the next frame
   */
  widen({ transcript }, took) {
    if (this.#drawn?.blocks === this.blocks) {
      this.#portion = complete(this.#portion, this.blocks, transcript.left)
      return false
    }
    const atTop = transcript.phase === 'ended' && this.#follower.atTop
    // Whoever opens a meeting that is over reads it from its beginning, which may still be on its way.
    if (atTop && transcript.left) return false
    this.#portion = widened(this.#portion, took, atTop)
    return true
  }
}

/**
 * @param {Transcript} a
 * @param {Transcript} b
 */
function sameLines(a, b) {
  return a.segments === b.segments && a.stale === b.stale && a.speakers === b.speakers && a.gaps === b.gaps
}
