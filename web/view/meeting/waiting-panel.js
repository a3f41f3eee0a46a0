// What stands in a meeting's page while there is no line: what is waited for, and a way to start.

import { el, sameFields, setText } from '../dom.js'

/** @typedef {{ title: string, text: string, still: boolean }} Waiting  still: nothing more will come */

export class WaitingPanel {
  title = el('h2', { tabindex: -1 }) // can have the focus
  #text = el('p')
  node = el(
    'div',
    { class: 'waiting', 'data-testid': 'waiting' },
    el('div', { class: 'waiting-lines', 'aria-hidden': 'true' }, el('i'), el('i'), el('i')),
    this.title,
    this.#text,
  )
  /** @type {Waiting | null} */
  #drawn = null

  /** @param {Waiting} waiting */
  render(waiting) {
    if (sameFields(waiting, this.#drawn)) return
    this.#drawn = waiting
    this.node.toggleAttribute('data-still', waiting.still)
    setText(this.title, waiting.title)
    setText(this.#text, waiting.text)
  }
}
