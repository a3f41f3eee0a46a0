// Keeps the newest line in sight until the reader scrolls up, and what is being read where it is.

import { firstBelow } from '../dom.js'

const NEAR = 64 // pixels from the end that still count as the end

export class ScrollFollower {
  #onFollowing
  #scroller
  #last = 0
  #rest = 0 // part of a pixel by which the last change could not be made up for

  /**
   * @param {(following: boolean) => void} onFollowing the reader has come to the end, or has left it
   * @param {Element} scroller
   */
  constructor(onFollowing, scroller = /** @type {Element} */ (document.scrollingElement)) {
    this.#onFollowing = onFollowing
    this.#scroller = /** @type {HTMLElement} */ (scroller)
  }

  open() {
    window.addEventListener('scroll', this.#scrolled, { passive: true })
  }

  close() {
    window.removeEventListener('scroll', this.#scrolled)
  }

  get atTop() {
    return this.#scroller.scrollTop <= 0
  }

  toEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight
    this.#last = this.#scroller.scrollTop
  }

  /**
   * Changes the transcript below `root` so that what is being read stays where it is.
   *
   * @param {Element} root
   * @param {boolean} following whether the newest line is what is being read
   * @param {() => void} change
   */
  hold(root, following, change) {
    const line = following || this.atTop ? null : lineInSight(root)
    if (!line) {
      change()
      return
    }
    const before = line.getBoundingClientRect().top
    this.#scroller.style.overflowAnchor = 'none' // the browser would do the same once more
    change()
    if (line.isConnected) {
      this.#scroller.scrollTop += line.getBoundingClientRect().top - before + this.#rest
      this.#rest += line.getBoundingClientRect().top - before
      this.#last = this.#scroller.scrollTop
    }
    requestAnimationFrame(() => (this.#scroller.style.overflowAnchor = ''))
  }

  // Only a move upwards is the reader's wish to stay: text that grows below moves nothing.
  #scrolled = () => {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller
    if (scrollHeight - scrollTop - clientHeight <= NEAR) this.#onFollowing(true)
    else if (scrollTop < this.#last - 1) this.#onFollowing(false)
    this.#last = scrollTop
  }
}

/**
 * The first line that is in sight: lines outlive the turns that they are put together to.
 *
 * @param {Element} root
 */
function lineInSight(root) {
  const turn = firstBelow(root.children)
  return turn && (firstBelow(turn.querySelectorAll('.segment')) ?? turn)
}
