// A question in the way of what was asked for.

import { el } from './dom.js'

// Asks a question with two answers; resolves to true for the second one.
export function confirm({ title, text, no = 'Cancel', yes, danger = false }) {
  return new Promise((resolve) => {
    const dialog = el(
      'dialog',
      { class: 'dialog', 'aria-labelledby': 'dialog-title', 'aria-describedby': 'dialog-text', 'data-testid': 'dialog' },
      el('h2', { id: 'dialog-title' }, title),
      el('p', { id: 'dialog-text' }, text),
      el(
        'div',
        { class: 'dialog-actions' },
        el('button', { class: 'button', type: 'button', onclick: () => dialog.close('no') }, no),
        el(
          'button',
          { class: danger ? 'button danger' : 'button primary', type: 'button', 'data-testid': 'confirm', onclick: () => dialog.close('yes') },
          yes,
        ),
      ),
    )
    dialog.addEventListener('close', () => {
      dialog.remove()
      resolve(dialog.returnValue === 'yes')
    })
    document.body.append(dialog)
    dialog.showModal()
  })
}
