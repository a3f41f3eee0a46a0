// The dialog in which a host says which names and terms are likely to be said.

import { termsCount, termsOf, termsProblem, termsText } from '../../state/terms.js'
import { t } from '../../texts/texts.js'
import { el, setText } from '../dom.js'
import { openModal } from './modal.js'

/**
 * What the dialog asks the server; each fails with a sentence for the reader.
 *
 * @typedef {object} TermService
 * @property {() => Promise<string[]>} load
 * @property {(terms: string[]) => Promise<void>} save
 */

/** @param {TermService} service */
export function openTermsDialog(service) {
  new TermsDialog(service).open()
}

class TermsDialog {
  #service
  #terms = el('textarea', {
    rows: 6,
    maxlength: 25_000,
    disabled: true,
    spellcheck: 'false',
    autocomplete: 'off',
    'aria-labelledby': 'terms-title',
    'aria-describedby': 'terms-hint terms-count',
    'data-testid': 'terms',
    oninput: () => this.#check(),
  })
  #count = el('p', { id: 'terms-count', class: 'terms-count', 'data-testid': 'terms-count' })
  #problem = el('p', { class: 'terms-problem', role: 'alert', 'data-testid': 'terms-problem' })
  #save = el(
    'button',
    { class: 'button primary', type: 'submit', disabled: true, 'data-testid': 'terms-save' },
    t('button.save'),
  )
  #dialog = el('dialog', { class: 'dialog', 'aria-labelledby': 'terms-title', 'data-testid': 'terms-dialog' })

  /** @param {TermService} service */
  constructor(service) {
    this.#service = service
  }

  open() {
    const dialog = this.#dialog
    const cancel = { class: 'button', type: 'button', 'data-testid': 'terms-cancel', onclick: () => dialog.close() }
    const form = el(
      'form',
      { class: 'terms-form' },
      el('h2', { id: 'terms-title' }, t('terms.label')),
      this.#terms,
      el('p', { id: 'terms-hint' }, t('terms.hint.live')),
      this.#count,
      this.#problem,
      el('div', { class: 'dialog-actions' }, el('button', cancel, t('button.cancel')), this.#save),
    )
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      this.#submit()
    })
    dialog.append(form)
    openModal(dialog)
    this.#load()
  }

  async #load() {
    try {
      this.#terms.value = termsText(await this.#service.load())
      this.#terms.disabled = false
      this.#terms.focus()
      this.#check()
    } catch (error) {
      setText(this.#problem, /** @type {Error} */ (error).message)
    }
  }

  #check() {
    const terms = termsOf(this.#terms.value)
    const problem = termsProblem(terms)
    setText(this.#count, termsCount(terms.length))
    setText(this.#problem, problem)
    this.#save.disabled = problem !== ''
  }

  async #submit() {
    this.#save.disabled = true
    try {
      await this.#service.save(termsOf(this.#terms.value))
      this.#dialog.close()
    } catch (error) {
      setText(this.#problem, t('edit.failed', { why: /** @type {Error} */ (error).message }))
      this.#save.disabled = false
    }
  }
}
