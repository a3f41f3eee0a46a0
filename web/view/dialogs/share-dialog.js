// The dialog in which a host gives out links and takes them back.

import { day } from '../../state/format.js'
import { el, setText } from '../dom.js'

/** @typedef {'host' | 'speak' | 'view'} LinkRole */

/**
 * A link that was given out.
 *
 * @typedef {object} GivenLink
 * @property {string} id
 * @property {LinkRole} role
 * @property {string} created_at
 * @property {string | null} [expires_at]
 * @property {boolean} mine whether it opened this page
 */

/**
 * What the dialog asks the server; each fails with a sentence for the reader.
 *
 * @typedef {object} LinkService
 * @property {(role: LinkRole, seconds: number | null) => Promise<string>} create the address of a new link, which works
 *   for some seconds or, with null, for as long as the meeting is kept
 * @property {() => Promise<GivenLink[]>} list
 * @property {(link: GivenLink) => Promise<void>} revoke
 */

/** @type {Readonly<Record<LinkRole, [name: string, what: string]>>} in the order of the page */
const ROLES = {
  view: ['Readers', 'read along'],
  speak: ['Speakers', 'read along and be heard'],
  host: ['Hosts', 'do all that you can here'],
}
const DAY = 86_400

/** @type {readonly [seconds: string | number, label: string][]} */
const TERMS = [
  ['', 'as long as the meeting is kept'],
  [DAY, 'for one day'],
  [7 * DAY, 'for a week'],
  [30 * DAY, 'for 30 days'],
]

/** @param {LinkService} links */
export function openShareDialog(links) {
  new ShareDialog(links).open()
}

class ShareDialog {
  #links
  #term = el('select', { 'data-testid': 'share-term' }, ...TERMS.map(([value, name]) => el('option', { value }, name)))
  #made = el('input', {
    class: 'share-link',
    type: 'text',
    readonly: true,
    hidden: true,
    'aria-label': 'The link',
    'data-testid': 'share-link',
  })
  #status = el('p', { class: 'share-status', role: 'status', 'data-testid': 'share-status' })
  #list = el('ul', { class: 'share-list', 'data-testid': 'share-list' })

  /** @param {LinkService} links */
  constructor(links) {
    this.#links = links
  }

  open() {
    const roles = /** @type {LinkRole[]} */ (Object.keys(ROLES)).map((role) => this.#roleButton(role))
    const done = el(
      'button',
      { class: 'button primary', type: 'button', 'data-testid': 'share-done', onclick: () => dialog.close() },
      'Done',
    )
    const dialog = el(
      'dialog',
      { class: 'dialog share-dialog', 'aria-labelledby': 'share-title', 'data-testid': 'share-dialog' },
      el('h2', { id: 'share-title' }, 'Share this meeting'),
      el('label', { class: 'share-term' }, el('span', {}, 'A new link works'), this.#term),
      el('div', { class: 'share-roles' }, ...roles),
      this.#made,
      this.#status,
      el('h3', {}, 'Links given out'),
      this.#list,
      el('div', { class: 'dialog-actions' }, done),
    )
    dialog.addEventListener('close', () => dialog.remove())
    document.body.append(dialog)
    dialog.showModal()
    this.#load()
  }

  /** @param {LinkRole} role */
  #roleButton(role) {
    const [name, what] = ROLES[role]
    const button = el(
      'button',
      { class: 'button', type: 'button', 'data-testid': `share-${role}`, onclick: () => this.#give(role, button) },
      el('strong', {}, `Copy link for ${name.toLowerCase()}`),
      el('span', {}, `They can ${what}.`),
    )
    return button
  }

  /**
   * @param {LinkRole} role
   * @param {HTMLButtonElement} button
   */
  async #give(role, button) {
    button.disabled = true
    try {
      this.#made.value = await this.#links.create(role, Number(this.#term.value) || null)
      this.#made.hidden = false
      this.#made.select()
      await navigator.clipboard.writeText(this.#made.value).then(
        () => this.#say('Copied. The link is shown only now: whoever has it is let in.'),
        () => this.#say('Copy this link now, it is not shown again: whoever has it is let in.'),
      )
      await this.#load()
    } catch (error) {
      this.#say(/** @type {Error} */ (error).message)
    }
    button.disabled = false
  }

  async #load() {
    try {
      const links = await this.#links.list()
      this.#list.replaceChildren(...links.map((link) => this.#row(link)))
    } catch (error) {
      this.#say(/** @type {Error} */ (error).message)
    }
  }

  /** @param {GivenLink} link */
  #row(link) {
    const now = new Date()
    const [name] = ROLES[link.role]
    const made = day(link.created_at, now)
    const until = link.expires_at ? `, until ${day(link.expires_at, now)}` : ''
    const label = `Revoke the link for ${name.toLowerCase()} of ${made}`
    const attributes = { class: 'button', type: 'button', 'data-testid': 'revoke', 'aria-label': label }
    const button = el('button', { ...attributes, onclick: () => this.#revoke(link, button) }, 'Revoke')
    const text = el('span', {}, `${name}, made ${made}${until}${link.mine ? ' (yours)' : ''}`)
    return el('li', { 'data-role': link.role }, text, link.mine ? null : button)
  }

  /**
   * @param {GivenLink} link
   * @param {HTMLButtonElement} button
   */
  async #revoke(link, button) {
    button.disabled = true
    try {
      await this.#links.revoke(link)
      this.#made.hidden = true
      this.#say('Revoked: that link opens nothing any more.')
    } catch (error) {
      this.#say(/** @type {Error} */ (error).message)
    }
    this.#load()
  }

  /** @param {string} text */
  #say(text) {
    setText(this.#status, text)
  }
}
