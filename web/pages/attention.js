// Whether somebody looks at this page, and that its screen stays on while it records.

/** @type {import('../net/meeting-poller.js').Attention} */
export const attention = {
  isSeen: () => !document.hidden,
  onReturn(call) {
    window.addEventListener('focus', call)
    document.addEventListener('visibilitychange', call)
    return () => {
      window.removeEventListener('focus', call)
      document.removeEventListener('visibilitychange', call)
    }
  },
}

/** A phone that dims its screen would stop the microphone. */
export class WakeLock {
  /** @type {WakeLockSentinel | null} */
  #lock = null

  hold() {
    document.addEventListener('visibilitychange', this.#request)
    this.#request()
  }

  release() {
    document.removeEventListener('visibilitychange', this.#request)
    this.#lock?.release().catch(() => {})
    this.#lock = null
  }

  #request = async () => {
    if (document.visibilityState !== 'visible') return
    this.#lock = (await navigator.wakeLock?.request('screen').catch(() => null)) ?? null
  }
}
