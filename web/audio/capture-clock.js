// Turns counted samples into capture times: steady while sound flows, moved where it stood still.
//
// The sound's own clock is compared with the day's, both read at once: however late a busy page gets to handle a frame,
// they have drifted apart only if the sound itself has stood still.

export class CaptureClock {
  #samples = 0
  /** @type {number | null} */
  #origin = null

  /**
   * @param {number} rate samples per second
   * @param {number} [tolerance] seconds that the two clocks may differ before the sound counts as interrupted
   */
  constructor(rate, tolerance = 0.5) {
    this.rate = rate
    this.tolerance = tolerance
  }

  /**
   * Capture time of the first of some samples; the sound's clock stands at soundMs when the day's is at nowMs.
   *
   * @param {number} samples
   * @param {number} nowMs
   * @param {number} soundMs
   * @returns {number} microseconds
   */
  stamp(samples, nowMs, soundMs) {
    const measured = (nowMs - soundMs) * 1000
    if (this.#origin === null || Math.abs(measured - this.#origin) > this.tolerance * 1e6) this.#origin = measured
    const counted = (this.#samples * 1e6) / this.rate
    this.#samples += samples
    return this.#origin + counted
  }
}
