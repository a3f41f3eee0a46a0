// The newest final lines for screen readers.

import { el } from '../dom.js'

/** @typedef {import('../../state/page-state.js').Announcement} Announcement */

export class Announcer {
  #root
  /** @type {Map<Announcement, HTMLElement>} */
  #drawn = new Map()

  /** @param {HTMLElement} root a live region */
  constructor(root) {
    this.#root = root
  }

  /** @param {readonly Announcement[]} announcements */
  render(announcements) {
    for (const announcement of announcements) {
      if (this.#drawn.has(announcement)) continue
      const node = el('p', {}, announcement.text)
      this.#root.append(node)
      this.#drawn.set(announcement, node)
    }
    for (const [announcement, node] of this.#drawn) {
      if (announcements.includes(announcement)) continue
      node.remove()
      this.#drawn.delete(announcement)
    }
  }

  clear() {
    this.render([])
  }
}
