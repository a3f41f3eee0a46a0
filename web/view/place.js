// Where somebody is on a page that is drawn in portions: the lines in sight and how high they stand.

import { firstBelow } from './dom.js'

/**
 * @typedef {object} Place
 * @property {number} top pixels that the page is scrolled by
 * @property {{ mark: string, offset: number }[]} seen the first things in sight, as selectors, and how many pixels
 *   below the top of the window; none where there are no lines, meetings or hits in sight
 * @property {string} focused selector of the link that had the focus, or empty
 */

const MARKS = '[data-segment], [data-meeting], .hit'
const SEVERAL = 3 // of which some may be gone when somebody comes back
const PATIENCE = 20_000 // milliseconds that the page may take to draw what was in sight
const SETTLING = 2000 // milliseconds after that in which more may be drawn above
const OWN_WAYS = ['wheel', 'touchmove', 'pointerdown', 'keydown']

/**
 * @param {Element} root
 * @returns {Place}
 */
export function placeIn(root) {
  const { scrollY: top, innerHeight } = window
  const all = [...root.querySelectorAll(MARKS)]
  const first = firstBelow(all)
  const at = first ? all.indexOf(first) : 0
  const seen = all
    .slice(at, at + SEVERAL)
    .map((node) => ({ mark: markOf(node), offset: node.getBoundingClientRect().top }))
    .filter(({ offset }) => offset < innerHeight)
  const link = document.activeElement?.closest('a')
  const focused = link && root.contains(link) ? link.closest(MARKS) : null
  return { top, seen: first ? seen : [], focused: focused ? markOf(focused) : '' }
}

/** @param {Element} node */
function markOf(node) {
  const name = ['data-segment', 'data-meeting'].find((one) => node.hasAttribute(one)) ?? 'href'
  return `[${name}="${CSS.escape(node.getAttribute(name) ?? '')}"]`
}

/** Leads back to a place while the page is being drawn, until somebody goes another way. */
export class WayBack {
  #root
  #place
  #watch = new ResizeObserver(() => this.#go())
  #there = false
  /** @type {number | undefined} */
  #timer

  /**
   * @param {Element} root that holds the page
   * @param {Place} place
   */
  constructor(root, place) {
    this.#root = root
    this.#place = place
  }

  open() {
    for (const way of OWN_WAYS) window.addEventListener(way, this.#stop, { passive: true })
    this.#timer = setTimeout(this.#stop, PATIENCE)
    this.#watch.observe(this.#root)
  }

  close() {
    for (const way of OWN_WAYS) window.removeEventListener(way, this.#stop)
    clearTimeout(this.#timer)
    this.#watch.disconnect()
  }

  #stop = () => this.close()

  #go() {
    const { top, seen, focused } = this.#place
    const found = top > 0 && seen.map(({ mark, offset }) => ({ node: this.#root.querySelector(mark), offset }))
    const { node = null, offset = 0 } = (found && found.find((one) => one.node)) || {}
    if (node) window.scrollBy(0, node.getBoundingClientRect().top - offset)
    else if (seen.length === 0) window.scrollTo(0, top)
    if (this.#there || (node === null && window.scrollY < top - 1) || !this.#focus(focused)) return
    this.#there = true
    clearTimeout(this.#timer)
    this.#timer = setTimeout(this.#stop, SETTLING)
  }

  /**
   * @param {string} mark
   * @returns {boolean} false while that is not there yet
   */
  #focus(mark) {
    const { activeElement: active } = document
    if (!mark || (active !== document.body && active !== this.#root)) return true
    const node = this.#root.querySelector(mark)
    const link = node?.matches('a') ? node : node?.querySelector('a')
    if (link instanceof HTMLElement) link.focus({ preventScroll: true })
    return Boolean(link)
  }
}
