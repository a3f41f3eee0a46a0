// A failure with one sentence for the reader.
export class CaptureError extends Error {
  constructor(code, message) {
    super(message)
    this.code = code
  }
}
