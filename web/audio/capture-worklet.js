// Runs on the audio thread: collects mono samples into frames of about 100 ms of 16-bit PCM.

const FRAME = 0.1 // seconds

class Capture extends AudioWorkletProcessor {
  size = Math.round(sampleRate * FRAME)
  running = true
  pcm = new Int16Array(this.size)
  filled = 0
  energy = 0
  peak = 0

  constructor() {
    super()
    this.port.onmessage = () => {
      this.running = false
      if (this.filled) this.flush()
      this.port.postMessage({ done: true })
    }
  }

  /**
   * @param {Float32Array[][]} inputs
   * @param {Float32Array[][]} outputs
   */
  process([channels], [output]) {
    // With no microphone connected (while it is being switched) time goes on: silence is written.
    const length = channels.length ? channels[0].length : output[0].length
    for (let i = 0; i < length; i += 1) {
      let sample = 0
      for (const channel of channels) sample += channel[i]
      this.take(channels.length > 1 ? sample / channels.length : sample)
    }
    return this.running
  }

  /** @param {number} sample */
  take(sample) {
    const held = Math.max(-1, Math.min(1, sample))
    this.pcm[this.filled] = held < 0 ? held * 32768 : held * 32767
    this.filled += 1
    this.energy += held * held
    this.peak = Math.max(this.peak, Math.abs(held))
    if (this.filled === this.size) this.flush()
  }

  flush() {
    const pcm = this.pcm.slice(0, this.filled)
    const level = Math.sqrt(this.energy / this.filled)
    this.port.postMessage({ pcm: pcm.buffer, samples: this.filled, level, peak: this.peak }, [pcm.buffer])
    this.pcm = new Int16Array(this.size)
    this.filled = this.energy = this.peak = 0
  }
}

registerProcessor('capture', Capture)
