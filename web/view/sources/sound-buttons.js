// What stands in the bar of a meeting about its sources: a way to share a tab's sound, and to the list of them.

import { sourcesButton, tabButton } from '../../state/sources/source-rows.js'
import { t } from '../../texts/texts.js'
import { Button } from '../button.js'
import { el, set } from '../dom.js'

/** @typedef {import('../../state/page-state.js').PageState} PageState */

export class SoundButtons {
  #tab
  #list
  node

  /**
   * @param {object} handlers
   * @param {() => void} handlers.onTab
   * @param {() => void} handlers.onList
   */
  constructor({ onTab, onList }) {
    const tab = { testid: 'share-tab', label: t('join.tab'), onPress: onTab, look: 'share-tab' }
    this.#tab = new Button({ ...tab, shape: 'tab' })
    const list = { testid: 'sources-open', label: '', onPress: onList, look: 'quiet sources-open' }
    this.#list = new Button({ ...list, shape: 'bars' })
    this.#list.node.setAttribute('aria-controls', 'sources')
    this.node = el('div', { class: 'sound-buttons' }, this.#tab.node, this.#list.node)
  }

  /** @param {PageState} state */
  render(state) {
    const tab = tabButton(state)
    set(this.#tab.node, { hidden: !tab, disabled: tab?.disabled ?? false, title: tab?.label ?? '' })
    attribute(this.#tab.node, 'data-on', tab?.on ?? false)
    if (tab) this.#tab.label = tab.label
    const list = sourcesButton(state)
    set(this.#list.node, { hidden: !list })
    if (list) this.#list.label = list.label
    attribute(this.#list.node, 'data-count', list?.count ?? 0)
    attribute(this.#list.node, 'aria-expanded', list?.open ?? false)
  }
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {number | boolean} value
 */
function attribute(element, name, value) {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value))
}
