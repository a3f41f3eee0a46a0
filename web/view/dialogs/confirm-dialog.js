// A question in the way of what was asked for.

import { el } from '../dom.js'
import { openModal } from './modal.js'

/**
 * Asks a question with two answers.
 *
 * @param {object} question
 * @param {string} question.title
 * @param {string} question.text
 * @param {string} question.no label of the first answer
 * @param {string} question.yes label of the second one
 * @param {boolean} [question.danger] the second one cannot be undone
 * @returns {Promise<boolean>} true for the second one
 */
export function confirm({ title, text, no, yes, danger = false }) {
  return new Promise((resolve) => {
    const look = danger ? 'button danger' : 'button primary'
    const close = el('button', { class: 'button', type: 'button', onclick: () => dialog.close('no') }, no)
    const agree = el(
      'button',
      { class: look, type: 'button', 'data-testid': 'confirm', onclick: () => dialog.close('yes') },
      yes,
    )
    const dialog = el(
      'dialog',
      {
        class: 'dialog',
        'aria-labelledby': 'dialog-title',
        'aria-describedby': 'dialog-text',
        'data-testid': 'dialog',
      },
      el('h2', { id: 'dialog-title' }, title),
      el('p', { id: 'dialog-text' }, text),
      el('div', { class: 'dialog-actions' }, close, agree),
    )
    openModal(dialog, (answer) => resolve(answer === 'yes'))
  })
}
