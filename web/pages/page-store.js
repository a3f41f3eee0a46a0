// The state of a page, and when it is drawn: several changes in one frame are drawn once.

/** @template State */
export class PageStore {
  #render
  /** @type {number | null} */
  #frame = null
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
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null
      if (this.#render(this.state)) this.draw()
    })
  }

  /** Nothing changes or is drawn any more. */
  close() {
    this.closed = true
    if (this.#frame !== null) cancelAnimationFrame(this.#frame)
  }
}
