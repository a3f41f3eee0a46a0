// The bar below a meeting: sound level, time, connection, microphone, stop; for a host who only reads, an end.

import { clock } from '../../state/format.js'
import { NO_RECORDING } from '../../state/recording.js'
import { t } from '../../texts/texts.js'
import { el, set, setText } from '../dom.js'
import { icon } from '../icons.js'

/** @typedef {import('../../state/recording.js').Recording} Recording */

/**
 * @typedef {object} Shown
 * @property {Recording} recording
 * @property {number} elapsed seconds
 * @property {[state: string, text: string]} connection
 * @property {[text: string, details: string]} lag
 * @property {string} stop what the button says that stops the recording
 * @property {{ label: string, ending: boolean } | null} end the button that ends the meeting
 */

/**
 * @typedef {object} Handlers
 * @property {() => void} onStop
 * @property {() => void} onEnd
 * @property {(deviceId: string) => void} onMicrophone another one was chosen
 * @property {() => void} onMute
 */

export class RecordingBar {
  #bars = NO_RECORDING.levels.map(() => el('i'))
  #level = el(
    'div',
    {
      class: 'level',
      role: 'meter',
      'aria-label': t('recording.level'),
      'aria-valuemin': 0,
      'aria-valuemax': 100,
      'aria-valuenow': 0,
      'data-testid': 'level',
    },
    ...this.#bars,
  )
  #elapsed = el(
    'span',
    { class: 'elapsed', role: 'timer', 'aria-label': t('recording.length'), 'data-testid': 'elapsed' },
    '00:00',
  )
  #connection = el('span', { class: 'connection', 'data-testid': 'connection' })
  #lag = el('span', { class: 'lag', 'data-testid': 'lag' })
  #select = el('select', { 'data-testid': 'mic-select', 'aria-label': t('recording.microphone') })
  #microphone = el('label', { class: 'mic' }, icon('mic'), this.#select)
  #mute = el('button', { class: 'button icon-only', type: 'button', 'data-testid': 'mute' })
  #stop = new SquareButton('stop', 'stop', t('recording.stop'))
  #end = new SquareButton('end-meeting', 'end-meeting', t('recording.end'))
  node = el(
    'section',
    { class: 'recording-bar', tabindex: -1, 'aria-label': t('recording.label') },
    this.#level,
    el(
      'div',
      { class: 'recording-text' },
      el('div', { class: 'recording-line' }, this.#elapsed, this.#connection),
      this.#lag,
    ),
    this.#microphone,
    this.#mute,
    this.#stop.node,
    this.#end.node,
  )
  /** @type {Recording | null} */
  #drawn = null
  #drawnConnection = ''
  #drawnLag = ''

  /**
   * @param {Handlers} handlers
   * @param {HTMLElement} buttons that stand in it as well
   */
  constructor({ onStop, onEnd, onMicrophone, onMute }, buttons) {
    this.#stop.node.before(buttons)
    this.#stop.node.addEventListener('click', onStop)
    this.#end.node.addEventListener('click', onEnd)
    this.#select.addEventListener('change', () => onMicrophone(this.#select.value))
    this.#mute.addEventListener('click', onMute)
  }

  /** @param {Shown} shown */
  render({ recording, elapsed, connection, lag, stop, end }) {
    this.#showRecording(recording)
    this.#stop.render({ hidden: !recording.kind, disabled: recording.stopping, label: stop })
    setText(this.#elapsed, clock(elapsed))
    this.#showConnection(connection)
    this.#showLag(lag)
    this.#end.render({ hidden: !end, disabled: end?.ending ?? false, label: end?.label ?? '' })
  }

  /** @param {Recording} recording */
  #showRecording(recording) {
    const { kind, muted, levels, devices, deviceId, stopping } = recording
    const drawn = this.#drawn
    if (drawn === recording) return
    this.#drawn = recording
    // Nothing is heard any more once it was stopped, although its last words are still to come.
    const heard = stopping ? null : kind
    if (drawn?.kind !== kind || drawn.stopping !== stopping) {
      this.node.setAttribute('data-source', kind ?? '')
      this.#level.hidden = !heard
      this.#microphone.hidden = heard !== 'microphone'
    }
    if (drawn?.kind !== kind || drawn.stopping !== stopping || drawn.muted !== muted) this.#showMute(heard, muted)
    if (drawn?.levels !== levels) this.#showLevels(levels)
    if (drawn?.devices !== devices || drawn.deviceId !== deviceId) this.#showDevices(recording)
  }

  /**
   * @param {Recording['kind']} kind
   * @param {boolean | null} muted
   */
  #showMute(kind, muted) {
    const sample = kind === 'sample'
    const played = muted ? 'recording.play' : 'recording.mute'
    this.#mute.hidden = kind === null || muted === null
    this.#mute.replaceChildren(sample ? icon(muted ? 'muted' : 'sound') : icon(muted ? 'silenced' : 'mic'))
    this.#mute.setAttribute('aria-label', t(sample ? played : 'recording.microphone.mute'))
    this.#mute.setAttribute('aria-pressed', String(Boolean(muted)))
  }

  /** @param {readonly number[]} levels */
  #showLevels(levels) {
    this.#bars.forEach((bar, i) => {
      bar.style.setProperty('transform', `scaleY(${Math.max(0.08, levels[i]).toFixed(3)})`)
    })
    this.#level.setAttribute('aria-valuenow', String(Math.round((levels.at(-1) ?? 0) * 100)))
  }

  /** @param {Recording} recording */
  #showDevices({ devices, deviceId }) {
    const options = devices.map(({ deviceId: value, label }, i) => {
      return el('option', { value }, label || t('recording.microphone.number', { number: i + 1 }))
    })
    this.#select.replaceChildren(...options)
    this.#select.value = deviceId
  }

  /** @param {Shown['connection']} connection */
  #showConnection([state, text]) {
    if (state !== this.#drawnConnection) this.#connection.setAttribute('data-state', state)
    this.#drawnConnection = state
    setText(this.#connection, text)
  }

  /** @param {Shown['lag']} lag */
  #showLag([text, details]) {
    setText(this.#lag, text)
    if (details !== this.#drawnLag) this.#lag.title = details
    this.#drawnLag = details
  }
}

/** A button that ends something. */
class SquareButton {
  #label
  node

  /**
   * @param {string} look class
   * @param {string} testid
   * @param {string} label
   */
  constructor(look, testid, label) {
    this.#label = el('span', {}, label)
    const attributes = { class: `button ${look}`, type: 'button', hidden: true, 'data-testid': testid }
    this.node = el('button', attributes, el('i', { class: 'square' }), this.#label)
  }

  /** @param {{ hidden: boolean, disabled: boolean, label: string }} shown */
  render({ hidden, disabled, label }) {
    set(this.node, { hidden, disabled })
    setText(this.#label, label)
  }
}
