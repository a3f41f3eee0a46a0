// Marks the words that are being heard in the transcript, and keeps them in sight for who was reading along with them.

/** @typedef {import('../../state/playback/heard.js').Heard} Heard */
/** @typedef {import('../meeting/transcript-view.js').TranscriptView} TranscriptView */

const NAME = 'heard'

export class HeardMark {
  #view
  /** @type {HTMLElement[]} lines that are marked */
  #lines = []
  #drawn = ''

  /** @param {TranscriptView} view */
  constructor(view) {
    this.#view = view
  }

  /**
   * @param {readonly Heard[]} heard
   * @param {boolean} follow whether the page moves along
   */
  render(heard, follow) {
    const places = heard.map(({ id, from, to }) => `${id} ${from} ${to}`).join(',')
    // A line may not be drawn yet, or be drawn anew.
    const whole = this.#lines.length === heard.length && this.#lines.every((line) => line.isConnected)
    if (places === this.#drawn && whole) return
    this.#drawn = places
    const before = this.#lines
    this.#lines = heard.flatMap(({ id }) => this.#view.lineNode(id) ?? [])
    this.#mark(before)
    const ranges = heard.flatMap(({ id, from, to }) => this.#view.range(id, from, to) ?? [])
    // A browser without highlights marks the lines alone.
    if (globalThis.CSS?.highlights) CSS.highlights.set(NAME, new Highlight(...ranges))
    if (follow) this.#follow(before)
  }

  clear() {
    globalThis.CSS?.highlights?.delete(NAME)
  }

  /** @param {HTMLElement[]} before lines that were marked */
  #mark(before) {
    for (const line of before) if (!this.#lines.includes(line)) line.removeAttribute('data-heard')
    for (const line of this.#lines) line.setAttribute('data-heard', '')
  }

  /** @param {HTMLElement[]} before */
  #follow(before) {
    const [line] = this.#lines
    if (!line || before.includes(line) || isInSight(line)) return
    // Whoever has gone to read elsewhere is not called back.
    if (before.length && !before.some(isInSight)) return
    scrollTo(line)
  }
}

/** @param {HTMLElement} line */
function isInSight(line) {
  const { top, bottom } = line.getBoundingClientRect()
  return bottom > 0 && top < window.innerHeight - 160 // the player covers the lower end
}

/** @param {HTMLElement} line */
function scrollTo(line) {
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches
  line.scrollIntoView({ block: 'center', behavior: still ? 'auto' : 'smooth' })
}
