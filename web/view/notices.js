// Sentences about what went wrong, each under a key so that it can be replaced or taken back.

import { el } from './dom.js'

export class Notices {
  node = el('div', { class: 'notices', role: 'alert', 'data-testid': 'notices' })

  // action and act: the label of a button and what it does.
  say(key, text, action, act) {
    const known = this.#find(key)
    if (known?.firstElementChild.textContent === text) return
    const notice = el('div', { class: 'notice', 'data-key': key }, el('p', {}, text))
    if (action) notice.append(el('button', { class: 'button', type: 'button', onclick: act }, action))
    if (known) known.replaceWith(notice)
    else this.node.append(notice)
  }

  clear(key) {
    this.#find(key)?.remove()
  }

  #find(key) {
    return [...this.node.children].find((notice) => notice.dataset.key === key)
  }
}
