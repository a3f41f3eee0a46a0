// Sentences about what went wrong, in one place that is read out at once.

import { el } from './dom.js'

/** @typedef {import('../state/notices.js').Notice} Notice */
/** @typedef {import('../state/notices.js').NoticeAction} NoticeAction */

export class NoticesView {
  node = el('div', { class: 'notices', role: 'alert', 'data-testid': 'notices' })
  #act
  /** @type {Map<string, { notice: Notice, node: HTMLElement }>} by key */
  #drawn = new Map()

  /** @param {(action: NoticeAction) => void} act called when the button of a notice is pressed */
  constructor(act) {
    this.#act = act
  }

  /** @param {import('../state/notices.js').Notices} notices */
  render(notices) {
    for (const [key, { node }] of this.#drawn) {
      if (notices.has(key)) continue
      node.remove()
      this.#drawn.delete(key)
    }
    for (const [key, notice] of notices) this.#show(key, notice)
  }

  /**
   * @param {string} key
   * @param {Notice} notice
   */
  #show(key, notice) {
    const drawn = this.#drawn.get(key)
    if (drawn?.notice === notice) return
    const { text, label, action } = notice
    const node = el('div', { class: 'notice', 'data-key': key }, el('p', {}, text))
    if (action) node.append(el('button', { class: 'button', type: 'button', onclick: () => this.#act(action) }, label))
    if (drawn) drawn.node.replaceWith(node)
    else this.node.append(node)
    this.#drawn.set(key, { notice, node })
  }
}
