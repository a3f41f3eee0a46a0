// The dialog in which a host gives out links and takes them back.

import { day } from '../../state/format.js'
import { t } from '../../texts/texts.js'
import { el, setText } from '../dom.js'
import { LinkCard } from './link-card.js'
import { openModal } from './modal.js'

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
 * @property {(link: string) => Promise<string>} draw the QR code of a link as SVG
 * @property {(kind: LinkKind, seconds: number | null) => Promise<string>} create the address of a new link, which works
 *   for some seconds or, with null, for as long as the meeting is kept
 * @property {() => Promise<GivenLink[]>} list
 * @property {(link: GivenLink) => Promise<void>} revoke
 */

/** @typedef {LinkRole | 'captions'} LinkKind  captions: for readers, to the page with large ones */

/** @type {readonly LinkKind[]} in the order of the page */
const KINDS = ['view', 'speak', 'host', 'captions']
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
  #card
  #status = el('p', { class: 'share-status', role: 'status', 'data-testid': 'share-status' })
  #list = el('ul', { class: 'share-list', 'data-testid': 'share-list' })

  /** @param {LinkService} links */
  constructor(links) {
    this.#links = links
    this.#card = new LinkCard(links.draw)
  }

  open() {
    const roles = KINDS.map((kind) => this.#kindButton(kind))
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
      this.#status,
      this.#card.node,
      el('h3', {}, t('share.given')),
      this.#list,
      el('div', { class: 'dialog-actions' }, done),
    )
    openModal(dialog)
    this.#load()
  }

  /** @param {LinkKind} kind */
  #kindButton(kind) {
    const button = el(
      'button',
      { class: 'button', type: 'button', 'data-testid': `share-${kind}`, onclick: () => this.#give(kind, button) },
      el('strong', {}, t(`share.${kind}.copy`)),
      el('span', {}, t(`share.${kind}.what`)),
    )
    return button
  }

  /**
   * @param {LinkKind} kind
   * @param {HTMLButtonElement} button
   */
  async #give(kind, button) {
    button.disabled = true
    try {
      const link = await this.#links.create(kind, Number(this.#term.value) || null)
      this.#say(t((await this.#card.show(link)) ? 'share.copied' : 'share.copy-now'))
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
      this.#card.hide()
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
