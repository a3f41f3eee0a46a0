// The dialog in which a host gives out links and takes them back.

import { day } from '../../state/format.js'
import { t } from '../../texts/texts.js'
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

/** @type {readonly LinkRole[]} in the order of the page */
const ROLES = ['view', 'speak', 'host']
const DAY = 86_400

/** @type {readonly [seconds: string | number, key: string][]} */
const TERMS = [
  ['', 'share.term.kept'],
  [DAY, 'share.term.day'],
  [7 * DAY, 'share.term.week'],
  [30 * DAY, 'share.term.month'],
]

/** @param {LinkService} links */
export function openShareDialog(links) {
  new ShareDialog(links).open()
}

class ShareDialog {
  #links
  #term = el('select', { 'data-testid': 'share-term' }, ...TERMS.map(([value, key]) => el('option', { value }, t(key))))
  #made = el('input', {
    class: 'share-link',
    type: 'text',
    readonly: true,
    hidden: true,
    'aria-label': t('share.link'),
    'data-testid': 'share-link',
  })
  #status = el('p', { class: 'share-status', role: 'status', 'data-testid': 'share-status' })
  #list = el('ul', { class: 'share-list', 'data-testid': 'share-list' })

  /** @param {LinkService} links */
  constructor(links) {
    this.#links = links
  }

  open() {
    const roles = ROLES.map((role) => this.#roleButton(role))
    const done = el(
      'button',
      { class: 'button primary', type: 'button', 'data-testid': 'share-done', onclick: () => dialog.close() },
      t('button.done'),
    )
    const dialog = el(
      'dialog',
      { class: 'dialog share-dialog', 'aria-labelledby': 'share-title', 'data-testid': 'share-dialog' },
      el('h2', { id: 'share-title' }, t('share.title')),
      el('label', { class: 'share-term' }, el('span', {}, t('share.term')), this.#term),
      el('div', { class: 'share-roles' }, ...roles),
      this.#made,
      this.#status,
      el('h3', {}, t('share.given')),
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
    const button = el(
      'button',
      { class: 'button', type: 'button', 'data-testid': `share-${role}`, onclick: () => this.#give(role, button) },
      el('strong', {}, t(`share.${role}.copy`)),
      el('span', {}, t(`share.${role}.what`)),
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
        () => this.#say(t('share.copied')),
        () => this.#say(t('share.copy-now')),
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
    const made = day(link.created_at, now)
    const whose = t(`share.${link.role}.made`, { made })
    const until = link.expires_at ? t('share.until', { link: whose, until: day(link.expires_at, now) }) : whose
    const label = t(`share.${link.role}.revoke`, { made })
    const attributes = { class: 'button', type: 'button', 'data-testid': 'revoke', 'aria-label': label }
    const button = el('button', { ...attributes, onclick: () => this.#revoke(link, button) }, t('share.revoke'))
    const text = el('span', {}, link.mine ? t('share.yours', { link: until }) : until)
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
      this.#say(t('share.revoked'))
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
