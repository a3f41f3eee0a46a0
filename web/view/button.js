// A button with an icon and a label that may change.

import { el, setText } from './dom.js'
import { icon } from './icons.js'

export class Button {
  #label = el('span')
  node

  /**
   * @param {object} options
   * @param {string} options.testid
   * @param {Parameters<typeof icon>[0]} options.shape
   * @param {string} options.label
   * @param {() => void} options.onPress
   * @param {string} [options.look] classes
   */
  constructor({ testid, shape, label, onPress, look = '' }) {
    this.#label.textContent = label
    const attributes = { class: `button ${look}`, type: 'button', 'data-testid': testid, onclick: onPress }
    this.node = el('button', attributes, icon(shape), this.#label)
  }

  /** @param {string} label */
  set label(label) {
    setText(this.#label, label)
  }
}
