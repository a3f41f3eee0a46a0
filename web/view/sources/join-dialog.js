// Asks what has to be known before sound is shared: who speaks, or what the sound of a tab is called.

import { LONGEST_NAME } from '../../state/sources/participant.js'
import { t } from '../../texts/texts.js'
import { openModal } from '../dialogs/modal.js'
import { el, setText } from '../dom.js'
import { ParticipantFields } from './participant-fields.js'

/** @typedef {import('../../state/sources/participant.js').Participant} Participant */

/**
 * @param {Participant} known what stands there at first
 * @returns {Promise<Participant | null>} null where nothing is to be shared
 */
export async function askParticipant(known) {
  const fields = new ParticipantFields()
  fields.value = known
  const title = t('join.title')
  const agreed = await ask({ title, parts: fields.nodes, yes: t('join.begin'), check: () => fields.check(), fields })
  return agreed ? fields.value : null
}

/**
 * @param {string} known what stands there at first
 * @returns {Promise<string | null>} null where nothing is to be shared
 */
export async function askTabName(known) {
  const attributes = { id: 'tab-name', type: 'text', maxlength: LONGEST_NAME, autocomplete: 'off' }
  const name = el('input', { ...attributes, 'data-testid': 'tab-name' })
  name.value = known
  const parts = [
    el('p', {}, t('join.tab.how')),
    el('p', {}, t('join.tab.headphones')),
    el('label', { for: 'tab-name' }, t('join.tab.name')),
    name,
  ]
  const yes = t('join.tab.begin')
  const agreed = await ask({ title: t('join.tab.title'), parts, yes, check: () => '', fields: name })
  return agreed ? name.value.trim() || known : null
}

/**
 * @param {object} question
 * @param {string} question.title
 * @param {HTMLElement[]} question.parts
 * @param {string} question.yes
 * @param {() => string} question.check what is wrong with what was written; empty where nothing is
 * @param {{ focus: () => void }} question.fields
 * @returns {Promise<boolean>}
 */
function ask({ title, parts, yes, check, fields }) {
  return new Promise((resolve) => {
    const problem = el('p', { class: 'terms-problem', role: 'alert', 'data-testid': 'join-problem' })
    const cancel = { class: 'button', type: 'button', 'data-testid': 'join-cancel', onclick: () => dialog.close('no') }
    const begin = { class: 'button primary', type: 'submit', 'data-testid': 'join-begin' }
    const form = el(
      'form',
      { class: 'join-form', method: 'dialog' },
      el('h2', { id: 'join-title' }, title),
      ...parts,
      problem,
      el('div', { class: 'dialog-actions' }, el('button', cancel, t('button.cancel')), el('button', begin, yes)),
    )
    const about = { class: 'dialog', 'aria-labelledby': 'join-title', 'data-testid': 'join-dialog' }
    const dialog = el('dialog', about, form)
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      const wrong = check()
      setText(problem, wrong)
      if (wrong) fields.focus()
      else dialog.close('yes')
    })
    openModal(dialog, (answer) => resolve(answer === 'yes'))
    fields.focus()
  })
}
