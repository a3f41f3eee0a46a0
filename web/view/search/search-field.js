// The field for what is looked for, and the button beside it.

import { t } from '../../texts/texts.js'
import { el } from '../dom.js'
import { icon } from '../icons.js'

const MOST = 500 // characters that the server takes

/**
 * @param {string} value
 * @returns {{ field: HTMLElement, input: HTMLInputElement }}
 */
export function searchField(value) {
  const input = el('input', {
    type: 'search',
    name: 'q',
    value,
    maxlength: MOST,
    autocomplete: 'off',
    spellcheck: 'false',
    placeholder: t('search.label'),
    'aria-label': t('search.label'),
    'data-testid': 'search',
  })
  const button = el('button', { class: 'button', type: 'submit' }, icon('search'), el('span', {}, t('search.button')))
  return { field: el('div', { class: 'search-field' }, input, button), input }
}
