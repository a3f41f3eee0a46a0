// Keeps the newest line in sight until the reader scrolls up, and says when that changes.

const NEAR = 64 // pixels from the end that still count as the end

export class Follower {
  following = true
  #last = 0

  constructor(onChange, scroller = document.scrollingElement) {
    this.onChange = onChange
    this.scroller = scroller
    window.addEventListener('scroll', this.#scrolled, { passive: true })
  }

  close() {
    window.removeEventListener('scroll', this.#scrolled)
  }

  // Call after the transcript has changed.
  follow() {
    if (this.following) this.#toEnd()
  }

  jump() {
    this.#set(true)
    this.#toEnd()
  }

  #toEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight
    this.#last = this.scroller.scrollTop
  }

  // Only a move upwards is the reader's wish to stay: text that grows below moves nothing.
  #scrolled = () => {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller
    if (scrollHeight - scrollTop - clientHeight <= NEAR) this.#set(true)
    else if (scrollTop < this.#last - 1) this.#set(false)
    this.#last = scrollTop
  }

  #set(following) {
    if (this.following === following) return
    this.following = following
    this.onChange(following)
  }
}
