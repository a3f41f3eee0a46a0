// The dialog in which a host gives out links and takes them back.

import * as api from '../net/api.js'
import { absoluteUrl } from '../net/urls.js'
import { day } from '../state/format.js'
import { el, setText } from './dom.js'

const ROLES = [
  ['view', 'Readers', 'read along'],
  ['speak', 'Speakers', 'read along and be heard'],
  ['host', 'Hosts', 'do all that you can here'],
]
const DAY = 86_400
const TERMS = [
  ['', 'as long as the meeting is kept'],
  [DAY, 'for one day'],
  [7 * DAY, 'for a week'],
  [30 * DAY, 'for 30 days'],
]

// given: links by role that this page knows already, since it has just made the meeting.
export function openShareDialog(id, given = {}) {
  const term = el('select', { 'data-testid': 'share-term' }, ...TERMS.map(([seconds, label]) => el('option', { value: seconds }, label)))
  const made = el('input', { class: 'share-link', type: 'text', readonly: true, hidden: true, 'aria-label': 'The link', 'data-testid': 'share-link' })
  const said = el('p', { class: 'share-status', role: 'status', 'data-testid': 'share-status' })
  const list = el('ul', { class: 'share-list', 'data-testid': 'share-list' })
  const say = (text) => setText(said, text)

  async function give(role, button) {
    button.disabled = true
    try {
      const seconds = Number(term.value) || null
      const url = (seconds === null && given[role]) || (await api.invite(id, role, seconds)).url
      made.value = absoluteUrl(url)
      made.hidden = false
      made.select()
      await navigator.clipboard.writeText(made.value).then(
        () => say('Copied. The link is shown only now: whoever has it is let in.'),
        () => say('Copy this link now, it is not shown again: whoever has it is let in.'),
      )
      await load()
    } catch (error) {
      say(error.message)
    }
    button.disabled = false
  }

  async function load() {
    try {
      const { links } = await api.listLinks(id)
      list.replaceChildren(...links.map(row))
    } catch (error) {
      say(error.message)
    }
  }

  function row(link) {
    const name = ROLES.find(([role]) => role === link.role)[1]
    const until = link.expires_at ? `, until ${day(link.expires_at)}` : ''
    const revoke = el('button', { class: 'button', type: 'button', 'data-testid': 'revoke', 'aria-label': `Revoke the link for ${name.toLowerCase()} of ${day(link.created_at)}` }, 'Revoke')
    revoke.addEventListener('click', async () => {
      revoke.disabled = true
      try {
        await api.revoke(id, link.id)
        delete given[link.role] // it may have been this one
        made.hidden = true
        say('Revoked: that link opens nothing any more.')
      } catch (error) {
        say(error.message)
      }
      load()
    })
    const words = el('span', {}, `${name}, made ${day(link.created_at)}${until}${link.mine ? ' (yours)' : ''}`)
    return el('li', { 'data-role': link.role }, words, link.mine ? null : revoke)
  }

  const dialog = el(
    'dialog',
    { class: 'dialog share-dialog', 'aria-labelledby': 'share-title', 'data-testid': 'share-dialog' },
    el('h2', { id: 'share-title' }, 'Share this meeting'),
    el('label', { class: 'share-term' }, el('span', {}, 'A new link works'), term),
    el(
      'div',
      { class: 'share-roles' },
      ...ROLES.map(([role, name, what]) => {
        const button = el('button', { class: 'button', type: 'button', 'data-testid': `share-${role}` }, el('strong', {}, `Copy link for ${name.toLowerCase()}`), el('span', {}, `They can ${what}.`))
        button.addEventListener('click', () => give(role, button))
        return button
      }),
    ),
    made,
    said,
    el('h3', {}, 'Links given out'),
    list,
    el('div', { class: 'dialog-actions' }, el('button', { class: 'button primary', type: 'button', 'data-testid': 'share-done', onclick: () => dialog.close() }, 'Done')),
  )
  dialog.addEventListener('close', () => dialog.remove())
  document.body.append(dialog)
  dialog.showModal()
  load()
}
