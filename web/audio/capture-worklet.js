// Runs on the audio thread: collects mono samples into frames of about 100 ms of 16-bit PCM.

const FRAME = 0.1 // seconds

class Capture extends AudioWorkletProcessor {
  constructor() {
    super()
    this.size = Math.round(sampleRate * FRAME)
    this.running = true
    this.port.onmessage = () => {
      this.running = false
      if (this.filled) this.flush()
      this.port.postMessage({ done: true })
    }
    this.clear()
  }

  clear() {
    this.pcm = new Int16Array(this.size)
    this.filled = 0
    this.energy = 0
    this.peak = 0
  }

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
    this.clear()
  }
}

registerProcessor('capture', Capture)
