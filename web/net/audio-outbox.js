// Numbered audio frames, and the ones that the server has not confirmed yet; pure.

const HEAD = 12 // bytes: u32 seq, u64 capture time in microseconds, little endian

/**
 * @param {number} seq
 * @param {number} captureUs microseconds
 * @param {ArrayBuffer} payload
 */
export function encodeFrame(seq, captureUs, payload) {
  const frame = new Uint8Array(HEAD + payload.byteLength)
  const head = new DataView(frame.buffer)
  head.setUint32(0, seq, true)
  head.setBigUint64(4, BigInt(Math.max(0, Math.round(captureUs))), true)
  frame.set(new Uint8Array(payload), HEAD)
  return frame
}

/** Frames in order of their numbers, kept until acknowledged, so that a dropped connection loses none. */
export class AudioOutbox {
  /** @type {Uint8Array<ArrayBuffer>[]} */
  #frames = []
  #first = 0 // seq of #frames[0]
  #aligned = false
  bytes = 0
  lost = 0 // seconds refused

  /**
   * @param {object} options
   * @param {number} options.bytesPerSecond of payload
   * @param {number} [options.limit] bytes; beyond them audio is refused rather than the page killed for its memory
   */
  constructor({ bytesPerSecond, limit = 256 * 2 ** 20 }) {
    this.bytesPerSecond = bytesPerSecond
    this.limit = limit
  }

  get next() {
    return this.#first + this.#frames.length
  }

  get first() {
    return this.#first
  }

  get empty() {
    return this.#frames.length === 0
  }

  /** Seconds of audio that the server has not confirmed. */
  get seconds() {
    return (this.bytes - HEAD * this.#frames.length) / this.bytesPerSecond
  }

  /**
   * @param {ArrayBuffer} payload
   * @param {number} captureUs microseconds
   * @returns {boolean} whether there was room for it
   */
  push(payload, captureUs) {
    if (this.bytes + payload.byteLength > this.limit) {
      this.lost += payload.byteLength / this.bytesPerSecond
      return false
    }
    const frame = encodeFrame(this.next, captureUs, payload)
    this.#frames.push(frame)
    this.bytes += frame.byteLength
    return true
  }

  /**
   * Every frame up to this one is safe elsewhere.
   *
   * @param {number} seq
   */
  ack(seq) {
    const gone = Math.min(Math.max(0, seq + 1 - this.#first), this.#frames.length)
    for (const frame of this.#frames.splice(0, gone)) this.bytes -= frame.byteLength
    this.#first += gone
  }

  /** @param {number} seq */
  at(seq) {
    return this.#frames[seq - this.#first]
  }

  /**
   * Makes the numbering go on where the server's does.
   *
   * @param {number} next number of the frame that the server asks for
   * @returns {boolean} false if that frame is gone
   */
  align(next) {
    if (!this.#aligned) this.#renumber(next)
    this.#aligned = true
    if (next < this.#first) return false
    this.ack(next - 1)
    return true
  }

  /**
   * Before the server's first answer nobody has seen our numbers: a page that was reloaded goes on with its old
   * source's.
   *
   * @param {number} first
   */
  #renumber(first) {
    this.#first = first
    this.#frames.forEach((frame, i) => new DataView(frame.buffer).setUint32(0, first + i, true))
  }
}
