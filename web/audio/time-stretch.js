// Speech made faster or slower at the same pitch, by overlapping pieces of it where they fit best (WSOLA).

const HOP = 240 // samples at 16 kHz between two pieces: 15 ms
const PIECE = 2 * HOP
const SEARCH = 128 // samples by which a piece may be taken from elsewhere than its place: 8 ms
const WINDOW = Float32Array.from({ length: PIECE }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 0.5)) / PIECE))

export class TimeStretch {
  #rate
  /** Samples that pieces may still be taken from. */
  #input = new Float32Array(0)
  #first = 0 // number of the first of them
  #pieces = 0 // put down so far
  #follows = 0 // number of the sample that would follow the last piece in nature
  #tail = new Float32Array(HOP) // the second half of the last piece, which the next one lies over

  /** @param {number} rate 2 for twice as fast */
  constructor(rate) {
    this.#rate = rate
  }

  /**
   * What becomes of the samples that come next, as far as it is certain; with the last ones all that is left.
   *
   * @param {Float32Array<ArrayBuffer>} samples at 16 kHz
   * @param {boolean} last
   */
  push(samples, last) {
    if (this.#rate === 1) return samples
    const rest = last ? PIECE + 2 * SEARCH : 0
    const input = new Float32Array(this.#input.length + samples.length + rest)
    input.set(this.#input)
    input.set(samples, this.#input.length)
    this.#input = input
    const out = []
    const end = this.#first + input.length
    while (this.#place + SEARCH + PIECE <= end && this.#follows + PIECE <= end) out.push(this.#next())
    this.#forget()
    return joined(out)
  }

  get #place() {
    return Math.round(this.#pieces * HOP * this.#rate)
  }

  #next() {
    const start = this.#pieces === 0 ? 0 : this.#bestStart()
    const at = start - this.#first
    const out = new Float32Array(HOP)
    for (let i = 0; i < HOP; i += 1) {
      const before = this.#pieces === 0 ? this.#input[at + i] * (1 - WINDOW[i]) : this.#tail[i]
      out[i] = before + this.#input[at + i] * WINDOW[i]
      this.#tail[i] = this.#input[at + HOP + i] * WINDOW[HOP + i]
    }
    this.#follows = start + HOP
    this.#pieces += 1
    return out
  }

  /** Where near its place the sound is most like what would follow in nature. */
  #bestStart() {
    const wanted = this.#follows - this.#first
    const place = this.#place - this.#first
    let [best, most] = [place, -Infinity]
    for (let at = Math.max(0, place - SEARCH); at <= place + SEARCH; at += 1) {
      let product = 0
      let energy = 1e-9
      for (let i = 0; i < HOP; i += 2) {
        const sample = this.#input[at + i]
        product += sample * this.#input[wanted + i]
        energy += sample * sample
      }
      const likeness = product / Math.sqrt(energy)
      if (likeness > most) [best, most] = [at, likeness]
    }
    return best + this.#first
  }

  #forget() {
    const needed = Math.max(0, Math.min(this.#place - SEARCH, this.#follows) - this.#first)
    this.#input = this.#input.slice(needed)
    this.#first += needed
  }
}

/** @param {Float32Array[]} parts */
function joined(parts) {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
