// A link to give to others, and its QR code for those who sit in the same room.

import { t } from '../../texts/texts.js'
import { el } from '../dom.js'

export class LinkCard {
  #draw
  #link = el('input', {
    class: 'share-link',
    type: 'text',
    readonly: true,
    'aria-label': t('share.link'),
    'data-testid': 'share-link',
  })
  #code = el('div', { class: 'qr-code', role: 'img', 'aria-label': t('share.code'), 'data-testid': 'qr-code' })
  node = el('div', { class: 'link-card', hidden: true }, this.#link, this.#code)

  /** @param {(link: string) => Promise<string>} draw the QR code of a link as SVG */
  constructor(draw) {
    this.#draw = draw
  }

  /**
   * Shows a link, and copies it.
   *
   * @param {string} link
   * @returns {Promise<boolean>} whether it was copied
   */
  async show(link) {
    this.node.hidden = false
    this.#link.value = link
    this.#link.select()
    this.#showCode(link)
    if (!navigator.clipboard) return false // browsers leave it out of pages that came without encryption
    return navigator.clipboard.writeText(link).then(
      () => true,
      () => false,
    )
  }

  hide() {
    this.node.hidden = true
  }

  /** @param {string} link */
  async #showCode(link) {
    this.#code.hidden = true
    const svg = await this.#draw(link).catch(() => '')
    if (!svg || link !== this.#link.value) return // it can still be sent, which is what most do
    const drawn = new DOMParser().parseFromString(svg, 'image/svg+xml').documentElement
    this.#code.replaceChildren(document.importNode(drawn, true))
    this.#code.hidden = false
  }
}
