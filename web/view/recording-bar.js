// The bar below a meeting: sound level, time, connection, microphone, stop; for a host who only reads, an end.

import { clock } from '../state/format.js'
import { el, icon, setText } from './dom.js'

const BARS = 24
const FLOOR = -60 // decibels that show as an empty bar

export class RecordingBar {
  #bars = Array.from({ length: BARS }, () => el('i'))
  #heights = new Array(BARS).fill(0)
  #level = el('div', { class: 'level', role: 'meter', 'aria-label': 'Sound level', 'aria-valuemin': 0, 'aria-valuemax': 100, 'aria-valuenow': 0, 'data-testid': 'level' }, ...this.#bars)
  #elapsed = el('span', { class: 'elapsed', role: 'timer', 'aria-label': 'Length', 'data-testid': 'elapsed' }, '00:00')
  #connection = el('span', { class: 'connection', 'data-testid': 'connection', 'data-state': 'connecting' }, 'Connecting…')
  #lag = el('span', { class: 'lag', 'data-testid': 'lag' })
  #select = el('select', { 'data-testid': 'mic-select', 'aria-label': 'Microphone' })
  #mic = el('label', { class: 'mic' }, icon('mic'), this.#select)
  #mute = el('button', { class: 'button icon-only', type: 'button', 'data-testid': 'mute' })
  #stop = el('button', { class: 'button stop', type: 'button', 'data-testid': 'stop' }, el('i', { class: 'square' }), el('span', {}, 'Stop'))
  #end = el('button', { class: 'button end-meeting', type: 'button', hidden: true, 'data-testid': 'end-meeting' }, el('i', { class: 'square' }), el('span', {}, 'End meeting'))
  node = el(
    'section',
    { class: 'recording-bar', 'aria-label': 'Recording' },
    this.#level,
    el('div', { class: 'recording-text' }, el('div', { class: 'recording-line' }, this.#elapsed, this.#connection), this.#lag),
    this.#mic,
    this.#mute,
    this.#stop,
    this.#end,
  )

  constructor({ onStop, onEnd, onMicrophone, onMute }) {
    this.#stop.addEventListener('click', onStop)
    this.#end.addEventListener('click', onEnd)
    this.#select.addEventListener('change', () => onMicrophone(this.#select.value))
    this.#mute.addEventListener('click', onMute)
    this.source(null)
  }

  // kind: "microphone", "sample", or null where this page only reads.
  source(kind) {
    this.node.setAttribute('data-source', kind ?? '')
    this.#stop.disabled = false
    setText(this.#stop.querySelector('span'), 'Stop')
    this.#level.hidden = !kind
    this.#stop.hidden = !kind
    this.#mic.hidden = kind !== 'microphone'
    this.#mute.hidden = kind !== 'sample'
  }

  level(value) {
    const decibels = 20 * Math.log10(Math.max(value, 1e-6))
    const height = Math.max(0, Math.min(1, 1 - decibels / FLOOR))
    this.#heights.push(height)
    this.#heights.shift()
    this.#bars.forEach((bar, i) => bar.style.setProperty('transform', `scaleY(${Math.max(0.08, this.#heights[i]).toFixed(3)})`))
    this.#level.setAttribute('aria-valuenow', Math.round(height * 100))
  }

  elapsed(seconds) {
    setText(this.#elapsed, clock(seconds))
  }

  connection(state, text) {
    this.#connection.setAttribute('data-state', state)
    setText(this.#connection, text)
  }

  lag(text, details = '') {
    setText(this.#lag, text)
    this.#lag.title = details
  }

  microphones(devices, chosen) {
    this.#select.replaceChildren(...devices.map(({ deviceId, label }, i) => el('option', { value: deviceId }, label || `Microphone ${i + 1}`)))
    this.#select.value = chosen
  }

  muted(muted) {
    this.#mute.hidden = muted === null
    this.#mute.replaceChildren(icon(muted ? 'muted' : 'sound'))
    this.#mute.setAttribute('aria-label', muted ? 'Play the sample aloud' : 'Mute the sample')
    this.#mute.setAttribute('aria-pressed', Boolean(muted))
  }

  // state: "offered", "ending", or null where there is nothing to end or somebody else's right to.
  endable(state) {
    this.#end.hidden = state === null
    this.#end.disabled = state === 'ending'
    setText(this.#end.querySelector('span'), state === 'ending' ? 'Finishing…' : 'End meeting')
  }

  stopping() {
    this.#stop.disabled = true
    setText(this.#stop.querySelector('span'), 'Finishing…')
  }
}
