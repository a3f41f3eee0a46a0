// What stands at the foot of a meeting's page, over its lines: the browser is told how high it is, so that it brings
// nothing into sight, such as what gets the focus, behind it.

import { el } from '../dom.js'

const MOST = '50vh' // however much is listed there

export class Foot {
  node
  #watch = new ResizeObserver(() => {
    this.#style.setProperty('scroll-padding-bottom', `min(${this.node.offsetHeight}px, ${MOST})`)
  })

  /** @param {Node[]} parts */
  constructor(parts) {
    this.node = el('div', { class: 'recording-holder' }, ...parts)
  }

  get #style() {
    return document.documentElement.style
  }

  open() {
    this.#watch.observe(this.node)
  }

  close() {
    this.#watch.disconnect()
    this.#style.removeProperty('scroll-padding-bottom')
  }
}
