// The player of a meeting's page: joins its audio, the state, and the keys that work anywhere on the page.

import { MeetingAudio } from '../../audio/meeting-audio.js'
import * as api from '../../net/api.js'
import { audioLength, isPlayable } from '../../state/playback/playable.js'
import { say, unsay } from '../../state/page-state.js'
import * as change from '../../state/playback/playback.js'
import { playerAction } from '../../state/playback/player-keys.js'
import { elapsed } from '../../state/selectors.js'
import { t } from '../../texts/texts.js'

/** @typedef {import('../../state/page-state.js').PageState} PageState */
/** @typedef {import('../../state/playback/playback.js').Playback} Playback */
/** @typedef {import('../../state/playback/player-keys.js').PlayerAction} PlayerAction */

const FIELD = 'input, textarea, select, [contenteditable], dialog'
const BUTTON = 'button, summary, a[href]'

export class PagePlayback {
  #store
  #audio
  #partOver = () => {}

  /**
   * @param {string} id of the meeting
   * @param {import('../page-store.js').PageStore<PageState>} store
   */
  constructor(id, store) {
    this.#store = store
    this.#audio = new MeetingAudio({
      load: async (from, to) => {
        const { samples, length } = await api.getSamples(id, from, to)
        this.#change((playback) => (length > playback.length ? { ...playback, length } : playback))
        return samples
      },
      onProgress: (position) => this.#change((playback) => ({ ...playback, position })),
      onEnd: () => this.#pause(),
      onProblem: (error) => this.#failed(error),
    })
  }

  open() {
    window.addEventListener('keydown', this.#pressed)
  }

  close() {
    window.removeEventListener('keydown', this.#pressed)
    this.#audio.close()
  }

  /** @returns {import('../../view/player/player-bar.js').PlayerHandlers} */
  get handlers() {
    return {
      onToggle: () => this.toggle(),
      onPlayFrom: (second) => this.playFrom(second),
      onPause: () => this.#pause(),
      onTargetShown: () => this.targetShown(),
      onSeek: (second) => this.seek(second),
      onStep: (by) => this.seek(this.#playback.position + by * change.STEP),
      onRate: (rate) => this.#setRate(rate),
      onAgain: () => this.playFrom(elapsed(this.#store.state) - change.AGAIN),
      onClose: () => this.#leave(),
    }
  }

  toggle() {
    if (this.#playback.playing) this.#pause()
    else this.#play()
  }

  /** @param {number} second */
  seek(second) {
    this.#change((playback) => change.sought(playback, second, this.#length))
    if (this.#playback.playing) this.#play()
  }

  /**
   * Plays from a second of the meeting, if it can be played at all.
   *
   * @param {number} second
   */
  playFrom(second) {
    if (!isPlayable(this.#store.state)) return
    this.#change((playback) => change.sought(playback, second, this.#length))
    this.#play()
  }

  /**
   * Plays a part by itself.
   *
   * @param {{ start: number, end: number }} part
   * @param {() => void} onOver it is not played any more
   */
  playPart(part, onOver) {
    this.#endPart()
    this.#partOver = onOver
    this.#change((playback) => change.excerptBegun(playback, part))
    this.#audio.play(part.start, 1, part.end)
  }

  /** Nothing is played any more, if it is a part that is. */
  stopPart() {
    if (this.#playback.excerpt) this.#pause()
  }

  /** The line of the second with which the page was opened is in sight. */
  targetShown() {
    this.#change((playback) => ({ ...playback, target: null }))
  }

  get #playback() {
    return this.#store.state.playback
  }

  get #length() {
    return audioLength(this.#store.state)
  }

  /** @param {(playback: Playback) => Playback} to */
  #change(to) {
    this.#store.update((state) => {
      const playback = to(state.playback)
      return playback === state.playback ? state : { ...state, playback }
    })
  }

  #play() {
    this.#store.update((state) => ({ ...unsay(state, 'playback'), following: false }))
    // Where a meeting goes on, its end is no place from which to begin again.
    const end = this.#store.state.transcript.phase === 'ended' ? this.#length : Infinity
    this.#change((playback) => change.begun(playback, end))
    this.#audio.play(this.#playback.position, this.#playback.rate)
  }

  #pause() {
    this.#audio.stop()
    this.#change(change.paused)
    this.#endPart()
  }

  #endPart() {
    const over = this.#partOver
    this.#partOver = () => {}
    over()
  }

  #leave() {
    this.#pause()
    this.#change((playback) => ({ ...playback, opened: false }))
    this.#store.set({ following: true })
  }

  /** @param {number} rate */
  #setRate(rate) {
    this.#change((playback) => ({ ...playback, rate }))
    const { playing, position, excerpt } = this.#playback
    if (playing && !excerpt) this.#audio.play(position, rate)
  }

  /** @param {Error} error */
  #failed(error) {
    this.#pause()
    const text = t('player.failed', { why: error.message })
    this.#store.update((state) => say(state, 'playback', { text }))
  }

  /** @param {KeyboardEvent} event */
  #pressed = (event) => {
    if (event.defaultPrevented || !this.#offered) return
    const target = event.target instanceof Element ? event.target : null
    const action = playerAction({
      key: event.key,
      modified: event.ctrlKey || event.altKey || event.metaKey,
      inField: Boolean(target?.closest(FIELD)) || document.querySelector('dialog[open]') !== null,
      onButton: Boolean(target?.closest(BUTTON)),
      inPlayer: Boolean(target?.closest('.player')),
    })
    if (!action) return
    event.preventDefault()
    this.#act(action)
  }

  get #offered() {
    const { state } = this.#store
    return isPlayable(state) && (state.playback.opened || state.transcript.phase === 'ended')
  }

  /** @param {PlayerAction} action */
  #act(action) {
    const { position, rate } = this.#playback
    if (action === 'toggle') this.toggle()
    else if (action === 'back') this.seek(position - change.STEP)
    else if (action === 'forward') this.seek(position + change.STEP)
    else this.#setRate(change.nextRate(rate, action === 'faster' ? 1 : -1))
  }
}
