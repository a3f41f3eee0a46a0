// What this tab and this browser remember. Where a browser forbids that, or has no room, this page does instead, for as
// long as it is open.

class SafeStorage {
  #open
  /** @type {Map<string, string>} what the browser did not take */
  #own = new Map()

  /** @param {() => Storage} open may throw: where it is forbidden, the name alone does */
  constructor(open) {
    this.#open = open
  }

  /**
   * @param {string} key
   * @returns {string | null}
   */
  get(key) {
    return this.#own.get(key) ?? this.#try((storage) => storage.getItem(key)) ?? null
  }

  /**
   * @param {string} key
   * @param {string} value
   */
  set(key, value) {
    this.remove(key) // what the browser holds would be out of date if it does not take this
    const taken = this.#try((storage) => {
      storage.setItem(key, value)
      return true
    })
    if (!taken) this.#own.set(key, value)
  }

  /** @param {string} key */
  remove(key) {
    this.#own.delete(key)
    this.#try((storage) => storage.removeItem(key))
  }

  get keys() {
    return [...this.#own.keys(), ...(this.#try((storage) => Object.keys(storage)) ?? [])]
  }

  /**
   * @template Result
   * @param {(storage: Storage) => Result} work
   * @returns {Result | null} null where the browser refuses
   */
  #try(work) {
    try {
      return work(this.#open())
    } catch {
      return null
    }
  }
}

/** For this tab alone, until it is closed. */
export const tabStorage = new SafeStorage(() => sessionStorage)

/** For all tabs of this browser, for good. */
export const browserStorage = new SafeStorage(() => localStorage)
