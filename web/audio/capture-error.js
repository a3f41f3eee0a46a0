// Why no sound can be had.

/** A failure with one sentence for the reader. */
export class CaptureError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   */
  constructor(code, message) {
    super(message)
    this.code = code
  }
}
