// What is in a file before it is downloaded.

import { t } from '../../texts/texts.js'
import { el, setText } from '../dom.js'
import { openModal } from './modal.js'

const MOST = 100_000 // characters that are shown: more would hold the page up

/**
 * @param {readonly string[]} formats that can be shown
 * @param {(format: string) => Promise<string>} load fails with a sentence for the reader
 */
export function openPreviewDialog(formats, load) {
  const text = el('pre', { tabindex: 0, 'aria-labelledby': 'preview-title', 'data-testid': 'preview' })
  const note = el('p', { role: 'status', 'data-testid': 'preview-note' })
  const options = formats.map((format) => el('option', { value: format }, t(`export.${format}`)))
  const choice = el('select', { 'data-testid': 'preview-format' }, ...options)
  const show = async () => {
    const format = choice.value
    text.replaceChildren()
    setText(note, t('preview.waiting'))
    const found = await load(format).catch((error) => error)
    if (format !== choice.value) return // another one was chosen meanwhile
    const failed = found instanceof Error
    text.replaceChildren(failed ? '' : found.slice(0, MOST))
    if (failed) setText(note, found.message)
    else setText(note, found.length > MOST ? t('preview.more') : '')
  }
  choice.addEventListener('change', show)
  const close = { class: 'button', type: 'button', onclick: () => dialog.close() }
  const dialog = el(
    'dialog',
    { class: 'dialog preview-dialog', 'aria-labelledby': 'preview-title', 'data-testid': 'preview-dialog' },
    el('h2', { id: 'preview-title' }, t('preview.title')),
    el('label', {}, el('span', {}, t('preview.format')), choice),
    text,
    note,
    el('div', { class: 'dialog-actions' }, el('button', close, t('button.done'))),
  )
  openModal(dialog)
  show()
}
