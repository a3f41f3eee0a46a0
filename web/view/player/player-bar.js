// The player below a meeting: who spoke when, play, five seconds back and on, time, speed; while it is live a button
// that lets the last minute be heard again.

import { clock } from '../../state/format.js'
import { RATES, STEP } from '../../state/playback/playback.js'
import { number, t } from '../../texts/texts.js'
import { Button } from '../button.js'
import { el, set, setText } from '../dom.js'
import { icon } from '../icons.js'
import { SpeakerStrip } from './speaker-strip.js'

/**
 * @typedef {object} PlayerHandlers
 * @property {() => void} onToggle
 * @property {(second: number) => void} onPlayFrom
 * @property {() => void} onPause
 * @property {() => void} onTargetShown the line of the second that the page was opened at is in sight
 * @property {(second: number) => void} onSeek
 * @property {(by: 1 | -1) => void} onStep
 * @property {(rate: number) => void} onRate
 * @property {() => void} onAgain
 * @property {() => void} onClose
 */

/**
 * @typedef {object} ShownPlayer
 * @property {import('../../state/playback/playback.js').Playback} playback
 * @property {number} length seconds
 * @property {boolean} live
 * @property {boolean} recording whether this page's microphone would hear what is played
 * @property {readonly import('../../state/turns.js').Block[]} blocks
 * @property {import('../../state/transcript.js').Speakers} speakers
 */

export class PlayerBar {
  #again
  #play
  #strip
  #time = el('span', { class: 'player-time', 'data-testid': 'player-time' })
  #rate
  #close
  #hint = el('p', { class: 'player-hint' }, t('player.headphones'))
  #full
  #drawn = { playing: /** @type {boolean | null} */ (null), rate: 0 }
  node

  /** @param {PlayerHandlers} handlers */
  constructor({ onToggle, onSeek, onStep, onRate, onAgain, onClose }) {
    this.#again = new Button({ testid: 'player-again', shape: 'again', label: t('player.again'), onPress: onAgain })
    this.#play = iconButton('player-play', 'play', onToggle)
    this.#play.setAttribute('aria-keyshortcuts', 'Space')
    this.#strip = new SpeakerStrip(onSeek)
    const options = RATES.map((rate) => el('option', { value: rate }, `${number(rate, `${rate}`.slice(2).length)}×`))
    const label = { 'aria-label': t('player.rate'), 'data-testid': 'player-rate' }
    this.#rate = el('select', { class: 'player-rate', ...label }, ...options)
    this.#rate.addEventListener('change', () => onRate(Number(this.#rate.value)))
    this.#close = el('button', { class: 'button', type: 'button', onclick: onClose }, t('player.close'))
    this.#full = el(
      'section',
      { class: 'player', 'aria-label': t('player.label'), 'data-testid': 'player' },
      this.#strip.node,
      el(
        'div',
        { class: 'player-controls' },
        stepButton('player-back', 'rewind', 'ArrowLeft', t('player.back', { seconds: STEP }), () => onStep(-1)),
        this.#play,
        stepButton('player-forward', 'forward', 'ArrowRight', t('player.forward', { seconds: STEP }), () => onStep(1)),
        this.#time,
        this.#rate,
        this.#close,
      ),
      this.#hint,
    )
    this.node = el('div', { class: 'player-holder', hidden: true }, this.#again.node, this.#full)
  }

  /**
   * The button that was pressed may be gone then: the focus goes to what stands in its place.
   *
   * @param {ShownPlayer | null} shown null where there is nothing to play
   */
  render(shown) {
    const { activeElement: focused } = document
    const here = focused !== null && this.node.contains(focused)
    this.#draw(shown)
    if (!here || !shown || !focused.closest('[hidden]')) return
    const next = this.#full.hidden ? this.#again.node : this.#play
    next.focus({ preventScroll: true })
  }

  /** @param {ShownPlayer | null} shown */
  #draw(shown) {
    set(this.node, { hidden: shown === null })
    if (!shown) return
    const { playback, length, live, recording, blocks, speakers } = shown
    const { playing, rate, position, opened } = playback
    const compact = live && !opened
    set(this.#again.node, { hidden: !compact })
    set(this.#full, { hidden: compact })
    if (compact) return
    set(this.#close, { hidden: !live })
    set(this.#hint, { hidden: !recording })
    if (this.#drawn.playing !== playing) this.#showPlaying(playing)
    if (this.#drawn.rate !== rate) this.#rate.value = String(rate)
    this.#drawn = { playing, rate }
    setText(this.#time, `${clock(position)} / ${clock(length)}`)
    this.#strip.render({ position, length, blocks, speakers, live })
  }

  /** @param {boolean} playing */
  #showPlaying(playing) {
    this.#play.replaceChildren(icon(playing ? 'pause' : 'play'))
    this.#play.setAttribute('aria-label', t(playing ? 'player.pause' : 'player.play'))
  }
}

/**
 * @param {string} testid
 * @param {Parameters<typeof icon>[0]} shape
 * @param {() => void} onPress
 */
function iconButton(testid, shape, onPress) {
  const attributes = { class: 'button icon-only', type: 'button', 'data-testid': testid, onclick: onPress }
  return el('button', attributes, icon(shape))
}

/**
 * @param {string} testid
 * @param {Parameters<typeof icon>[0]} shape
 * @param {string} key that does the same
 * @param {string} label
 * @param {() => void} onPress
 */
function stepButton(testid, shape, key, label, onPress) {
  const button = iconButton(testid, shape, onPress)
  button.setAttribute('aria-label', label)
  button.setAttribute('aria-keyshortcuts', key)
  button.title = label
  return button
}
