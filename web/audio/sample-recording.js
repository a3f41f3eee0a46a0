// The sample recording as a source of sound: the same frames as a microphone's, at the pace of a clock, and aloud.

import { t } from '../texts/texts.js'
import { CaptureError } from './capture-error.js'

/** @typedef {import('./recorder.js').Frame} Frame */
/** @typedef {{ context: AudioContext, volume: GainNode }} Output */

const RECORDING = new URL('../sample/sample.flac', import.meta.url).href
const RATE = 16_000 // of the recording; decoding to it spares the way a resampling
const FRAME = RATE / 10
const TICK = 50 // milliseconds between looks at the clock

export class SampleRecording {
  /** @type {'sample'} */
  kind = 'sample'
  name = t('sample.title')
  sampleRate = RATE
  /** @type {(frame: Frame) => void} */
  onFrame = () => {}
  /** @type {(error: CaptureError | null) => void} */
  onProblem = () => {}
  /** @type {() => void} */
  onEnd = () => {}
  #buffer
  #samples
  #audible
  /** @type {number | undefined} */
  #timer
  #began = 0
  #sent = 0

  /**
   * Call it from a click, so that the browser lets the sound play.
   *
   * @returns {Promise<SampleRecording>}
   * @throws {CaptureError}
   */
  static async open() {
    const audible = output()
    const response = await fetch(RECORDING)
    if (!response.ok) throw new CaptureError('no_sample', t('sample.missing'))
    const decoder = new OfflineAudioContext(1, 1, RATE)
    const buffer = await decoder.decodeAudioData(await response.arrayBuffer())
    return new SampleRecording(buffer, audible)
  }

  /**
   * @param {AudioBuffer} buffer
   * @param {Output | null} audible null where this machine has no sound output
   */
  constructor(buffer, audible) {
    this.#buffer = buffer
    this.#samples = mono(buffer)
    this.#audible = audible
  }

  /** True, false, or null where nothing can be heard anyway. */
  get muted() {
    return this.#audible ? this.#audible.volume.gain.value === 0 : null
  }

  set muted(muted) {
    if (this.#audible) this.#audible.volume.gain.value = muted ? 0 : 1
  }

  start() {
    this.#began = performance.now()
    this.#play()
    this.#timer = setInterval(() => this.#tick(), TICK)
  }

  // A context may refuse to run (no device, no permission); the frames keep time without it.
  #play() {
    if (!this.#audible) return
    const { context, volume } = this.#audible
    const player = new AudioBufferSourceNode(context, { buffer: this.#buffer })
    player.connect(volume)
    player.start(0)
  }

  #tick() {
    const due = ((performance.now() - this.#began) / 1000) * RATE
    while (this.#sent < this.#samples.length && Math.min(this.#sent + FRAME, this.#samples.length) <= due) this.#emit()
    if (this.#sent < this.#samples.length) return
    clearInterval(this.#timer)
    this.onEnd()
  }

  #emit() {
    const part = this.#samples.subarray(this.#sent, this.#sent + FRAME)
    const began = performance.timeOrigin + this.#began
    const captureUs = began * 1000 + (this.#sent * 1e6) / RATE // nothing of a recording is ever missed
    this.#sent += part.length
    this.onFrame({ ...encode(part), samples: part.length, captureUs })
  }

  async close() {
    clearInterval(this.#timer)
    if (this.#audible && this.#audible.context.state !== 'closed') await this.#audible.context.close()
  }
}

/** @returns {Output | null} */
function output() {
  try {
    const context = new AudioContext()
    context.resume().catch(() => {})
    const volume = new GainNode(context)
    volume.connect(context.destination)
    return { context, volume }
  } catch {
    return null
  }
}

/** @param {AudioBuffer} buffer */
function mono(buffer) {
  const mixed = new Float32Array(buffer.length)
  for (let channel = 0; channel < buffer.numberOfChannels; channel += 1) {
    const samples = buffer.getChannelData(channel)
    for (let i = 0; i < mixed.length; i += 1) mixed[i] += samples[i] / buffer.numberOfChannels
  }
  return mixed
}

/** @param {Float32Array} samples */
function encode(samples) {
  const pcm = new Int16Array(samples.length)
  let energy = 0
  let peak = 0
  samples.forEach((sample, i) => {
    const held = Math.max(-1, Math.min(1, sample))
    pcm[i] = held < 0 ? held * 32768 : held * 32767
    energy += held * held
    peak = Math.max(peak, Math.abs(held))
  })
  return { pcm: pcm.buffer, level: Math.sqrt(energy / samples.length), peak }
}
