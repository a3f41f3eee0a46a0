// The state of a page, and when it is drawn: several changes in one frame are drawn once.

const UNSEEN = 1000 // milliseconds after which a page is drawn that nobody sees, and that gets no frames

/** @template State */
export class PageStore {
  #render
  /** @type {number | null} */
  #frame = null
  /** @type {number | undefined} */
  #timer
  closed = false

  /**
   * @param {State} state
   * @param {(state: State) => boolean | void} render draws a state; true where there is more to draw in the next frame
   */
  constructor(state, render) {
    this.state = state
    this.#render = render
  }

  /**
   * A state that is closed stays as it is.
   *
   * @param {(state: State) => State} change
   */
  update(change) {
    if (this.closed) return
    const before = this.state
    this.state = change(before)
    if (this.state !== before) this.draw()
  }

  /** @param {Partial<State>} part what is different now */
  set(part) {
    this.update((state) => ({ ...state, ...part }))
  }

  draw() {
    if (this.#frame !== null) return
    this.#frame = requestAnimationFrame(this.#drawNow)
    this.#timer = setTimeout(this.#drawNow, UNSEEN)
  }

  #drawNow = () => {
    this.#forgetFrame()
    if (this.#render(this.state)) this.draw()
  }

  #forgetFrame() {
    if (this.#frame !== null) cancelAnimationFrame(this.#frame)
    clearTimeout(this.#timer)
    this.#frame = null
  }

  /** Nothing changes or is drawn any more. */
  close() {
    this.closed = true
    this.#forgetFrame()
  }
}
