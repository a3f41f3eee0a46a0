// The language of the pages: the browser's, unless another one was chosen here, which is remembered.

import { browserStorage } from '../storage/storage.js'
import { LANGUAGES, choose, speak, spoken, t } from '../texts/texts.js'

const CHOSEN = 'language'

/** Speaks it from now on, also in what stands in the document itself. */
export function useLanguage() {
  speak(choose(navigator.languages, browserStorage.get(CHOSEN)))
  document.documentElement.lang = spoken()
  for (const node of document.querySelectorAll('[data-text]')) {
    node.textContent = t(node.getAttribute('data-text') ?? '')
  }
}

/**
 * Lets people choose another one.
 *
 * @param {HTMLSelectElement} menu
 * @param {() => void} onChange what is drawn is to be drawn anew
 */
export function openLanguageMenu(menu, onChange) {
  for (const [code, name] of Object.entries(LANGUAGES)) {
    const option = new Option(name, code)
    option.lang = code
    menu.add(option)
  }
  const label = () => {
    menu.value = spoken()
    menu.setAttribute('aria-label', t('app.language'))
  }
  label()
  menu.addEventListener('change', () => {
    browserStorage.set(CHOSEN, menu.value)
    useLanguage()
    label()
    onChange()
  })
}
