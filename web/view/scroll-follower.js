// Keeps the newest line in sight until the reader scrolls up, and says when that changes.

const NEAR = 64 // pixels from the end that still count as the end

export class ScrollFollower {
  following = true
  #last = 0
  #rest = 0 // part of a pixel by which the last change could not be made up for

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

  // MeetingPoller the transcript below `root` so that what is being read stays where it is.
  hold(root, change) {
    const line = this.following || this.scroller.scrollTop <= 0 ? null : readLine(root)
    const before = line?.getBoundingClientRect().top
    if (line) this.scroller.style.overflowAnchor = 'none' // the browser would do the same once more
    change()
    if (!line) return
    if (line.isConnected) {
      const moved = line.getBoundingClientRect().top - before + this.#rest
      this.scroller.scrollTop += moved
      this.#rest = line.getBoundingClientRect().top - before + this.#rest
      this.#last = this.scroller.scrollTop
    }
    requestAnimationFrame(() => (this.scroller.style.overflowAnchor = ''))
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

// The first line that is in sight: lines outlive the turns that they are put together to.
function readLine(root) {
  const turn = firstBelow(root.children)
  return turn && (firstBelow(turn.querySelectorAll('.segment')) ?? turn)
}

// The first of elements in order of height that ends below the top of the window.
function firstBelow(elements) {
  let [low, high] = [0, elements.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (elements[middle].getBoundingClientRect().bottom > 0) high = middle
    else low = middle + 1
  }
  return elements[low] ?? null
}
