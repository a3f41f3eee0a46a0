// Plays a meeting's audio from any second on, at any rate: parts of it are fetched as they are needed, and put one
// behind the other on the clock of the sound output.

import { TimeStretch } from './time-stretch.js'

const RATE = 16_000 // samples a second, as the server has them
const FIRST = 1.5 // seconds that are fetched first: short, so that it begins soon
const PART = 5 // seconds that are fetched at once from then on
const AHEAD = 12 // seconds of sound that are kept ready
const LEAD = 0.08 // seconds until a part that comes too late is heard
const LOOK = 100 // milliseconds between looks at the clock

/**
 * Samples of the meeting from one place to before another; fewer, or none, where there are no more.
 *
 * @typedef {(from: number, to: number) => Promise<Int16Array>} LoadSamples
 */

/**
 * @typedef {object} Part
 * @property {number} at second of the output's clock
 * @property {number} length seconds on that clock
 * @property {number} from second of the meeting
 * @property {number} to second of the meeting
 */

/** @typedef {{ rate: number, end: number, complete: boolean, parts: Part[], nodes: AudioBufferSourceNode[] }} Run */

export class MeetingAudio {
  #load
  #onProgress
  #onEnd
  #onProblem
  /** @type {AudioContext | null} */
  #context = null
  /** @type {Run | null} what is being played */
  #run = null
  /** @type {number | undefined} */
  #timer

  /**
   * @param {object} options
   * @param {LoadSamples} options.load
   * @param {(second: number) => void} options.onProgress this second of the meeting is heard now
   * @param {() => void} options.onEnd what was to be played has been
   * @param {(error: Error) => void} options.onProblem nothing is played any more
   */
  constructor({ load, onProgress, onEnd, onProblem }) {
    this.#load = load
    this.#onProgress = onProgress
    this.#onEnd = onEnd
    this.#onProblem = onProblem
  }

  /**
   * Plays from a second on, in the place of what is being played. The first call must come from a click or a key, so
   * that the browser lets the sound play.
   *
   * @param {number} second
   * @param {number} rate
   * @param {number} [end] second up to which it plays
   */
  play(second, rate, end = Infinity) {
    this.stop()
    /** @type {Run} */
    const run = { rate, end, complete: false, parts: [], nodes: [] }
    this.#run = run
    this.#timer = setInterval(() => this.#look(run), LOOK)
    try {
      const context = (this.#context ??= new AudioContext({ sampleRate: RATE }))
      context.resume().catch(() => {})
      this.#fill(context, run, second).catch((error) => this.#failed(run, error))
    } catch (error) {
      this.#failed(run, /** @type {Error} */ (error)) // there is no output, or not at this rate
    }
  }

  stop() {
    clearInterval(this.#timer)
    const run = this.#run
    this.#run = null
    for (const node of run?.nodes ?? []) node.stop()
  }

  close() {
    this.stop()
    this.#context?.close().catch(() => {})
    this.#context = null
  }

  /**
   * @param {AudioContext} context
   * @param {Run} run
   * @param {number} second
   */
  async #fill(context, run, second) {
    const stretch = new TimeStretch(run.rate)
    const last = run.end * RATE
    let from = Math.round(second * RATE)
    let wanted = FIRST
    while (!run.complete) {
      const to = Math.min(from + wanted * RATE, Math.round(last))
      const samples = to > from ? await this.#load(from, to) : new Int16Array(0)
      if (run !== this.#run) return
      run.complete = samples.length < to - from || to >= last
      const sound = stretch.push(floats(samples), run.complete)
      this.#schedule(context, run, sound, { from: from / RATE, to: (from + samples.length) / RATE })
      from += samples.length
      wanted = PART
      while (readyUntil(run) - context.currentTime > AHEAD) {
        await new Promise((wake) => setTimeout(wake, LOOK))
        if (run !== this.#run) return
      }
    }
  }

  /**
   * @param {AudioContext} context
   * @param {Run} run
   * @param {Float32Array<ArrayBuffer>} sound
   * @param {{ from: number, to: number }} seconds of the meeting that it is
   */
  #schedule(context, run, sound, { from, to }) {
    if (sound.length === 0) return
    const at = Math.max(readyUntil(run), context.currentTime + LEAD)
    const buffer = context.createBuffer(1, sound.length, RATE)
    buffer.copyToChannel(sound, 0)
    const node = new AudioBufferSourceNode(context, { buffer })
    node.connect(context.destination)
    node.start(at)
    run.nodes.push(node)
    run.parts.push({ at, length: buffer.duration, from, to })
  }

  /** @param {Run} run */
  #look(run) {
    const now = this.#context?.currentTime ?? 0
    const part = run.parts.filter(({ at }) => at <= now).at(-1)
    while (run.parts.length && run.parts[0] !== part && run.parts[0].at <= now) {
      run.parts.shift()
      run.nodes.shift()
    }
    if (part) this.#onProgress(part.from + Math.min(1, (now - part.at) / part.length) * (part.to - part.from))
    if (run !== this.#run || !run.complete || readyUntil(run) > now) return
    this.stop()
    this.#onEnd()
  }

  /**
   * @param {Run} run
   * @param {Error} error
   */
  #failed(run, error) {
    if (run !== this.#run) return
    this.stop()
    this.#onProblem(error)
  }
}

/**
 * Until when there is sound on the output's clock.
 *
 * @param {Run} run
 */
function readyUntil({ parts }) {
  const last = parts.at(-1)
  return last ? last.at + last.length : 0
}

/** @param {Int16Array} samples */
const floats = (samples) => Float32Array.from(samples, (sample) => sample / 32768)
