// The dialog in which a meeting that is over is sent through the models once more.

import { languagesOf, loadedModels, otherModels } from '../../state/jobs/models.js'
import { peopleGiven } from '../../state/people.js'
import { languageNames, t } from '../../texts/texts.js'
import { el, setText } from '../dom.js'
import { openModal } from './modal.js'

/** @typedef {import('../../state/jobs/models.js').AgainBody} AgainBody */
/** @typedef {import('../../state/jobs/models.js').ModelChoice} ModelChoice */

/**
 * @typedef {object} AgainOptions
 * @property {string} id of the meeting
 * @property {readonly string[]} languages codes of those that the loaded models read; none where they read all
 * @property {Promise<readonly ModelChoice[]>} models that the server has; never fails
 * @property {(body: AgainBody) => Promise<unknown>} ask fails with a sentence
 */

/** @param {AgainOptions} options */
export function openAgainDialog({ id, languages, models, ask }) {
  const { language, spoken, offer } = languageField(languages)
  const model = el('select', { id: 'again-model', 'aria-describedby': 'again-elsewhere' })
  const people = peopleField()
  const problem = el('p', { class: 'terms-problem', role: 'alert', 'data-testid': 'again-problem' })
  const dialog = el('dialog', { class: 'dialog', 'aria-labelledby': 'again-title', 'data-testid': 'again-dialog' })
  const cancel = el('button', { class: 'button', type: 'button', onclick: () => dialog.close() }, t('button.cancel'))
  const begin = beginButton()
  const byCommand = commandHint(id)
  const fields = el(
    'div',
    { class: 'option-fields' },
    spoken,
    el('label', { for: people.id }, t('again.people')),
    people,
    el('p', { id: 'again-hint', class: 'hint' }, t('people.hint')),
    byCommand,
  )
  models.then((known) => {
    const others = otherModels(known)
    if (!others.length) return
    model.addEventListener('change', () => offer(languagesOf(others, model.value, languages)))
    byCommand.remove()
    fields.prepend(...modelField(model, known)) // which languages there are depends on it
  })
  const said = el('p', { role: 'status' }, t('again.text'))
  const actions = el('div', { class: 'dialog-actions' }, cancel, begin)
  const form = el('form', { class: 'terms-form' }, el('h2', { id: 'again-title' }, t('again.title')), said)
  form.append(fields, problem, actions)

  const over = () => {
    setText(said, t('again.begun'))
    fields.remove()
    begin.remove()
    setText(cancel, t('button.done'))
    cancel.focus()
  }
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const { speakers, problem: wrong } = peopleGiven(people.value)
    const said = { language: language.value, models: model.value, speakers }
    const body = Object.fromEntries(Object.entries(said).filter(([, value]) => value))
    if (wrong) setText(problem, wrong)
    else submit(begin, problem, () => ask(body).then(over))
  })
  dialog.append(form)
  openModal(dialog)
}

const beginButton = () =>
  el('button', { class: 'button primary', type: 'submit', 'data-testid': 'again-begin' }, t('again.begin'))

const peopleField = () =>
  el('input', {
    id: 'again-people',
    type: 'text',
    maxlength: 20,
    autocomplete: 'off',
    'aria-describedby': 'again-hint',
  })

/** @param {string} id */
const commandHint = (id) =>
  el('p', { class: 'hint' }, t('again.models'), el('code', {}, `python -m meeting retranscribe ${id} --models whisper`))

/**
 * What is spoken, and how to offer other languages; with fewer than two it is not shown.
 *
 * @param {readonly string[]} languages
 */
function languageField(languages) {
  const language = el('select', { id: 'again-language' })
  const spoken = el('div', { class: 'option-fields' }, el('label', { for: language.id }, t('again.language')), language)
  const offer = (/** @type {readonly string[]} */ codes) => {
    const options = codes.map((code) => el('option', { value: code }, languageNames([code])))
    language.replaceChildren(el('option', { value: '' }, t('again.any')), ...options)
    spoken.hidden = options.length < 2
  }
  offer(languages)
  return { language, spoken, offer }
}

/**
 * The choice of models, with what is to be known of it.
 *
 * @param {HTMLSelectElement} model
 * @param {readonly ModelChoice[]} known
 */
function modelField(model, known) {
  const options = otherModels(known).map(({ name, speech }) => el('option', { value: name }, speech))
  model.append(el('option', { value: '' }, loadedModels(known)), ...options)
  const hint = el('p', { id: 'again-elsewhere', class: 'hint' }, t('again.elsewhere'))
  return [el('label', { for: model.id }, t('again.which')), model, hint]
}

/**
 * @param {HTMLButtonElement} button that must not be pressed twice
 * @param {HTMLElement} problem where is said why it failed
 * @param {() => Promise<void>} work
 */
async function submit(button, problem, work) {
  button.disabled = true
  setText(problem, '')
  await work().catch((error) => {
    button.disabled = false
    setText(problem, /** @type {Error} */ (error).message)
  })
}
